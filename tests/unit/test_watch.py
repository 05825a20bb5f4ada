"""The loop of a screen: what is drawn when, and what keys do."""

import pytest
from sample_snapshot import sample_snapshot

from pipeline.commands import Pause, Reply, Stop
from pipeline.errors import PeerError
from pipeline.roles import watch as watch_module
from pipeline.roles.watch import WAITING, Watch


class Screen:
    """Takes so long to draw; writes down what it was given."""

    def __init__(self, clock, takes_s):
        self.drawn, self.remembered, self.said = [], [], []
        self._clock, self._takes_s = clock, takes_s

    def show(self, snapshot, view, *, is_new=True):
        self._clock.now_s += self._takes_s
        self._clock.worked_s += self._takes_s
        self.drawn.append((snapshot.regions, view))

    def remember(self, snapshot):
        self.remembered.append(snapshot.regions)

    def say(self, text):
        self.said.append(text)


class Feed:
    """A snapshot each half a second."""

    def __init__(self, clock):
        self._clock, self.number, self.state = clock, 0, "running"
        self.is_silent = False

    def watch(self, descriptor):
        pass

    def newest(self, _timeout_ms):
        self._clock.now_s += 0.5
        if self.is_silent:
            return None
        self.number += 1
        return sample_snapshot(regions=self.number, state=self.state)


class Clock:
    now_s = worked_s = 0.0


class Keys:
    def __init__(self):
        self.next = []

    def fileno(self):
        return 0

    def pressed(self):
        keys, self.next = self.next, []
        return keys


class Client:
    def __init__(self):
        self.asked, self.answer = [], Reply(1, ok=True, text="done")

    def ask(self, command, _timeout_ms):
        self.asked.append(command)
        if self.answer is None:
            raise PeerError("no answer from the run within 1 s")
        return self.answer


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: clock.now_s)
    monkeypatch.setattr(watch_module.time, "thread_time", lambda: clock.worked_s)
    return clock


@pytest.fixture
def make(clock):
    def _make(takes_s=0.001, *, attached=False):
        screen, feed, client, keys = Screen(clock, takes_s), Feed(clock), Client(), Keys()
        return Watch(screen, feed, client, keys, attached=attached), screen, feed, client, keys

    return _make


def turns(watch, count):
    for _ in range(count):
        watch.turn()


def test_a_quick_screen_draws_every_snapshot(make):
    watch, screen, *_ = make(0.001)
    turns(watch, 20)
    assert [regions for regions, _ in screen.drawn] == list(range(1, 21))


def test_a_slow_screen_draws_fewer_and_its_curves_miss_nothing(make):
    watch, screen, *_ = make(0.03)  # 1.2 s of pause
    turns(watch, 30)
    assert len(screen.drawn) == 10
    seen = sorted([regions for regions, _ in screen.drawn] + screen.remembered)
    assert seen == list(range(1, 31))


def test_a_screen_that_is_very_slow_still_draws_every_two_seconds(make):
    watch, screen, *_ = make(0.5)
    turns(watch, 40)
    assert len(screen.drawn) == 10


def test_the_end_is_drawn_whatever_came_before(make):
    watch, screen, feed, *_ = make(0.5)
    turns(watch, 1)
    feed.state = "done"
    turns(watch, 1)
    assert watch.is_over
    assert len(screen.drawn) == 2


def test_a_key_is_obeyed_and_answered_at_once(make):
    watch, screen, _, client, keys = make(0.03)
    turns(watch, 1)
    keys.next = ["p"]
    turns(watch, 1)
    assert client.asked == [Pause()]
    assert screen.drawn[-1][1].says == "✓ done"
    turns(watch, 12)
    assert screen.drawn[-1][1].says is None


def test_a_run_that_does_not_answer_is_said_to(make):
    watch, screen, _, client, keys = make()
    turns(watch, 1)
    client.answer, keys.next = None, ["p"]
    turns(watch, 1)
    assert screen.drawn[-1][1].says == "✗ no answer from the run within 1 s"


def test_q_ends_the_run_from_its_own_terminal_and_only_the_screen_from_another(make):
    watch, _, _, client, keys = make()
    keys.next = ["q"]
    turns(watch, 1)
    assert client.asked == [Stop()]
    assert not watch.is_over
    watch, _, _, client, keys = make(attached=True)
    keys.next = ["q"]
    turns(watch, 1)
    assert client.asked == []
    assert watch.is_over


def test_help_comes_and_goes(make):
    watch, screen, _, _, keys = make()
    turns(watch, 1)
    for is_shown in (True, False):
        keys.next = ["?"]
        turns(watch, 1)
        assert screen.drawn[-1][1].shows_help is is_shown


def test_a_run_that_has_said_nothing_yet_is_waited_for_in_words(make):
    watch, screen, feed, *_ = make()
    feed.is_silent = True
    turns(watch, 3)
    assert screen.said == [WAITING]
    watch.say("no word for 3 s")
    turns(watch, 1)
    assert screen.said == [WAITING, "no word for 3 s"]
    feed.is_silent = False
    turns(watch, 1)
    assert screen.drawn[-1][0] == 1


def test_what_is_said_of_a_run_that_has_fallen_silent_is_drawn_with_its_last_snapshot(make):
    watch, screen, feed, *_ = make()
    turns(watch, 1)
    feed.is_silent = True
    watch.say("no word for 3 s")
    turns(watch, 1)
    assert screen.drawn[-1][0] == 1
    assert screen.drawn[-1][1].says == "no word for 3 s"
    assert screen.said == []
