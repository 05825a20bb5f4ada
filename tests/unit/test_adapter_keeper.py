"""Adaptation on disk: it goes on where it was, or begins afresh and says why."""

import msgspec
import pytest
from adaptive_rig import SETTINGS, AdaptiveRig, make_adapter
from shifting_table import shifting_table

from dart_stream.errors import DataError
from pipeline.supervisor.adapter_keeper import NUMBER, SAVE_INTERVAL_S, STATE, AdapterKeeper


@pytest.fixture(scope="module")
def played():
    """A rig that has seen another world."""
    rig = AdaptiveRig()
    rig.show("clean", 60)
    rig.show("noise", 500)
    return rig


@pytest.fixture
def folder(played, tmp_path):
    keeper = AdapterKeeper(played.hub, tmp_path, None)
    keeper.save()
    keeper.number(played.hub.policies.in_force.version)
    return tmp_path


def restored(folder, rig, state=None):
    return AdapterKeeper(rig.hub, folder, state).restore()


def test_a_run_that_goes_on_has_the_same_policy_under_the_next_number(folder, played):
    rig = AdaptiveRig()
    assert restored(folder, rig) == f"adaptation goes on from {folder / STATE}"
    assert rig.hub.policies.in_force.body == played.hub.policies.in_force.body
    assert rig.hub.policies.in_force.version == played.hub.policies.in_force.version + 1
    assert rig.adapter.to_state() == played.adapter.to_state()


def test_old_alarms_are_not_said_again(folder, played):
    rig = AdaptiveRig()
    restored(folder, rig)
    rig.start("worker", "0")  # hears of the restored policy
    rig.show("noise", 1)
    assert played.adapter.controller.num_alarms > 0
    assert not any(type(action).__name__ == "Alarm" for action in rig.others)


def test_the_first_run_of_all_begins_at_one(tmp_path):
    rig = AdaptiveRig()
    assert restored(tmp_path, rig) is None
    assert rig.hub.policies.in_force.version == 1


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (msgspec.structs.replace(SETTINGS, epsilon=0.05), "expected settings"),
        (msgspec.structs.replace(SETTINGS, seed=4), "expected settings"),
    ],
)
def test_another_configuration_begins_afresh(folder, other, words):
    rig = AdaptiveRig(adapter=make_adapter(settings=other))
    before = rig.adapter.to_state()
    said = restored(folder, rig)
    assert said.startswith("adaptation begins afresh: ")
    assert words in said
    assert "\n" not in said
    assert rig.adapter.to_state() == before


def test_another_model_begins_afresh(folder):
    rig = AdaptiveRig(adapter=make_adapter(calibration=shifting_table(800, 7)))
    assert "was it written with another model?" in restored(folder, rig)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xc1", "expected MessagePack"),
        (msgspec.msgpack.encode([1]), "expected one of version 1"),
        (msgspec.msgpack.encode({"state_version": 2}), "expected one of version 1"),
    ],
)
def test_a_damaged_file_begins_afresh(tmp_path, content, words):
    (tmp_path / STATE).write_bytes(content)
    rig = AdaptiveRig()
    assert words in restored(tmp_path, rig)
    assert rig.hub.policies.in_force.version == 1


def test_a_state_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.supervisor.adapter_keeper.MAX_STATE_BYTES", 3)
    (tmp_path / STATE).write_bytes(b"1234")
    assert "expected at most 3 bytes" in restored(tmp_path, AdaptiveRig())


def test_a_state_that_cannot_be_read_begins_afresh(tmp_path):
    (tmp_path / STATE).mkdir()
    assert "cannot be read" in restored(tmp_path, AdaptiveRig())


def test_a_file_of_its_own_outlives_the_run(played, tmp_path):
    kept = tmp_path / "kept.mpk"
    AdapterKeeper(played.hub, tmp_path / "one", f"{kept}").save()
    rig = AdaptiveRig()
    assert restored(tmp_path / "two", rig, f"{kept}") == f"adaptation goes on from {kept}"
    assert rig.hub.policies.in_force.version == 1


def test_it_is_saved_once_a_minute(tmp_path):
    rig = AdaptiveRig()
    keeper = AdapterKeeper(rig.hub, tmp_path, None)
    for now_s, is_there in ((100.0, False), (100.0 + SAVE_INTERVAL_S, True)):
        keeper.save_if_due(now_s)
        assert (tmp_path / STATE).exists() == is_there
    (tmp_path / STATE).unlink()
    keeper.save_if_due(101.0 + SAVE_INTERVAL_S)
    assert not (tmp_path / STATE).exists()


def test_a_disk_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path, caplog):
    rig = AdaptiveRig()
    keeper = AdapterKeeper(rig.hub, tmp_path / "missing", None)
    keeper.save()
    keeper.number(3)
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'missing' / STATE}: No such file or directory; adaptation goes on unsaved"
    ]


def test_the_number_of_a_policy_finds_room_where_the_last_one_stood(folder):
    (folder / f"{NUMBER}.partial").mkdir()  # nothing new can be written
    rig = AdaptiveRig()
    AdapterKeeper(rig.hub, folder, None).number(900)
    assert (folder / NUMBER).read_text() == "900\n"


def test_a_frozen_adapter_leaves_the_last_sound_state(folder, monkeypatch):
    sound = (folder / STATE).read_bytes()
    rig = AdaptiveRig()
    rig.adapter.failure = "a fault"
    AdapterKeeper(rig.hub, folder, None).save()
    assert (folder / STATE).read_bytes() == sound


def test_a_run_without_an_adapter_leaves_nothing(tmp_path):
    rig = AdaptiveRig()
    rig.hub.policies.adapter = None
    keeper = AdapterKeeper(rig.hub, tmp_path, None)
    assert keeper.restore() is None
    keeper.save()
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_none_counts_as_none(tmp_path):
    (tmp_path / NUMBER).write_text("many")
    rig = AdaptiveRig()
    restored(tmp_path, rig)
    assert rig.hub.policies.in_force.version == 1


def test_restoring_says_what_was_wrong(played):
    state = played.adapter.to_state()
    state["controller"] = {}
    with pytest.raises(DataError, match="expected keys"):
        make_adapter().restore(state)


def test_a_state_that_breaks_the_controller_begins_afresh(folder, monkeypatch):
    rig = AdaptiveRig()

    def fail(_self, _state):
        raise IndexError("no such rung")

    monkeypatch.setattr(type(rig.adapter.controller), "from_state", fail)
    assert restored(folder, rig).endswith("adapter state: IndexError: no such rung")
