"""The page of a run: its figures add up, whatever the run's length, and it can be read anywhere."""

import os
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import msgspec
import pytest
from report_snapshots import snapshot

from pipeline.cli.main import main
from pipeline.recording import TELEMETRY, Recording
from pipeline.snapshot import AdaptationSnap, Ledger, PolicySnap, PowerSnap, SourceSnap
from pipeline.supervisor.source_book import KeptSession, KeptSources, write_sources
from pipeline.ui.figures import MISSING


class Page(HTMLParser):
    """Fails on tags that do not match; collects words."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words = [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "link", "img"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


@pytest.fixture
def report(tmp_path, capsys):
    """Record snapshots and write their report."""

    def _report(*snapshots, policies=(), summary=None, about=None):
        recording = Recording(tmp_path, head=lambda: [{"kind": "segment", **(about or {})}])
        recording.begin()
        for version, body in policies:
            recording.policy(version, body, {})
        for each in snapshots:
            recording.snapshot(each)
        recording.close()
        if summary is not None:
            (tmp_path / "summary.json").write_bytes(msgspec.json.encode(summary))
        status = main(["report", str(tmp_path)])
        html = (tmp_path / "report.html").read_text()
        charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
        return SimpleNamespace(
            status=status,
            html=html,
            words=" ".join(" ".join(Page(html).words).split()),
            charts={chart.get("aria-label"): chart for chart in map(ET.fromstring, charts)},
            told=capsys.readouterr(),
        )

    return _report


def full_run(n):
    """A snapshot of a run in which everything happens."""
    source = SourceSnap(
        name="<gate>",
        uri="rtsp://***@cam/s",
        state="running",
        fps=5.0,
        queue_len=1,
        frame_age_ms=3.0,
        position_s=1.0,
        ledger=Ledger(captured=4, processed=3, dropped={"latest": 1}),
        exits=[0.5, 0.5],
    )
    return snapshot(
        n,
        sources=[source],
        policy=PolicySnap(
            version=2, kind="dart", thresholds=[0.6], coefficients=[[0.5], [-0.2], [0.0]]
        ),
        adaptation=AdaptationSnap(
            epsilon=0.02, confidence=0.95, estimate=0.004, upper=0.0123, full_depth=n > 20
        ),
        classes=["car & van", "bus", "tram"],
        power=PowerSnap(power_w=42.0, energy_j=1_000.0, source="rapl"),
        alarms=["<b>dark</b>"] * (n > 10),
        num_alarms=int(n > 10),
    )


POLICIES = [
    (1, {"kind": "dart", "thresholds": [0.6]}),
    (2, {"kind": "dart", "thresholds": [0.7], "coefficients": [[0.5], [-0.2], [0.0]]}),
]


def test_everything_that_was_recorded_is_on_the_page(report):
    page = report(*map(full_run, range(40)), policies=POLICIES, summary={"fps": 77.7})
    assert page.status == 0
    assert page.told.out.strip().endswith("report.html")
    assert list(page.charts) == [
        "share of regions that leave at each exit, over time",
        "compute (%) over time",
        "disagreement (%) over time",
        "coefficients of classes over time",
        "frames per second over time",
        "milliseconds over time",
        "watts over time",
    ]
    for words in (
        "117 frames in 19.5 s at 70.0 % of the full network's compute.",
        "At the end at most 1.23 % of the early answers differed",
        "One alarm.",
        "<b>dark</b>",
        "156 captured = 117 processed + 39 dropped + 0 in flight",
        "car & van +0.50",
        "77.7",
        "rtsp://***@cam/s",
        "1,000 joules so far",
    ):
        assert words in page.words
    heat = ET.tostring(page.charts["coefficients of classes over time"], encoding="unicode")
    assert heat.count('class="warm"') == heat.count('class="cold"') == 2  # a box and its key
    assert "summary.json" not in page.words


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "At the end everything ran to full depth, for want of evidence below the limit"),
        ({"held": "frozen by hand"}, "At the end the policy was held by hand, and no audit had"),
        (
            {"held": "frozen by hand", "estimate": 0.0, "upper": 0.0123},
            "At the end, with the policy held by hand, at most 1.23 % of the early answers",
        ),
    ],
)
def test_a_policy_held_by_hand_is_told_from_full_depth(report, known, words):
    adaptation = AdaptationSnap(epsilon=0.02, confidence=0.95, **known)
    page = report(*(snapshot(n, adaptation=adaptation) for n in range(4)))
    assert words in page.words


def test_lines_are_where_their_figures_are(report):
    page = report(*map(full_run, range(40)))
    chart = page.charts["disagreement (%) over time"]
    (limit,) = [line for line in chart.iter("polyline") if line.get("class") == "limit"][:1]
    limit_y = float(limit.get("points").split()[0].split(",")[1])
    base_y = max(
        float(line.get("points").split()[0].split(",")[1])
        for line in chart.iter("polyline")
        if line.get("class") == "axis"
    )
    group = next(g for g in chart.iter("g") if g.get("class") == "series m-fixed")
    ys = {float(p.split(",")[1]) for p in group[0].get("points").split()}
    (bound_y,) = ys
    assert (base_y - bound_y) / (base_y - limit_y) == pytest.approx(1.23 / 2, abs=0.01)


def test_a_run_that_was_killed_gets_a_report_of_what_is_there(report, tmp_path):
    page = report(*(snapshot(n) for n in range(9)), about={"host": {"cores": 2}})
    assert "There is no summary.json: the run was killed or still goes on." in page.words
    assert "cores 2" in page.words
    assert "Not measured, because nothing was audited: this run did not adapt." in page.words
    assert "Not measured: this machine has no sensor that could be read." in page.words
    assert "every coefficient stayed at 0" in page.words


def test_a_damaged_recording_gets_a_report_up_to_the_damage(report, tmp_path):
    report(*(snapshot(n) for n in range(9)))
    with (tmp_path / TELEMETRY).open("ab") as stream:
        stream.write(b"\xc1")
    out = tmp_path / "page.html"
    assert main(["report", str(tmp_path), "--out", str(out)]) == 0
    assert "damaged behind byte" in out.read_text()


def test_snapshots_of_another_model_or_version_are_left_out_and_counted(report):
    like = full_run(1)
    others = [
        snapshot(
            2,
            num_exits=3,
            exits=[0, 0, 1.0],
            recent_exits=[0, 0, 1.0],
            policy=PolicySnap(version=1, kind="full", thresholds=[]),
        ),
        msgspec.structs.replace(
            full_run(3),
            policy=PolicySnap(version=1, kind="dart", thresholds=[0.6], coefficients=[[1.0]]),
        ),
    ]
    page = report(like, *others, full_run(4))
    assert page.status == 0
    assert "2 snapshots are of another version or model" in page.told.err


@pytest.mark.parametrize(
    "summary",
    [[], 3, {"sources": 7}, {"sources": {"<gate>": 5}}, {"fps": "x"}, {"host": [1]}],
    ids=str,
)
def test_a_summary_that_is_none_is_said_and_the_rest_is_reported(report, summary):
    page = report(*map(full_run, range(3)), summary=summary)
    assert page.status == 0
    assert "summary.json: expected the figures of a run: " in page.told.err
    assert "There is no summary.json" not in page.words


def source(name, processed, **more):
    usual = {
        "uri": f"{name}.mp4",
        "state": "running",
        "fps": 5.0,
        "queue_len": 0,
        "frame_age_ms": None,
        "position_s": None,
        "ledger": Ledger(captured=processed, processed=processed),
        "exits": [0.5, 0.5],
    }
    return SourceSnap(name=name, **(usual | more))


def kept(name, number, first, end, leaving=None, **body):
    return KeptSession(
        name=name,
        number=number,
        first_frame=first,
        first_pts_s=0.0,
        segment=0,
        source={"uri": f"{name}.mp4", "stride": 1} | body,
        leaving=leaving,
        end_frame=end,
    )


@pytest.fixture
def changed(report, tmp_path):
    """A run of which one source is gone, and one came and went between two snapshots."""
    sessions = [
        kept("gate", 1, 0, 20, "changed"),
        kept("gate", 2, 21, 51, "removed", stride=2),
        kept("brief", 1, 0, 3, "removed"),
        kept("front", 1, 0, None),
    ]
    write_sources(tmp_path, KeptSources(wanted={}, sessions=sessions))

    def _changed(summary):
        both = snapshot(1, sources=[source("gate", 30), source("front", 5)])
        return report(both, snapshot(2, sources=[source("front", 9)]), summary=summary)

    return _changed


def test_sources_that_came_and_went_are_on_the_page_with_all_their_sessions(changed):
    frames = {"captured": 50, "processed": 50, "dropped": {}, "in_flight": 0}
    more = {"skipped": 7, "corrupt": 0}
    gone = {"state": "removed", "reason": "removed"}
    brief = dict.fromkeys(("captured", "processed"), 3)
    summary = {
        "sources": {
            "front": {"state": "ended", "sessions": 1},
            "gate": gone | {"sessions": 2, "frames": frames | more},
            "brief": gone | {"sessions": 1, "frames": frames | more | brief},
        }
    }
    page = changed(summary)
    assert "on gate, front and brief" in page.words
    assert "gate gate.mp4 removed 2 50 50 0 0 7 0" in page.words
    assert "front front.mp4 running 1 9 9 0" in page.words
    assert "brief brief.mp4 removed 1 3 3 0" in page.words
    assert "gate 1 gate.mp4 0 20 changed" in page.words
    assert "gate 2 gate.mp4 stride: 2 21 51 removed" in page.words
    assert f"front 1 front.mp4 0 {MISSING} " in page.words


def test_of_a_run_that_was_killed_what_snapshots_last_said_of_gone_sources_is_shown(changed):
    page = changed(None)
    assert "on gate and front" in page.words
    assert "gate gate.mp4 removed" in page.words
    assert "Figures are those of each source's last session." in page.words


def test_a_damaged_list_of_sources_is_said_and_the_rest_is_reported(report, tmp_path):
    (tmp_path / "sources.json").write_text("{")
    page = report(*map(full_run, range(3)))
    assert page.status == 0
    assert "sources.json: expected the sources of a run" in page.told.err
    assert "came and went" not in page.words


def test_a_single_snapshot_is_enough(report):
    assert "3 frames" in report(snapshot(1)).words


def test_a_folder_whose_name_is_no_text_gets_a_report(report, tmp_path, capsys):
    report(snapshot(1))
    folder = tmp_path / os.fsdecode(b"n\xff")
    folder.mkdir()
    (tmp_path / TELEMETRY).rename(folder / TELEMETRY)
    assert main(["report", str(folder)]) == 0
    assert "report.html" in capsys.readouterr().out
    assert "Run n?" in (folder / "report.html").read_text()


def test_a_page_that_cannot_be_written_is_said_in_one_line(report, tmp_path, capsys):
    report(snapshot(1))
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "no" / "page.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--out: cannot write {tmp_path}/no/page.html: No such file" in line


def test_nothing_that_was_recorded_is_taken_for_html(report):
    """A model from elsewhere may have any name, and a recording may say anything."""
    last = snapshot(1, adaptation_off="no adaptation: model '<script>x</script>' has none")
    page = report(last, snapshot(2, power=PowerSnap(power_w=1.0, energy_j=1.0, source="<script>")))
    assert "<script" not in page.html
    page = report(msgspec.structs.replace(last, time_s=last.time_s + 9))
    assert "model '<script>x</script>' has none" in page.words


def test_frames_of_all_parts_are_not_said_to_be_of_the_last_one(report):
    first = snapshot(9)
    again = msgspec.structs.replace(snapshot(1), time_s=first.time_s + 50)
    assert "since the run was resumed last" not in report(first).words
    page = report(again)
    assert "frames in all;" in page.words
    assert "since the run was resumed last" in page.words


def test_a_machine_that_slept_is_no_clock_that_was_set(report):
    first = snapshot(4)
    woken = msgspec.structs.replace(snapshot(5), time_s=first.time_s + 9_000.5, slept_s=9_000.0)
    assert "clock was set" not in report(first, woken).words
    assert "clock was set" in report(first, msgspec.structs.replace(woken, slept_s=0.0)).words
