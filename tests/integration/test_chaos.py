"""The faults of `dart-stream chaos`, in small, into a real run of a file and a camera."""

import contextlib
import json
import signal

import pytest
import yaml
from live_servers import CameraServer, mjpeg

from pipeline.chaos.registry import FAULTS
from pipeline.chaos.schedule import Strike
from pipeline.cli.main import main

SLOWED = {"reader", "supervisor"}
"""One that sends and one that takes."""
LONG_S = 10.0
"""The reader of a file may be silent for half a minute."""


@pytest.fixture
def camera():
    with contextlib.closing(CameraServer(mjpeg(1_000_000, fps=15))) as server:
        yield f"http://127.0.0.1:{server.port}/live"


@pytest.fixture
def config(camera, tiny_model, make_clip, tmp_path):
    """A file that is drawn and a camera, with deadlines of a second."""
    tree = {
        "sources": {
            "lot": {"uri": str(make_clip(60)), "loop": True, "realtime": True},
            "cam": {
                "uri": camera,
                "open_timeout": 0.3,
                "stall_after": 0.3,
                "reconnect": {"first": 0.05, "cap": 0.2},
            },
        },
        "model": {"name": str(tiny_model), "precision": "fp32", "threads": 1},
        "sinks": [{"type": "jsonl"}, {"type": "video", "source": "lot"}],
        "runtime": {"batch_deadline_s": 1},
    }
    path = tmp_path / "chaos.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path


def each_once(_seed, _count, targets):
    """Each kind against each role, as short as it can be; what takes long is for large drills."""
    found, seen = [], set()
    for kind, possible in targets.items():
        for target in possible:
            is_long = target.seconds[0] > LONG_S
            is_left_out = kind == "slow" and target.role not in SLOWED
            if (kind, target.role) in seen or is_long or is_left_out:
                continue
            seen.add((kind, target.role))
            number = len(found)
            found.append(Strike(number, kind, target.stage, target.seconds[0], 0.0, False, number))
    return found


@pytest.mark.processes
@pytest.mark.torch_process
@pytest.mark.timeout(300)
def test_every_kind_of_fault_leaves_the_ledger_exact(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.chaos.chaos.draw", each_once)
    out = tmp_path / "out"
    status = main(["chaos", str(config), "--out", str(out), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "chaos.json").read_text())
    assert (status, report["problems"]) == (0, [])
    assert report["run_exit_status"] == 130
    struck = {(each["kind"], each["target"].split("/")[0]) for each in report["faults"]}
    assert len(struck) == report["struck"] >= 13
    assert {kind for kind, _ in struck} | set(report["skipped"]) == set(FAULTS)
    # The file's reader is killed but not stopped, which takes half a minute; the camera's is.
    assert report["restarts"]["reader/cam"] >= 1
    assert {"reader/lot", "sink/jsonl-0", "worker/0", "monitor/terminal"} <= set(report["restarts"])
    assert report["exact_frames"] > 60
    assert report["frames"]["in_flight"] == 0
    assert report["snapshots_checked"] > 10


@pytest.mark.processes
@pytest.mark.torch_process
def test_what_a_run_does_not_survive_is_named(config, tmp_path, capsys, monkeypatch):
    tree = yaml.safe_load(config.read_text())
    tree["runtime"]["max_restarts"] = 0
    config.write_text(yaml.safe_dump(tree, sort_keys=False))
    out = tmp_path / "out"
    assert main(["chaos", str(config), "--out", str(out), "--only", "kill", "--seed", "2"]) == 1
    report = json.loads((out / "chaos.json").read_text())
    last = report["faults"][-1]
    assert last["recovery_ms"] is None
    assert f"{last['target']}: ended with signal SIGKILL more than 0 times" in last["problem"]
    assert f"not survived: kill of {last['target']}: the run ended" in report["problems"][0]
    assert "not kept" in capsys.readouterr().out


@pytest.mark.processes
@pytest.mark.torch_process
def test_an_interrupted_drill_ends_its_run_and_reports(config, tmp_path, monkeypatch, capsys):
    def interrupt(_):
        signal.raise_signal(signal.SIGTERM)
        return "unreached"

    monkeypatch.setattr("pipeline.chaos.report.hit_line", interrupt)
    out = tmp_path / "out"
    assert main(["chaos", str(config), "--out", str(out), "--only", "kill"]) == 130
    report = json.loads((out / "chaos.json").read_text())
    assert (report["struck"], report["interrupted"], report["problems"]) == (1, True, [])
    assert report["run_exit_status"] == 130
    assert "exact after 1 of 200 faults, then interrupted" in capsys.readouterr().out


def changed(config, **sections):
    tree = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(tree | sections, sort_keys=False))


def refused(capsys, *words):
    assert main(["chaos", *map(str, words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_threads_cannot_be_killed(config, capsys):
    changed(config, runtime={"type": "threads"})
    assert "runtime.type: expected processes, which can be killed" in refused(capsys, config)


def test_a_run_without_results_cannot_be_checked(config, capsys):
    changed(config, sinks=[{"type": "video", "source": "lot"}])
    assert "sinks: expected one of type jsonl" in refused(capsys, config)


def test_a_run_that_ends_by_itself_is_refused(config, make_clip, capsys):
    changed(config, sources={"lot": {"uri": str(make_clip(60))}})
    assert "sources: expected one that does not end" in refused(capsys, config)


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(config, capsys):
    line = refused(capsys, config, "--only", "kill,meteor")
    assert "--only: expected some of kill, stop," in line
    assert line.endswith("got 'meteor'")


def test_a_drill_without_faults_is_refused(config, capsys):
    assert "--faults" in refused(capsys, config, "--faults", "0")


def test_a_folder_that_holds_something_is_left_alone(config, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").touch()
    assert "is not empty" in refused(capsys, config, "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_a_kind_that_cannot_be_done_here_is_said_to_be_skipped(config, tmp_path, capsys):
    changed(config, sinks=[{"type": "jsonl"}])
    line = refused(capsys, config, "--only", "shm_full", "--out", tmp_path / "out")
    assert "--only: none of these faults can be done here" in line
