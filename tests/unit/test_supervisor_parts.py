"""Pieces of the supervisor that stand alone."""

import fcntl
import logging
import os
import random
from types import SimpleNamespace

import msgspec
import pytest
from hub_rig import Rig

from pipeline.config import SourceConfig
from pipeline.readers import ResumePoint
from pipeline.running import RunAdvert, folder_prefix, list_running
from pipeline.snapshot import MAX_CLASS_NAMES, Ledger
from pipeline.stages.hub.statistics import Answer, LatencyHistogram, Statistics
from pipeline.supervisor.adaptation_snap import adaptation_off
from pipeline.supervisor.crew import Crew
from pipeline.supervisor.plan import Adaptation
from pipeline.supervisor.rates import Rate, Rates
from pipeline.supervisor.restarts import RestartBudget
from pipeline.supervisor.run_folder import RunFolder, sweep
from pipeline.supervisor.run_log import RunLog, StageHandler
from pipeline.supervisor.snapshots import class_names
from pipeline.supervisor.specs import SpecFactory


def test_a_child_comes_back_so_often_and_no_more():
    budget = RestartBudget(max_restarts=3, window_s=60)
    delays = [budget.spend(now_s) for now_s in (0, 1, 2, 3)]
    assert delays == [0.0, 0.1, 0.2, None]


def test_old_restarts_are_forgiven():
    budget = RestartBudget(max_restarts=1, window_s=60)
    assert budget.spend(0) == 0.0
    assert budget.spend(59) is None
    assert budget.spend(61) == 0.0


def test_time_in_which_a_child_hung_forgives_nothing():
    """Each life is 130 s long, of which 120 s were spent in waiting for a hello."""
    budget = RestartBudget(max_restarts=3, window_s=60)
    delays = []
    for death in range(4):
        budget.discount(120)
        delays.append(budget.spend(130 * (death + 1)))
    assert delays == [0.0, 0.1, 0.2, None]


@pytest.mark.parametrize(
    ("fatal", "why"),
    [
        ([], None),
        (["a: no such file"], None),
        (["a: no such file", "worker/0: no such model"], "worker/0: no such model"),
        (["worker/0: no such model", "a: no such file"], "worker/0: no such model"),
    ],
)
def test_a_source_that_cannot_be_read_hides_nothing_that_ends_the_run(fatal, why):
    hub = SimpleNamespace(fatal=fatal, source_faults={"a: no such file"})
    nothing = SimpleNamespace()
    crew = Crew(nothing, hub, nothing, nothing, nothing, nothing)
    crew.reap(0.0)
    assert crew.given_up == why


def test_a_run_folder_is_private_and_gone_after_close(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.endpoint("hub") == f"ipc://{folder.path}/hub"
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_is_called_like_a_runs_folder_is_neither_swept_nor_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (elsewhere / "run.json").write_bytes(msgspec.json.encode(RunAdvert(out="/x", pid=1)))
    (tmp_path / f"{folder_prefix()}link").symlink_to(elsewhere)
    assert sweep(tmp_path, folder_prefix()) == []
    assert (elsewhere / "lock").exists()
    with (elsewhere / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert list_running(tmp_path) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_taken_for_our_run(tmp_path):
    folder = tmp_path / f"{folder_prefix()}fake"
    folder.mkdir(mode=0o755)
    (folder / "run.json").write_bytes(msgspec.json.encode(RunAdvert(out="/x", pid=1)))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [run.pid for run in list_running(tmp_path)] == [1]
        os.chown(folder, 12_345, -1)
        assert list_running(tmp_path) == []


def test_a_dead_runs_folder_is_swept_and_a_living_ones_is_not(tmp_path):
    for name in ("dart-0-dead", "dart-0-alive", "dart-0-unlocked-yet"):
        (tmp_path / name).mkdir()
    for name in ("dart-0-dead", "dart-0-alive"):
        (tmp_path / name / "lock").touch()
    with (tmp_path / "dart-0-alive" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        swept = sweep(tmp_path, "dart-0-")
    assert [folder.name for folder in swept] == ["dart-0-dead"]
    assert {p.name for p in tmp_path.iterdir()} == {"dart-0-alive", "dart-0-unlocked-yet"}


def test_a_log_line_names_its_stage_and_hides_credentials(tmp_path, capsys):
    log = RunLog(tmp_path / "run.log", echo=True)
    log.child_line("reader/front", "WARNING cannot open rtsp://u:geheim@cam/s")
    log.child_line("reader/front", "Traceback (most recent call last):")
    log.close()
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert "WARNING reader/front: cannot open rtsp://***@cam/s" in lines[0]
    assert "ERROR   reader/front: Traceback" in lines[1]
    assert "geheim" not in capsys.readouterr().err + "".join(lines)


def test_a_log_record_of_a_thread_gets_its_stage():
    log = RunLog(None, echo=False)
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "ready", None, None)
    record.threadName = "worker/0"
    StageHandler(log).emit(record)
    assert log.tail[0].endswith("INFO    worker/0: ready")


def test_rates_that_nobody_asks_for_any_more_are_forgotten():
    """A source that was changed has another name each time, for months."""
    rates = Rates()
    for session in range(100):
        rates.begin(float(session))
        rates.of("frames", 30.0 * session)
        rates.of(f"source cam {session}", 1.0)
        assert len(rates) <= 3
    rates.begin(100.0)
    assert len(rates) == 2
    assert rates.of("frames", 3000.0) == pytest.approx(30.0)


def test_a_rate_is_growth_over_the_last_seconds():
    rate = Rate()
    assert rate.update(0.0, 0) == 0.0
    assert rate.update(1.0, 10) == 10.0
    assert rate.update(7.0, 10) == 0.0


def test_percentiles_are_right_within_two_percent():
    rng = random.Random(0)
    values = [rng.lognormvariate(2, 1) for _ in range(20_000)]
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(value)
    values.sort()
    for share in (0.5, 0.95, 0.99):
        exact = values[int(share * len(values))]
        assert histogram.percentile(share) == pytest.approx(exact, rel=0.03)


def test_percentiles_of_nothing_are_unknown():
    assert LatencyHistogram().percentile(0.5) is None


def test_statistics_by_hand():
    statistics = Statistics(num_exits=3, full_macs=100)
    for answer in (Answer(0, 0.0, 10, 1.0), Answer(0, 0.55, 10, 2.0), Answer(2, 1.0, 110, 3.0)):
        statistics.add(answer)
    assert statistics.exits == [2 / 3, 0, 1 / 3]
    assert statistics.macs_fraction == pytest.approx(130 / 300)
    assert statistics.difficulty_histogram == [1 / 3, 0, 0, 0, 0, 1 / 3, 0, 0, 0, 1 / 3]


def test_figures_without_regions_are_unknown():
    statistics = Statistics(num_exits=2, full_macs=1)
    assert statistics.macs_fraction is None
    assert statistics.recent_macs_fraction is None
    assert Ledger() == Ledger(captured=0, processed=0, dropped={}, in_flight=0)


@pytest.mark.parametrize(("uri", "segment"), [("rtsp://cam/stream", 4), ("clip.mp4", 3)])
def test_a_camera_that_is_opened_again_begins_a_new_segment(tmp_path, uri, segment):
    rig = Rig(config=SourceConfig(uri=uri))
    plan = SimpleNamespace(
        config=SimpleNamespace(seed=0),
        model=SimpleNamespace(input_size=(2, 2), resize="stretch"),
        decode_threads=1,
    )
    specs = SpecFactory(
        plan, rig.hub, tmp_path, folder=tmp_path, frames_folder=None, endpoints=("a", "b")
    )
    assert specs.build(("reader", "a")).segment == 0
    rig.hub.sources["a"].last_accepted = ResumePoint(7, 0.3)
    rig.hub.sources["a"].segment = 3
    assert specs.build(("reader", "a")).segment == segment


def test_a_run_whose_mode_has_nothing_to_adapt_says_so():
    config = SimpleNamespace(policy=SimpleNamespace(mode="fixed"))
    plan = SimpleNamespace(adaptation=Adaptation(), config=config)
    assert adaptation_off(plan) == "policy fixed stays as it is"


def test_a_snapshot_names_classes_unless_there_are_very_many():
    names = [f"class {i}" for i in range(MAX_CLASS_NAMES)]
    assert class_names(tuple(names)) == names
    assert class_names((*names, "one more")) == []
