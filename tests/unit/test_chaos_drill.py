"""The order of a drill: whom it may strike, when a run has recovered, and what it has lost."""

import dataclasses
import time
from collections import Counter, deque
from types import SimpleNamespace

import msgspec
import pytest

from pipeline.chaos.drill import Drill, Hit
from pipeline.chaos.fault import Fault
from pipeline.chaos.ledger_check import Checked
from pipeline.chaos.report import ChaosReport, hit_line
from pipeline.chaos.scene import RunEndedError
from pipeline.chaos.schedule import Strike
from pipeline.chaos.stages import Stage, stages_of
from pipeline.config_file import load_config
from pipeline.supervisor import plan_run

WORKER, SINK = Stage("worker", "0"), Stage("sink", "jsonl-0")


@pytest.fixture(scope="module")
def plan():
    tree = {"sources": {"lot": {"uri": "synthetic://?frames=50", "loop": True}}}
    return plan_run(load_config(base=tree).config)


class Healthy:
    """A run in which nothing ever happens: each look finds a new answer and a new state."""

    def __init__(self, plan):
        self.pids = {stage: 100 + n for n, stage in enumerate(stages_of(plan))}
        self.tail = SimpleNamespace(counts=Counter(), ended=set())
        self.born_s = {}
        self.snapshots = 0
        self.states = ["running"]
        self.waited_s = 0.0

    @property
    def snapshot(self):
        return SimpleNamespace(workers=[SimpleNamespace(state=self.states[0])])

    def look(self):
        self.tail.counts["lot"] += 1
        self.snapshots += 1
        if len(self.states) > 1:
            self.states.pop(0)

    def wait(self, seconds):
        self.waited_s += seconds
        self.look()

    def living(self):
        return self.pids

    def pid_of(self, stage):
        return self.pids[stage]


class Replacing(Fault):
    kind, text = "kill", "another process"

    def strike(self, scene, strike):
        scene.pids[strike.stage] += 1_000
        return ""


class Harmless(Fault):
    kind, text = "slow", "nothing at all"

    def strike(self, scene, strike):
        return "nothing"


class Ending(Fault):
    kind, text = "end", "the run ends"

    def strike(self, scene, strike):
        raise RunEndedError("the run ended by itself with status 1: sink: gone")


@pytest.fixture
def scene(plan):
    return Healthy(plan)


@pytest.fixture
def drill(plan, scene):
    faults = {fault.kind: fault for fault in (Replacing(), Harmless(), Ending())}
    return Drill(plan, scene, faults, lambda _: None)


@pytest.fixture
def impatient(monkeypatch):
    """What does not recover is waited for no longer than this."""
    monkeypatch.setattr("pipeline.chaos.drill.RECOVERY_LIMIT_S", 0.05)


def strikes(*kinds, stage=WORKER, in_haste=False, seconds=0.0):
    return [Strike(n, kind, stage, seconds, 0.0, in_haste, n) for n, kind in enumerate(kinds)]


def test_a_sound_run_survives_all_of_it(drill):
    assert drill.run(strikes("kill", "kill", "kill", stage=SINK)) is None
    assert [hit.problem for hit in drill.hits] == [None] * 3
    assert all(hit.recovery_s is not None for hit in drill.hits)


def test_a_process_that_is_killed_must_be_another_one_afterwards(drill, impatient):
    found = drill.run(strikes("slow", stage=SINK))
    assert found == "slow of sink/jsonl-0: after 0.05 s still without sink/jsonl-0"


def test_a_stage_that_does_not_come_back_is_named(drill, scene, impatient):
    del scene.pids[SINK]
    assert "still without sink/jsonl-0" in drill.run(strikes("kill", "kill"))
    assert len(drill.hits) == 1


def test_a_source_that_falls_silent_is_named(drill, scene, monkeypatch, impatient):
    monkeypatch.setattr(scene, "look", lambda: None)
    assert "still without new answers of lot" in drill.run(strikes("kill"))


def test_a_source_that_ends_before_its_time_is_a_loss(drill, scene):
    scene.tail.ended.add("lot")
    assert drill.run(strikes("kill")) == "kill of worker/0: lot has ended, which should not end"


def test_a_run_that_ends_is_named_with_its_last_words(drill):
    found = drill.run(strikes("kill", "end"))
    assert found == "end of worker/0: the run ended by itself with status 1: sink: gone"
    assert [hit.problem is None for hit in drill.hits] == [True, False]


def test_a_worker_that_still_loads_has_not_recovered(drill, scene):
    scene.states = ["starting"] * 6 + ["running"]
    assert drill.run(strikes("kill")) is None
    assert scene.snapshots >= 6


def test_a_worker_that_never_works_is_a_loss(drill, scene, impatient):
    scene.states = ["starting"]
    assert drill.run(strikes("kill")) == "kill of worker/0: a worker does not work"


def test_after_one_in_haste_the_next_comes_at_once_and_answers_for_both(drill, scene):
    scene.states = ["starting"] * 6 + ["running"]
    hurried, last = Strike(0, "kill", WORKER, 0.0, 0.0, True, 0), strikes("slow", stage=None)[0]
    assert drill.run([hurried, last]) is None
    assert [hit.recovery_s is None for hit in drill.hits] == [True, False]
    assert scene.snapshots >= 6


def test_the_last_one_waits_for_recovery_even_in_haste(drill):
    assert drill.run(strikes("kill", stage=SINK, in_haste=True)) is None
    assert drill.hits[0].recovery_s is not None


def test_whose_restarts_are_used_up_is_struck_later(drill, scene):
    scene.born_s[SINK] = deque([time.monotonic()] * 4)  # of five in a minute
    first, second = strikes("kill", stage=SINK)[0], Strike(1, "kill", WORKER, 0.0, 0.0, False, 1)
    waits = []

    def wait(seconds):
        Healthy.wait(scene, seconds)
        waits.append(seconds)
        if seconds == 1.0:  # it waits for the budget, so the minute passes
            scene.born_s.clear()

    scene.wait = wait
    assert drill.run([first, second]) is None
    assert [hit.strike.stage for hit in drill.hits] == [WORKER, SINK]
    assert waits.count(1.0) == 1


def hit(kind, stage, recovery_s, problem=None):
    return Hit(Strike(3, kind, stage, 2.5, 0.0, False, 0), 7.0, "", recovery_s, problem)


def test_a_report_counts_by_kind_and_role():
    report = ChaosReport(
        command="dart-stream chaos",
        seed=1,
        planned=5,
        hits=[
            hit("kill", WORKER, 4.0),
            hit("kill", WORKER, None),
            hit("kill", Stage("worker", "1"), 1.0),
            hit("kill", SINK, None, "gone"),
            hit("clock", None, 0.1),
        ],
        skipped={},
        duration_s=10.0,
        snapshots=20,
        checked=Checked([], {}, 0, 0),
        problems=[],
        exit_status=130,
        restarts={},
        host={},
        versions={},
        is_interrupted=False,
    )
    rows = [
        (row.kind, row.role, row.number, row.survived, row.recovery_ms_median, row.recovery_ms_max)
        for row in report.rows
    ]
    assert rows == [
        ("clock", "run", 1, 1, 100, 100),
        ("kill", "sink", 1, 0, None, None),
        ("kill", "worker", 3, 3, 2500, 4000),
    ]
    assert [each["target"] for each in report.to_dict()["faults"]][3:] == ["sink/jsonl-0", "run"]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (hit("stop", WORKER, 1.2345), "back after 1,234 ms"),
        (hit("stop", WORKER, None), "the next at once"),
        (hit("stop", WORKER, None, "it is gone"), "it is gone"),
    ],
)
def test_a_line_says_what_became_of_a_fault(given, outcome):
    assert " ".join(hit_line(given).split()) == f"7.0 s 3 stop worker/0 2.5 s {outcome}"


@pytest.mark.parametrize(("ui", "has_screen"), [("auto", 1), ("live", 1), ("lines", 0), ("off", 0)])
def test_a_screen_is_expected_where_the_run_has_one(plan, ui, has_screen):
    monitor = msgspec.structs.replace(plan.config.monitor, ui=ui)
    config = msgspec.structs.replace(plan.config, monitor=monitor)
    stages = stages_of(dataclasses.replace(plan, config=config))
    assert sum(stage.role == "monitor" for stage in stages) == has_screen
