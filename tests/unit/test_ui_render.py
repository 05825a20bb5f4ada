"""The screen as text: it fits exactly, says what it must, and hides no trouble."""

import math

import msgspec
import pytest
from drawing import draw
from rich.cells import cell_len
from sample_snapshot import sample_snapshot

from pipeline.snapshot import (
    AdaptationSnap,
    LatencySnap,
    Ledger,
    PolicySnap,
    PowerSnap,
    Snapshot,
    SourceSnap,
    WorkerSnap,
)
from pipeline.ui.figures import MISSING
from pipeline.ui.history import History

SIZES = [(80, 24), (100, 30), (160, 50)]
TINY = [(1, 1), (20, 5), (40, 12), (79, 23), (300, 20), (60, 100)]


def source(name="front", state="running", **changes) -> SourceSnap:
    known = {
        "uri": "clip.mp4",
        "fps": 24.9,
        "queue_len": 3,
        "frame_age_ms": 18.4,
        "position_s": 61.0,
        "ledger": Ledger(captured=100, processed=97, in_flight=3),
        "exits": [0.5, 0.25, 0.15, 0.1],
    }
    return SourceSnap(name=name, state=state, **{**known, **changes})


def worker(name="worker-0", state="running", **changes) -> WorkerSnap:
    known = {"description": "cpu fp32", "regions": 4770, "batches": 477, "busy": 0.43}
    return WorkerSnap(name=name, state=state, **{**known, **changes})


def usual() -> Snapshot:
    return sample_snapshot(
        run="2026-05-04T10-11-12",
        uptime_s=754.0,
        num_exits=4,
        sources=[source("front"), source("lot", phase="gaussian_noise@3")],
        workers=[worker("worker-0"), worker("worker-1")],
        policy=PolicySnap(version=3, kind="dart", thresholds=[0.62, 0.71, None]),
        fps=48.3,
        regions_per_s=96.5,
        regions=7632,
        latency_ms=LatencySnap(p50=12.0, p95=23.0, p99=41.0),
        exits=[0.41, 0.22, 0.2, 0.17],
        recent_exits=[0.475, 0.25, 0.158, 0.117],
        difficulty=[0.02, 0.1, 0.2, 0.25, 0.18, 0.1, 0.08, 0.04, 0.02, 0.01],
        macs_fraction=0.52,
        recent_macs_fraction=0.57,
        ledger=Ledger(captured=5724, processed=5647, dropped={"stale": 53}, in_flight=24),
        power=PowerSnap(power_w=38.2, energy_j=2904.0, source="NVML + RAPL"),
        log=[f"10:11:{second:02} line {second}" for second in range(30)],
    )


def empty() -> Snapshot:
    return sample_snapshot(
        state="starting",
        time_s=0.0,
        uptime_s=0.0,
        num_exits=4,
        policy=PolicySnap(version=0, kind="full", thresholds=[]),
        fps=0.0,
        regions_per_s=0.0,
        regions=0,
        exits=[0.0] * 4,
        recent_exits=[],
        difficulty=[0.0] * 10,
        macs_fraction=None,
        recent_macs_fraction=None,
        ledger=Ledger(),
    )


def crowded() -> Snapshot:
    return msgspec.structs.replace(
        usual(),
        sources=[source(f"camera-{i}", "failed" if i == 11 else "running") for i in range(12)],
        workers=[worker(f"worker-{i}", "restarting" if i == 7 else "running") for i in range(8)],
        alarms=[f"alarm {i}" for i in range(20)],
        restarts=4,
    )


def awkward() -> Snapshot:
    """Names that try to wrap, to overflow, to style themselves or to steer the terminal."""
    texts = [
        "x" * 300,
        "駐車場の前にあるカメラ" * 9,
        "[bold red]gate[/]",
        "a\nb\tc\r\x1b[2J\x07",
        "👩‍👩‍👧é",
        "\u202egate",
    ]
    return msgspec.structs.replace(
        usual(),
        run=texts[1],
        model=texts[0],
        state=texts[3],
        sources=[
            source(text, text, phase=text, ledger=Ledger(captured=10**13, dropped={text: 10**12}))
            for text in texts
        ],
        workers=[worker(text, text, description=text, regions=10**14) for text in texts],
        policy=PolicySnap(version=10**9, kind=texts[1], thresholds=[0.5] * 60),
        power=PowerSnap(power_w=1e9, energy_j=1e15, source=texts[1]),
        ledger=Ledger(captured=10**15, processed=1, dropped={texts[3]: 7}, skipped=9, corrupt=8),
        adaptation=AdaptationSnap(epsilon=0.02, confidence=0.95, frozen=texts[3] + texts[0]),
        fps=1e12,
        latency_ms=LatencySnap(p50=1e9, p95=math.nan, p99=math.inf),
        alarms=texts,
        log=texts,
    )


def many_exits() -> Snapshot:
    shares = [1 / 12] * 12
    return msgspec.structs.replace(
        usual(), num_exits=12, exits=shares, recent_exits=shares, sources=[source(exits=shares)]
    )


def nonsense() -> Snapshot:
    """What a sound hub never sends, and what must not end a run when it comes."""
    bad = [math.nan, math.inf, -1.0, 7.0]
    return msgspec.structs.replace(
        usual(),
        fps=math.nan,
        sources=[source(exits=bad, fps=math.inf, frame_age_ms=math.nan)],
        workers=[worker(busy=math.nan)],
        exits=bad,
        recent_exits=bad,
        difficulty=[math.nan] * 10,
        macs_fraction=math.nan,
        recent_macs_fraction=math.inf,
        uptime_s=math.nan,
    )


def one_exit() -> Snapshot:
    return msgspec.structs.replace(
        usual(), num_exits=1, exits=[1.0], recent_exits=[1.0], macs_fraction=1.02
    )


EDGES = [usual, empty, crowded, awkward, many_exits, one_exit, nonsense]


def with_history(snapshot: Snapshot, length: int = 700) -> History:
    history = History()
    for i in range(length):
        macs = None if i % 7 == 0 else 0.5
        history.add(
            msgspec.structs.replace(snapshot, uptime_s=i / 2, recent_macs_fraction=macs, fps=i % 50)
        )
    return history


@pytest.mark.parametrize("size", [*SIZES, *TINY], ids=str)
@pytest.mark.parametrize("make", EDGES)
@pytest.mark.parametrize("curves", [False, True], ids=["alone", "history"])
def test_screen_fills_exactly_the_given_size(make, size, curves):
    width, height = size
    history = with_history(make()) if curves else None
    lines = draw(make(), width, height, history).rstrip("\n").split("\n")
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_in_a_name_or_log_line_steers_the_terminal(size):
    text = draw(awkward(), *size)
    assert text.replace("\n", "").isprintable()
    assert "[bold red]" in text


def test_same_snapshot_gives_the_same_picture():
    assert draw(usual()) == draw(usual())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_everything_of_a_usual_run_is_shown(size):
    text = draw(usual(), *size)
    expected = """
        ● running|2026-05-04T10-11-12|default|12:34|v3 dart|0.62 0.71 off|restarts 0|no alarms
        front|24.9|18 ms|gauss|48.3|96.5|7,632|p50 12|p95 23|p99 41|38.2 W|2.9 kJ|NVML + RAPL
        exit 0|47.5 %|41.0 %|full|11.7 %|saved|43 %|48 %|worker-1|43 % busy|10:11:29 line 29
        ✓ 5,724 captured = 5,647 processed + 53 dropped + 24 in flight
    """
    for part in expected.strip().replace("\n", "|").split("|"):
        assert part.strip() in text


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_camera_that_is_away_is_named_whole(size):
    sources = [source("front", state="reconnecting"), source("lot")]
    text = draw(msgspec.structs.replace(usual(), sources=sources), *size)
    assert "↻ reconnecting" in next(line for line in text.split("\n") if "front" in line)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_long_phase_takes_the_room_that_others_do_not_need(size):
    shift = "dark@4+gaussian_noise@3"
    sources = [source("front", phase=shift), source("lot", phase="clean")]
    text = draw(msgspec.structs.replace(usual(), sources=sources), *size)
    row = next(line for line in text.split("\n") if "front" in line)
    assert shift in row
    assert "▓" in row


def test_a_long_name_takes_the_room_that_others_do_not_need():
    name = "gate-north-entrance-2"
    text = draw(msgspec.structs.replace(usual(), sources=[source(name)]))
    assert name in text


def test_a_workers_description_takes_the_room_that_its_name_does_not_need():
    about = "cpu bf16 (2.9x faster)"
    text = draw(msgspec.structs.replace(usual(), workers=[worker("0", description=about)]))
    assert about in text


def test_curves_take_the_rows_that_a_short_log_does_not_need():
    def curve_rows(height):
        lines = draw(usual(), 160, height, with_history(usual())).split("\n")
        top = next(i for i, line in enumerate(lines) if "─ last 5:00" in line)
        return next(i for i, line in enumerate(lines[top:]) if line.startswith("╰")) - 1

    assert curve_rows(36) == 5
    assert curve_rows(50) == 9


def test_latencies_of_seconds_are_whole_on_the_smallest_usual_terminal():
    latency = LatencySnap(p50=1655.4, p95=1796.0, p99=1900.0)
    text = draw(msgspec.structs.replace(usual(), latency_ms=latency))
    assert "latency ms p50 1655  p95 1796  p99 1900" in text


def test_columns_stay_where_they_are_while_all_fit():
    rows = [
        draw(msgspec.structs.replace(usual(), sources=[source(phase=phase)])).split("\n")[2]
        for phase in (None, "clean", "dark@4")
    ]
    assert len({row.index("drops") for row in rows}) == 1


def test_unknown_figures_are_dashes_and_never_zero():
    text = draw(empty())
    assert "power      not measured" in text
    assert f"p50 {MISSING}  p95 {MISSING}  p99 {MISSING}" in text
    saved = next(line for line in text.split("\n") if line.startswith("saved"))
    assert saved.split()[:4] == ["saved", MISSING, MISSING, MISSING]
    assert "0 %" not in text
    assert "0.0 %" not in text
    assert "no source yet" in text
    assert "no worker yet" in text


def test_ledger_that_does_not_balance_is_crossed():
    snapshot = msgspec.structs.replace(usual(), ledger=Ledger(captured=10, processed=7))
    assert "✗ 10 captured ≠ 7 processed + 0 dropped + 0 in flight" in draw(snapshot)


def test_ten_sources_all_fit_on_the_smallest_usual_terminal():
    snapshot = msgspec.structs.replace(
        usual(), sources=[source(f"camera-{i}") for i in range(10)], workers=[worker()]
    )
    text = draw(snapshot)
    assert all(f"camera-{i} " in text for i in range(10))
    assert "more" not in text


def test_sources_that_do_not_fit_are_summed():
    sources = [source(f"camera-{i}", fps=10.0, queue_len=2) for i in range(12)]
    lines = draw(msgspec.structs.replace(usual(), sources=sources)).split("\n")
    row = next(line for line in lines if "more" in line)
    assert row.split() == ["+3", "more", "3", "running", "30.0", "6", "0"]


def test_a_failed_source_and_worker_are_shown_even_when_others_are_not():
    text = draw(crowded())
    assert "camera-11" in text
    assert "✗ failed" in text
    assert "restarting" in text


def test_newest_alarms_stay_with_a_count_of_the_earlier_ones():
    text = draw(crowded(), 100, 30)
    assert "▲ alarm 19" in text
    assert "▲ alarms 20" in text
    assert "alarm 0" not in text
    assert "earlier" in text


def test_alarms_that_a_snapshot_no_longer_carries_are_counted():
    text = draw(msgspec.structs.replace(usual(), alarms=["one"], num_alarms=1234), 100, 30)
    assert "alarms (+1,233 earlier) and log" in text
    assert "▲ alarms 1234" in text


def test_exits_that_do_not_fit_are_summed_before_the_full_network():
    rows = [line[:40].split() for line in draw(many_exits()).split("\n")]
    assert next(row for row in rows if "more" in row)[-4:] == ["58.3", "%", "58.3", "%"]
    assert next(row for row in rows if "full" in row)[-2:] == ["8.3", "%"]


def test_log_shows_its_last_lines():
    text = draw(usual())
    assert "line 29" in text
    assert "line 0" not in text


def test_curves_appear_only_with_a_history():
    assert "compute saved, top 100 %" not in draw(usual(), 160, 50)
    text = draw(usual(), 160, 50, with_history(usual()))
    assert "compute saved, top 100 %" in text
    assert "last 5:00" in text


def test_shapes_tell_the_exits_apart_without_colour():
    text = draw(usual(), color_system=None)
    row = next(line for line in text.split("\n") if line.startswith("front"))
    assert [row.count(glyph) for glyph in "█▓▒░"] == [4, 2, 1, 1]
    assert "\x1b" not in text


def test_no_color_gives_the_same_text_without_colours():
    coloured = {"force_terminal": True, "color_system": "256"}
    with_colour = draw(usual(), **coloured)
    without = draw(usual(), **coloured, no_color=True)
    assert "38;5;" in with_colour
    assert "38;5;" not in without
