"""What a report makes of a recording: figures over time, alarms, policies, and a steady clock."""

from itertools import pairwise

import msgspec
import pytest
from report_snapshots import BEGIN_S, snapshot

from pipeline.report.course import MOST_POINTS, Course
from pipeline.report.page.time_axes import time_ticks
from pipeline.report.steady_time import SteadyTime
from pipeline.report.story import Story
from pipeline.snapshot import AdaptationSnap


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
