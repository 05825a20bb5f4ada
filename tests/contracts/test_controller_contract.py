"""What every way to adapt must hold, by being registered."""

import json

import msgpack
import numpy as np
import pytest
from shifting_table import COSTS, Stream, all_exits, observe, shifting_table

from dart_stream.adaptation import ALARM_KINDS, CONTROLLERS, Audit, Observation
from dart_stream.errors import DataError

EPSILON = 0.02
NEVER_ADAPT = {"full", "static"}


@pytest.fixture(params=sorted(CONTROLLERS))
def name(request):
    return request.param


def make(name, calibration=None, **options):
    table = shifting_table(800) if calibration is None else calibration
    return CONTROLLERS[name](table, COSTS, epsilon=EPSILON, **options)


def two_worlds(controller, count=330, seed=1):
    """A stream that changes once."""
    stream = Stream(controller, seed)
    for shift in ("clean", "noise"):
        stream.resample(shifting_table(800, 1, shift), count)
    return stream


def body(controller):
    return (controller.policy.version, controller.policy.to_dict())


def test_how_many_controllers_are_held_to_this():
    assert len(CONTROLLERS) == 14
    assert {"full", "static", "paper", "dart"} <= set(CONTROLLERS)


def test_it_knows_its_name_and_starts_with_a_policy_that_fits(name):
    controller = make(name)
    assert controller.name == name
    controller.policy.require_fit(4, 10)
    assert controller.policy.version == 1
    assert controller.alarms == ()


def test_the_same_stream_gives_the_same_policies_and_alarms(name):
    first, second = (two_worlds(make(name), count=200) for _ in range(2))
    assert body(first.controller) == body(second.controller)
    assert first.controller.alarms == second.controller.alarms
    assert first.costs == second.costs


def test_versions_only_grow_and_name_one_policy_each(name):
    controller = make(name)
    seen = {}
    versions = []
    stream = Stream(controller, 3)
    for shift in ("clean", "noise"):
        table = shifting_table(800, 1, shift)
        for row in stream.rng.integers(0, 800, 330):
            stream.feed(table, [row])
            versions.append(controller.policy.version)
            known = seen.setdefault(controller.policy.version, controller.policy)
            assert known is controller.policy
    assert versions == sorted(versions)
    assert (versions[-1] == 1) == (name in NEVER_ADAPT)


def test_a_coin_has_a_probability_and_alarms_have_places(name):
    controller = make(name)
    stream = Stream(controller, 5)
    for shift in ("clean", "noise"):
        for row in range(400):
            stream.feed(shifting_table(800, 1, shift), [row])
            assert 0 <= controller.audit_probability <= 1
    for alarm in controller.alarms:
        assert 0 <= alarm.at < 800
        assert alarm.kind in ALARM_KINDS
        assert alarm.words


def test_a_saved_state_has_the_same_future(name):
    controller = two_worlds(make(name)).controller
    state = controller.to_state()
    by_json = make(name).from_state(json.loads(json.dumps(state)))
    by_msgpack = make(name).from_state(msgpack.unpackb(msgpack.packb(state)))
    for twin in (by_json, by_msgpack):
        assert body(twin) == body(controller)
        assert twin.alarms == controller.alarms
    futures = [two_worlds(one, 120, seed=9) for one in (controller, by_json, by_msgpack)]
    assert futures[0].costs == futures[1].costs == futures[2].costs
    assert controller.to_state() == by_json.to_state() == by_msgpack.to_state()


def test_a_state_is_not_shared_with_the_controller_that_wrote_it(name):
    controller = two_worlds(make(name), count=60).controller
    state = controller.to_state()
    before = json.dumps(state)
    two_worlds(controller, count=60)
    assert json.dumps(state) == before


DAMAGE = (
    (lambda state: state.pop("memory"), "expected keys"),
    (lambda state: state.update(format_version=99), "format_version: expected 1, got 99"),
    (lambda state: state.update(controller="other"), "in another mode"),
    (lambda state: state.update(calibration=1), "with another model"),
    (lambda state: state["memory"].update(regions=7_000_000), "checksum"),
    (lambda state: state["memory"].pop("regions"), "checksum"),
    (lambda state: state.update(memory=None), "checksum"),
)


def test_a_damaged_state_is_refused(name):
    controller = two_worlds(make(name), count=60).controller
    for change, words in DAMAGE:
        state = controller.to_state()
        change(state)
        with pytest.raises(DataError, match=words):
            controller.from_state(state)


def test_a_state_that_is_none_is_refused(name):
    with pytest.raises(DataError, match=r"expected keys .*, got list"):
        make(name).from_state([1, 2])


def test_another_models_state_is_refused(name):
    state = make(name).to_state()
    with pytest.raises(DataError, match=r"calibration: expected .*another model"):
        make(name, shifting_table(800, 7)).from_state(state)


def odd_observations():
    """Legal, every one of them."""
    last, sure = (3, 3, 3, 3), (1.0, 1.0, 1.0, 1.0)
    for difficulty in (0.0, 1.0):
        for parts in ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
            for p in (0.0, 1.0, 1e-12):
                for k in (0, 3):
                    yield Observation("", k, 9, p, p, 0, difficulty, parts, 0.0)
    for truth in (None, 0, 3):
        for q in (1e-6, 1.0):
            audit = Audit(q, last, sure, truth)
            yield Observation("x", 0, 3, 1.0, 1.0, 3, 0.5, (0.1, 0.1, 0.1), 1.0, audit)
            audit = Audit(q, (0, 1, 2, 3), (0.0, 0.0, 0.0, 0.0), truth)
            yield Observation("x" * 99, 3, 3, 0.0, 0.0, 0, 0.5, (0.9, 0.1, 0.5), 1.7, audit)


def test_odd_but_legal_regions_are_taken_as_they_come(name):
    controller = make(name)
    for _ in range(12):
        for seen in odd_observations():
            controller.update(seen)
    controller.policy.require_fit(4, 10)
    twin = make(name).from_state(json.loads(json.dumps(controller.to_state())))
    assert body(twin) == body(controller)


def test_an_audit_that_nobody_asked_for_is_taken(name):
    controller = make(name)
    table = shifting_table(800, 1)
    for row in range(300):
        controller.update(observe(table, row, 3, 1.0, Audit(0.5, *all_exits(table, row))))
    controller.policy.require_fit(4, 10)


def test_a_table_is_only_read(name):
    table = shifting_table(400, 5)
    for array in (table.logits, table.labels, table.difficulty, table.alpha, table.parts):
        array.setflags(write=False)
    controller = make(name, table)
    Stream(controller).feed(table, np.arange(50))
