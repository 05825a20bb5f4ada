"""The page of a run: its figures add up, whatever the run's length, and it can be read anywhere."""

import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import msgspec
import pytest
from sample_snapshot import sample_snapshot

from pipeline.cli.main import main
from pipeline.recording import TELEMETRY, Recording
from pipeline.report.course import MOST_POINTS, Course
from pipeline.report.page.time_axes import time_ticks
from pipeline.report.steady_time import SteadyTime
from pipeline.report.story import Story
from pipeline.snapshot import AdaptationSnap, LatencySnap, Ledger, PolicySnap, PowerSnap, SourceSnap
from pipeline.supervisor.source_book import KeptSession, KeptSources, write_sources
from pipeline.ui.figures import MISSING

BEGIN_S = 1_700_000_000.0


def snapshot(n, **changes):
    """The state after n half seconds: three regions each, of which one leaves at exit 0."""
    usual = {
        "time_s": BEGIN_S + n / 2,
        "uptime_s": n / 2,
        "regions": 3 * n,
        "exits": [1 / 3, 2 / 3],
        "macs_fraction": 0.7,
        "ledger": Ledger(captured=4 * n, processed=3 * n, dropped={"latest": n}),
        "latency_ms": LatencySnap(p50=5.0, p95=float(n % 7), p99=20.0),
    }
    return sample_snapshot(**(usual | changes))


def course_of(*snapshots):
    course = Course()
    for each in snapshots:
        course.add(each)
    return course


class TestCourse:
    @pytest.mark.parametrize("count", [10, 1_000, 5_000])
    def test_nothing_is_lost_by_thinning(self, count):
        course = course_of(*(snapshot(n) for n in range(count)))
        points = list(course.points)
        assert len(points) <= 2 * MOST_POINTS
        assert sum(point.frames for point in points) == 3 * (count - 1)
        assert sum(point.dropped for point in points) == count - 1
        assert sum(point.exits[0] for point in points) == pytest.approx(count - 1)
        assert max(point.p95_ms for point in points) == 6
        lengths = [point.end_s - point.begin_s for point in points[1:-1]]
        assert max(lengths) <= 3 * min(lengths)  # the beginning is drawn as finely as the end
        assert points[0].begin_s == BEGIN_S
        assert points[-1].end_s == BEGIN_S + (count - 1) / 2
        for point in points[1:]:
            assert point.fps == pytest.approx(6.0)
            assert point.dropped_fps == pytest.approx(2.0)
            assert point.exit_shares == pytest.approx([1 / 3, 2 / 3])
            assert point.macs_fraction == pytest.approx(0.7)
            assert point.p50_ms == pytest.approx(5.0)

    def test_shares_are_of_their_own_time_not_since_the_start(self):
        first = snapshot(100, exits=[1.0, 0.0], macs_fraction=0.2)
        then = snapshot(101, exits=[300 / 303, 3 / 303], macs_fraction=(60 + 3) / 303)
        *_, point = course_of(first, then).points
        assert point.exit_shares == pytest.approx([0, 1])
        assert point.macs_fraction == pytest.approx(1.0)

    def test_a_gap_and_a_new_count_break_the_lines(self):
        night = snapshot(4, time_s=BEGIN_S + 9_000)
        resumed = snapshot(1, time_s=BEGIN_S + 9_000.5)
        course = course_of(snapshot(1), snapshot(2), night, resumed)
        assert [len(stretch) for stretch in course.stretches] == [2, 1, 1]
        assert sum(point.frames for point in course.points) == 3

    def test_a_bound_keeps_its_worst_moment(self):
        def known(n):
            upper = 0.019 if n == 777 else 0.01
            return AdaptationSnap(epsilon=0.02, confidence=0.95, estimate=0.005, upper=upper)

        course = course_of(*(snapshot(n, adaptation=known(n)) for n in range(3_000)))
        assert max(point.upper for point in course.points) == 0.019
        assert len(list(course.points)) < 3_000


class TestStory:
    def take(self, *records):
        story = Story(None)
        for record in records:
            story.take(record)
        return story

    def shown(self, n, *alarms, num=None):
        body = msgspec.to_builtins(
            snapshot(n, alarms=list(alarms), num_alarms=len(alarms) if num is None else num)
        )
        return {"kind": "snapshot", "time_s": BEGIN_S, "snapshot": body}

    def test_an_alarm_has_the_time_at_which_it_was_first_seen(self):
        story = self.take(
            self.shown(1), self.shown(2, "a"), self.shown(3, "a"), self.shown(4, "a", "b", "c")
        )
        found = [(alarm.time_s - BEGIN_S, alarm.words) for alarm in story.alarms]
        assert found == [(1.0, "a"), (2.0, "b"), (2.0, "c")]
        assert story.num_alarms == 3

    def test_a_resumed_run_counts_its_alarms_anew(self):
        story = self.take(self.shown(1, "a", "b"), self.shown(2), self.shown(3, "c"))
        assert [alarm.words for alarm in story.alarms] == ["a", "b", "c"]
        assert story.num_alarms == 3

    def test_more_alarms_than_a_snapshot_names_are_counted(self):
        story = self.take(self.shown(1), self.shown(2, "y", "z", num=500))
        assert [alarm.words for alarm in story.alarms] == ["y", "z"]
        assert story.num_alarms == 500

    def test_the_policy_that_a_segment_begins_with_is_no_new_one(self):
        def policy(version):
            return {"kind": "policy", "time_s": BEGIN_S, "version": version, "body": {}}

        story = self.take(policy(1), policy(2), policy(2), policy(3))
        assert [note.version for note in story.policies] == [1, 2, 3]
        assert story.num_policies == 3


YEAR_S = 365 * 86_400.0


class TestClockThatIsSet:
    def take(self, *steps_s, count=40):
        """A policy and an alarm every ten snapshots; the clock is set before each snapshot n."""
        story = Story(None)
        steps = dict(steps_s)
        stepped_s = 0.0
        for n in range(count):
            stepped_s += steps.get(n, 0.0)
            now_s = BEGIN_S + n / 2 + stepped_s
            alarms = [str(number) for number in range(n // 10 + 1)]
            shown = snapshot(n, time_s=now_s, alarms=alarms, num_alarms=len(alarms))
            body = msgspec.to_builtins(shown)
            story.take({"kind": "snapshot", "time_s": now_s, "snapshot": body})
            if n % 10 == 0:
                policy = {"kind": "policy", "version": n + 1, "body": {}}
                story.take(policy | {"time_s": now_s + 0.1})
        story.settle()
        return story

    @pytest.mark.parametrize("step_s", [50 * YEAR_S, 3_600.0, -3_600.0])
    def test_all_is_timed_by_the_clock_of_the_end(self, step_s):
        story, plain = self.take((25, step_s)), self.take()
        (stretch,), (expected,) = story.course.stretches, plain.course.stretches
        assert [point.begin_s for point in stretch] == pytest.approx(
            [point.begin_s + step_s for point in expected]
        )
        for notes, plain_notes in (
            (story.alarms, plain.alarms),
            (story.policies, plain.policies),
        ):
            assert [note.time_s for note in notes] == pytest.approx(
                [note.time_s + step_s for note in plain_notes]
            )
        assert story.clock.steps == 1

    def test_a_clock_that_is_set_and_set_back_changes_nothing(self):
        story, plain = self.take((12, 3_600.0), (31, -3_600.0)), self.take()
        assert [p.middle_s for p in story.course.points] == pytest.approx(
            [p.middle_s for p in plain.course.points]
        )
        assert story.clock.steps == 2

    def test_a_policy_behind_a_step_has_the_time_of_the_snapshot_before(self):
        clock = SteadyTime()
        clock.of_snapshot(BEGIN_S, 7.0)
        assert clock.of_record(BEGIN_S + 0.2) == BEGIN_S + 0.2
        assert clock.of_record(BEGIN_S + 3_600.2) == BEGIN_S

    def test_a_run_that_was_resumed_the_next_day_had_no_clock_set(self):
        clock = SteadyTime()
        times_s = [
            clock.of_snapshot(BEGIN_S + 9, 9.0),
            clock.of_snapshot(BEGIN_S + 86_400, 0.5),
            clock.of_snapshot(BEGIN_S + 86_400.5, 1.0),
        ]
        assert times_s == [BEGIN_S + 9, BEGIN_S + 86_400, BEGIN_S + 86_400.5]
        assert clock.steps == 0

    def test_a_gap_on_a_full_disk_is_no_step(self):
        clock = SteadyTime()
        clock.of_snapshot(BEGIN_S, 10.0)
        assert clock.of_snapshot(BEGIN_S + 900, 910.0) == BEGIN_S + 900
        assert clock.steps == 0


@pytest.mark.parametrize("length_s", [3, 40, 700, 9_000, 90_000, 2_000_000, 60_000_000])
def test_times_are_round_and_about_as_many_as_asked_for(length_s):
    ticks = time_ticks(BEGIN_S, BEGIN_S + length_s, about=7)
    assert 2 <= len(ticks) <= 9
    assert all(BEGIN_S <= moment <= BEGIN_S + length_s for moment, _ in ticks)
    steps = {round(b - a) for (a, _), (b, _) in pairwise(ticks)}
    assert len(steps) == 1


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
