"""Adaptation on the screen: it fits, says what it knows, and never more than that."""

import math

import msgspec
import pytest
from drawing import draw
from rich.cells import cell_len
from rich.console import Console
from sample_snapshot import sample_snapshot

from pipeline.snapshot import AdaptationSnap, PolicySnap, Snapshot, SourceSnap, WorkerSnap
from pipeline.ui.bars import diverging, grouped
from pipeline.ui.class_bars import coefficients, scale
from pipeline.ui.course import LEGEND, course
from pipeline.ui.figures import MISSING
from pipeline.ui.gauge import gauge, gauge_style
from pipeline.ui.history import History
from pipeline.ui.render import render
from pipeline.ui.theme import BAD, GOOD, LABEL, WARN

SIZES = [(80, 24), (110, 40), (160, 50)]
TINY = [(1, 1), (20, 5), (40, 12), (79, 23), (110, 36), (300, 20), (60, 100), (400, 120)]
NAMES = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
MEANS = [0.02, -0.22, -0.02, 0.23, 0.03, 0.22, 0.08, -0.1, -0.08, -0.15]
USUAL = AdaptationSnap(
    epsilon=0.02,
    confidence=0.95,
    estimate=0.0114,
    upper=0.0154,
    audits=2633,
    window=13_842,
    at_home=True,
    audit_rate=0.03,
    rung=20,
    rungs=32,
    released=21,
    exit_gap=0.009,
    backbone_drop=0.021,
    repeats=0.1,
    acceptance=[0.8] * 10,
    alarms=2,
    last_alarm="pixels: gradient is not what it was",
)


def changed(**changes) -> AdaptationSnap:
    return msgspec.structs.replace(USUAL, **changes)


def adapting(adaptation=USUAL, **changes) -> Snapshot:
    known = {
        "num_exits": 4,
        "exits": [0.4, 0.3, 0.2, 0.1],
        "recent_exits": [0.4, 0.3, 0.2, 0.1],
        "policy": PolicySnap(
            version=12,
            kind="dart",
            thresholds=[0.91, 0.96, 0.86],
            coefficients=[[mean - 0.1, mean, mean + 0.1] for mean in MEANS],
        ),
        "classes": NAMES,
        "log": [f"line {i}" for i in range(30)],
    }
    return sample_snapshot(adaptation=adaptation, **{**known, **changes})


def full_depth() -> Snapshot:
    adaptation = changed(
        last_alarm="classes: new",
        estimate=None,
        upper=None,
        full_depth=True,
        at_home=False,
        rung=-1,
        released=0,
        audit_rate=1,
    )
    return adapting(adaptation, policy=PolicySnap(version=13, kind="full", thresholds=[]))


def frozen() -> Snapshot:
    return adapting(AdaptationSnap(frozen="ZeroDivisionError: " * 40, epsilon=0.02, confidence=1))


def unknown() -> Snapshot:
    """All that may be unknown is."""
    return adapting(
        AdaptationSnap(epsilon=0.02, confidence=0.95, acceptance=[None] * 10),
        policy=PolicySnap(version=1, kind="dart", thresholds=[None] * 3),
        classes=[],
    )


def thousand_classes() -> Snapshot:
    rows = [[i / 1000] * 3 for i in range(-500, 500)]
    policy = PolicySnap(version=1, kind="dart", thresholds=[0.5] * 3, coefficients=rows)
    return adapting(changed(acceptance=[0.5] * 1000), policy=policy, classes=[])


def many_exits() -> Snapshot:
    policy = PolicySnap(
        version=1, kind="dart", thresholds=[0.5] * 11, coefficients=[[0.1] * 11] * 10
    )
    return adapting(num_exits=12, policy=policy, exits=[1 / 12] * 12, recent_exits=[1 / 12] * 12)


def awkward() -> Snapshot:
    """Names that try to wrap, to overflow or to steer; figures that nobody expects."""
    adaptation = changed(
        last_alarm="a\nb\x1b[2J" + "駐車場" * 90,
        audits=10**12,
        window=10**12,
        alarms=10**9,
        released=10**9,
        rungs=10**9,
        rung=10**9,
        estimate=0.5,
        upper=1.0,
        backbone_drop=-1.0,
    )
    policy = PolicySnap(
        version=10**12, kind="dart", thresholds=[0.5] * 3, coefficients=[[math.nan] * 3, [99.0] * 3]
    )
    return adapting(adaptation, policy=policy, classes=["x" * 300, "駐車場" * 50, "a\nb"])


def nonsense() -> Snapshot:
    bad = {"epsilon": 0.0, "estimate": math.nan, "upper": math.inf, "exit_gap": math.nan}
    return adapting(changed(**bad, backbone_drop=math.nan, acceptance=[math.nan]))


def off() -> Snapshot:
    return adapting(None, adaptation_off="policy fixed\nstays as it is")


EDGES = [
    adapting,
    full_depth,
    frozen,
    unknown,
    thousand_classes,
    many_exits,
    awkward,
    nonsense,
    off,
]


def history_of(*adaptations: AdaptationSnap | None) -> History:
    history = History()
    for second, adaptation in enumerate(adaptations):
        history.add(adapting(adaptation, uptime_s=float(second)))
    return history


def line_with(text: str, *parts: str) -> str:
    return next(line for line in text.split("\n") if all(part in line for part in parts))


@pytest.mark.parametrize("size", [*SIZES, *TINY], ids=str)
@pytest.mark.parametrize("make", EDGES)
@pytest.mark.parametrize("curves", [False, True], ids=["alone", "history"])
def test_screen_fills_exactly_the_given_size(make, size, curves):
    history = history_of(*[make().adaptation] * 40) if curves else None
    lines = draw(make(), *size, history).rstrip("\n").split("\n")
    assert len(lines) == size[1]
    assert {cell_len(line) for line in lines} == {size[0]}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_figures_of_a_usual_run_are_shown_and_none_is_cut(size):
    text = draw(adapting(), *size, history_of(USUAL, USUAL))
    expected = """● at home|v12|21 of 32, 21 released|3 %|1.14 %|≤ 1.54 %|limit 2.0 %|0.9 %|2.1 %
        ▲ 2  pixels: gradient|2,633|-0.22|+0.23|car|cat"""
    for part in expected.replace("\n", "|").split("|"):
        assert part.strip() in text


def test_a_wide_screen_shows_every_class_threshold_and_curve():
    text = draw(adapting(), 160, 50, history_of(USUAL, USUAL))
    for name, mean in zip(NAMES, MEANS, strict=True):
        assert f"{mean:+.2f}     80 %" in line_with(text, f" {name} ")
    for name in ("bound", "estimate", "compute", "exit 2     0.86"):
        assert f"│ {name}" in text
    assert LEGEND in text


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_full_depth_shows_dashes_and_no_coefficient(size):
    text = draw(full_depth(), *size)
    assert "◐ full depth" in text
    assert "none of 32, 0 released" in text
    assert f"disagree   {MISSING}       ·" in text
    assert "+0." not in text
    assert "in use" in text
    assert "now full depth" in text


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_frozen_says_why(size):
    text = draw(frozen(), *size)
    assert "✗ frozen" in text
    assert "the policy stays as it is: ZeroDivisionError" in text
    assert "backbone drop 0" not in text


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_run_without_adaptation_says_why_in_one_line(size):
    text = draw(off(), *size)
    assert line_with(text, "adaptation").strip() == "adaptation off: policy fixed stays as it is"


def test_a_run_without_adaptation_or_reason_says_so():
    assert line_with(draw(adapting(None)), "adaptation").strip() == "adaptation off"


def test_adaptation_stays_when_there_are_more_sources_than_rows():
    source = SourceSnap(
        name="a",
        uri="a",
        state="running",
        fps=1.0,
        queue_len=0,
        frame_age_ms=None,
        position_s=None,
        ledger=sample_snapshot().ledger,
        exits=[],
    )
    worker = WorkerSnap(name="0", state="running", description="", regions=0, batches=0, busy=0)
    text = draw(adapting(sources=[source] * 30, workers=[worker] * 8))
    assert "● at home" in text
    assert "≤ 1.54 %" in text


def test_of_many_classes_those_moved_most_are_shown():
    text = draw(thousand_classes(), 160, 50)
    assert "class 0 " in text
    assert "class 999" in text
    assert "class 500" not in text
    assert "of 1,000" in text


def test_columns_of_classes_are_not_dim():
    segments = Console(width=80, height=24).render(render(adapting(), 80, 24))
    found = [segment for segment in segments if segment.text.startswith("▄▁")]
    assert len(found) == 1
    assert not found[0].style.dim


def test_history_keeps_no_lists_of_classes():
    assert [state.acceptance for state in history_of(USUAL, USUAL).adaptation] == [[], []]
    assert list(history_of(None).adaptation) == [None]


@pytest.mark.parametrize("make", EDGES)
def test_nothing_steers_the_terminal(make):
    for size in SIZES:
        assert draw(make(), *size).replace("\n", "").isprintable()


def test_nothing_moves_sideways_while_figures_change():
    usual = line_with(draw(adapting()), "disagree")
    grown = line_with(draw(adapting(changed(estimate=0.1, upper=0.25, audits=99_999))), "disagree")
    for mark in ("│", "≤", "limit"):
        assert usual.index(mark) == grown.index(mark)


@pytest.mark.parametrize(
    ("share", "upper", "line"),
    [
        (None, None, "·······│····"),
        (0.0, 0.01, "╌╌╌╌···│····"),
        (0.0001, 0.02, "━╌╌╌╌╌╌│····"),
        (0.01, 0.025, "━━━━╌╌╌│╌╌··"),
        (0.025, 0.05, "━━━━━━━│━━╌▶"),
        (0.5, 1.0, "━━━━━━━│━━━▶"),
        (math.nan, math.inf, "·······│····"),
    ],
)
def test_gauge_shows_share_bound_and_limit(share, upper, line):
    assert gauge(share, upper, 0.02, 12).plain == line


def test_gauge_has_a_cross_where_the_share_would_be_without_the_last_alarm():
    assert gauge(None, None, 0.02, 12, unchanged=0.01).plain == "···✕···│····"
    assert gauge(0.005, 0.01, 0.02, 12, unchanged=0.01).plain == "━━╌✕···│····"
    assert gauge(None, None, 0.02, 12, unchanged=0.9).plain == "·······│···✕"
    assert gauge(None, None, 0.02, 12, unchanged=0.0).plain == "·······│····"


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_an_alarm_is_shown_with_what_would_differ_without_it(size):
    adaptation = changed(at_home=False, unchanged=0.024, alarms=1, last_alarm="pixels: gradient")
    assert "▲ 1 ✕ 2.4 %  pixels" in draw(adapting(adaptation), *size)


def test_gauge_without_width_or_limit_is_empty():
    assert gauge(0.1, 0.2, 0.02, 0).plain == ""
    assert gauge(0.1, 0.2, 0.0, 3).plain == "···"


def test_gauge_is_green_only_when_the_bound_keeps_the_limit():
    assert gauge_style(0.01, 0.02, 0.02) == GOOD
    assert gauge_style(0.01, 0.03, 0.02) == WARN
    assert gauge_style(0.01, None, 0.02) == WARN
    assert gauge_style(0.03, 0.04, 0.02) == BAD
    assert gauge_style(None, None, 0.02) == LABEL


@pytest.mark.parametrize(
    ("value", "sides"),
    [
        (0.0, ("    ", "    ")),
        (1.0, ("    ", "━━━━")),
        (-1.0, ("━━━━", "    ")),
        (0.125, ("    ", "╸   ")),
        (-0.375, ("  ╺━", "    ")),
        (-9.0, ("━━━━", "    ")),
    ],
)
def test_diverging_bar_grows_from_the_axis(value, sides):
    assert diverging(value, 1.0, 8) == sides


def test_groups_are_counted_from_the_newest():
    assert grouped([1, 2, 3, 4, 5], 3) == [[1], [2, 3], [4, 5]]
    assert grouped([1, 2], 5) == [[1], [2]]
    assert grouped([1, 2], 0) == []
    assert grouped([], 5) == []


def test_scale_of_coefficients_moves_in_steps():
    assert [scale(values) for values in ([], [0.1], [-0.3], [0.9], [2.0], [7.0])] == [
        0.25,
        0.25,
        0.5,
        1.0,
        3.0,
        7.0,
    ]


def test_coefficient_of_a_class_is_the_mean_over_exits():
    policy = PolicySnap(version=1, kind="dart", thresholds=[], coefficients=[[0.1, 0.3], [], [-1]])
    assert coefficients(adapting(policy=policy)) == pytest.approx([0.2, 0.0, -1.0])


def test_course_shows_home_alarm_full_depth_away_and_gaps():
    home, away = changed(alarms=0), changed(alarms=1, at_home=False)
    burst = changed(alarms=1, full_depth=True, at_home=False)
    states = [None, home, home, burst, burst, away, changed(alarms=1, frozen="x")]
    assert course(states, 7).plain == " ▁▁▲█▄✗"


def test_course_shows_a_policy_held_by_hand_as_that_and_not_as_away():
    home, held = changed(alarms=0), changed(alarms=0, at_home=False, held="frozen by hand")
    burst = changed(alarms=0, full_depth=True, at_home=False)
    assert course([home, held, burst], 3).plain == "▁◫█"
    assert "◫held" in LEGEND


def test_course_of_a_monitor_that_joins_late_does_not_call_old_alarms_new():
    assert course([changed(alarms=3)] * 3, 3).plain == "▁▁▁"


def test_course_never_loses_an_alarm_to_a_lack_of_cells():
    states = [changed(alarms=int(i > 50)) for i in range(100)]
    assert course(states, 10).plain.count("▲") == 1
