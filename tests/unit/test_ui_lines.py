"""The monitor without a terminal: one plain line, and the table at the end of a run."""

import io
import math

import msgspec
import pytest
from rich.console import Console
from sample_snapshot import sample_snapshot

from pipeline.snapshot import AdaptationSnap, LatencySnap, Ledger, PowerSnap
from pipeline.ui.figures import (
    MISSING,
    duration,
    joules,
    milliseconds,
    percent,
    rate,
    saved,
    short_count,
)
from pipeline.ui.lines import one_line, summary_table

SNAPSHOT = sample_snapshot(
    num_exits=4,
    fps=48.3,
    regions_per_s=48.3,
    regions=377,
    latency_ms=LatencySnap(p50=12.0, p95=23.0, p99=40.0),
    exits=[0.4, 0.2, 0.2, 0.2],
    recent_exits=[0.41, 0.22, 0.2, 0.17],
    recent_macs_fraction=0.52,
    ledger=Ledger(captured=377, processed=377),
)

SUMMARY = {
    "frames": {
        "captured": 12_000,
        "processed": 11_900,
        "dropped": {"stale": 98, "poison": 2},
        "in_flight": 0,
    },
    "regions": 11_900,
    "duration_s": 754.0,
    "fps": 15.8,
    "latency_ms": {"p50": 12.0, "p95": 23.4, "p99": 41.0},
    "exits": [0.41, 0.22, 0.2, 0.17],
    "macs_fraction": 0.523,
    "disagreement": {"estimate": 0.0122, "upper": 0.0161, "confidence": 0.95, "audits": 3023},
    "energy_j": 28_800.0,
    "power_w": 38.2,
    "power_source": "NVML + RAPL",
    "alarms": [],
    "restarts": 1,
    "sources": {
        "front": {
            "frames": {"captured": 6000, "processed": 5950, "dropped": {"stale": 50}},
            "fps": 7.9,
            "exits": [0.5, 0.2, 0.2, 0.1],
        },
        "lot": {"frames": {"processed": 5950, "dropped": {}}, "fps": None, "exits": []},
    },
}


def table(summary, width=100) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(summary_table(summary))
    return console.file.getvalue()


def test_one_line_says_the_run_in_plain_text():
    assert one_line(SNAPSHOT) == (
        "12.0s  running  48.3 fps  377 frames  exits 41/22/20/17 %  compute 52 %  p95 23 ms"
        "  drops 0  power not measured"
    )


def test_one_line_names_the_source_of_measured_power():
    power = PowerSnap(power_w=38.2, energy_j=1200.0, source="NVML")
    assert one_line(msgspec.structs.replace(SNAPSHOT, power=power)).endswith(
        "power 38.2 W 1.2 kJ (NVML)"
    )


def test_one_line_before_the_first_frame_is_ascii_dashes():
    line = one_line(
        msgspec.structs.replace(
            SNAPSHOT,
            fps=0.0,
            recent_exits=[],
            recent_macs_fraction=None,
            latency_ms=LatencySnap(),
            ledger=Ledger(),
        )
    )
    assert "exits -  compute -  p95 -" in line
    assert line.isascii()


def test_one_line_adds_drops_restarts_and_alarms_when_there_are_some():
    line = one_line(
        msgspec.structs.replace(
            SNAPSHOT,
            ledger=Ledger(captured=9, processed=4, dropped={"stale": 3, "poison": 2}),
            restarts=2,
            alarms=["a", "b"],
            state="draining\x1b[2J\n",
        )
    )
    assert "drops 5" in line
    assert line.endswith("restarts 2  alarms 2")
    assert line.isprintable()


def test_one_line_says_what_adaptation_knows():
    known = AdaptationSnap(epsilon=0.02, confidence=0.95, estimate=0.0122, upper=0.0161)
    line = one_line(msgspec.structs.replace(SNAPSHOT, adaptation=known))
    assert line.endswith("  policy v1 away  disagree 1.22 % <= 1.61 %")
    burst = AdaptationSnap(epsilon=0.02, confidence=0.95, full_depth=True)
    line = one_line(msgspec.structs.replace(SNAPSHOT, adaptation=burst))
    assert line.endswith("  policy v1 full depth")


def test_summary_shows_the_figures_and_every_source():
    text = table(SUMMARY)
    expected = """
        12,000 captured = 11,900 processed + 100 dropped (stale 98, poison 2) + 0 in flight
        exit 0 41.0 %  exit 1 22.0 %  exit 2 20.0 %  full 17.0 %
        52.3 % of full depth, saved 48 %|1.22 %, at most 1.61 % at 95 % (scenes 3,023)
        28.8 kJ, 38.2 W (NVML + RAPL)|p50 12 ms  p95 23 ms
        12:34|15.8|front|5,950|lot
    """
    for part in expected.strip().replace("\n", "|").split("|"):
        assert part.strip() in text
    assert "none" in next(line for line in text.split("\n") if line.startswith("alarms"))


def test_summary_says_which_sources_are_gone_and_which_were_read_several_times():
    front = SUMMARY["sources"]["front"] | {"state": "ended", "sessions": 1}
    gone = front | {"state": "removed", "sessions": 2}
    lines = table(SUMMARY | {"sources": {"front": front, "gate": gone}}, 140).splitlines()
    assert lines[-2].startswith(" front  ")
    assert lines[-1].startswith(" gate (2 sessions, removed) |")


def test_summary_of_nulls_says_not_measured_and_never_zero():
    text = table({**dict.fromkeys(SUMMARY), "sources": {}})
    assert text.count("not measured") == 11
    assert "0" not in text


def test_summary_outside_a_terminal_is_plain_text():
    text = table(SUMMARY, width=60)
    assert "\x1b" not in text
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= 60


def test_summary_lists_alarms_or_counts_them():
    assert "bound exceeded; drift" in table({**SUMMARY, "alarms": ["bound exceeded", "drift"]})
    counted = table({**SUMMARY, "alarms": 3}).split("\n")
    assert ["alarms", "3"] in [line.split() for line in counted]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (duration(0.04), "0.0 s"),
        (duration(59.9), "59.9 s"),
        (duration(59.96), "1:00"),
        (duration(3599.7), "1:00:00"),
        (duration(3723), "1:02:03"),
        (duration(2 * 86400 + 3 * 3600 + 240), "2 d 03:04"),
        (milliseconds(9.34), "9.3 ms"),
        (milliseconds(9999.4), "9999 ms"),
        (milliseconds(12_345), "12.3 s"),
        (rate(999.94), "999.9"),
        (rate(12_345.6), "12,346"),
        (percent(0.4149, 1), "41.5 %"),
        (saved(1.02), "-2 %"),
        (joules(999.0), "999.0 J"),
        (joules(3.6e6), "3.6 MJ"),
        (short_count(99_999), "99,999"),
        (short_count(123_456), "123k"),
        (short_count(999_600), "1M"),
        (short_count(10**15), "1e+03T"),
    ],
)
def test_figures_read_as_a_person_writes_them(text, expected):
    assert text == expected


@pytest.mark.parametrize("show", [duration, milliseconds, rate, percent, saved, joules])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_unknown_figures_are_a_dash(show, value):
    assert show(value) == MISSING


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1.18 %, at most 1.54 % at 95 % (scenes 2,865, calibration among them)"),
        ({"at_home": False}, "1.18 %, at most 1.54 % at 95 % (scenes 2,865)"),
        ({"estimate": None, "upper": None}, "everything at full depth since region 6,155"),
        (
            {"estimate": None, "upper": None, "held": "frozen by hand"},
            "not known: frozen by hand since region 6,155, no audit yet",
        ),
        (
            {"at_home": False, "held": "rolled back by hand"},
            "1.18 %, at most 1.54 % at 95 % (scenes 2,865, rolled back by hand)",
        ),
    ],
)
def test_the_table_says_how_much_differs(changes, words):
    known = {"estimate": 0.0118, "upper": 0.0154, "audits": 2865, "confidence": 0.95}
    known |= {"window": 3845, "valid_since": 6155, "at_home": True}
    assert words in table(SUMMARY | {"disagreement": known | changes})


def test_alarms_are_counted_though_few_are_kept():
    line = one_line(msgspec.structs.replace(SNAPSHOT, alarms=["a"] * 100, num_alarms=1234))
    assert line.endswith("alarms 1234")


def test_the_summary_tells_of_a_video_that_lacks_frames_and_only_of_that():
    sinks = {
        "jsonl-0": {"frames_dropped": 0, "frames_lost": 0},
        "video-1": {"frames_dropped": 1_200, "frames_lost": 4},
    }
    text = table({**SUMMARY, "sinks": sinks})
    (line,) = [line for line in text.splitlines() if "video-1" in line]
    assert "1,200 frames not drawn (slower than the source), 4 lost" in line
    assert "jsonl-0" not in text
