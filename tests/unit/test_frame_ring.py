"""Whole frames in shared memory: what is put in comes out, and never another frame instead."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.frame_ring import RingReader, RingWriter, ring_path
from pipeline.readers import ArrayFrame


def frame(number, width=8, height=6):
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    return ArrayFrame(number, number / 25, (width, height), lambda: pixels)


@pytest.fixture
def path(tmp_path):
    return ring_path(tmp_path, "reader/lot#3")


def test_every_incarnation_has_a_ring_of_its_own(tmp_path, path):
    assert path == tmp_path / "lot#3.ring"


def test_frames_come_out_as_they_went_in(path):
    writer = RingWriter(path, 3)
    slots = [writer.put(frame(n)) for n in (0, 2, 5)]
    reader = RingReader(path)
    for slot, number in zip(slots, (0, 2, 5), strict=True):
        picture = reader.picture(slot, number)
        assert np.array_equal(picture.pixels, frame(number).pixels())
        assert picture.source_size == (8, 6)
    reader.close()


def test_a_full_ring_takes_nothing_until_the_oldest_slot_is_released(path):
    writer = RingWriter(path, 2)
    assert [writer.put(frame(n)) for n in range(3)] == [0, 1, None]
    writer.release(1)
    assert [writer.put(frame(n)) for n in (3, 4)] == [0, None]
    reader = RingReader(path)
    assert reader.picture(0, 0) is None  # too late
    assert reader.picture(0, 3) is not None
    assert reader.picture(1, 1) is not None
    reader.close()


def test_more_released_than_there_are_slots_makes_no_more_of_them(path):
    writer = RingWriter(path, 2)
    writer.release(9)
    assert [writer.put(frame(n)) for n in range(3)] == [0, 1, None]


def test_a_full_ring_converts_no_picture(path):
    writer = RingWriter(path, 1)
    writer.put(frame(0))
    loaded = []
    late = ArrayFrame(1, 0.04, (8, 6), lambda: loaded.append(1))
    assert writer.put(late) is None
    assert loaded == []


@pytest.mark.parametrize("slot", [-1, 2, 10**9])
def test_a_slot_that_is_none_holds_nothing(path, slot):
    RingWriter(path, 2).put(frame(0))
    reader = RingReader(path)
    assert reader.picture(slot, 0) is None
    reader.close()


def test_a_larger_frame_is_scaled_down_and_says_how_large_it_was(path):
    writer = RingWriter(path, 2)
    writer.put(frame(0))
    writer.put(frame(1, width=80, height=60))
    reader = RingReader(path)
    picture = reader.picture(1, 1)
    assert picture.source_size == (80, 60)
    assert picture.pixels.shape == (6, 9, 3)  # 162 bytes in a slot of 192
    assert np.array_equal(reader.picture(0, 0).pixels, frame(0).pixels())
    reader.close()


def test_a_picture_is_read_where_it_lies_and_cannot_be_written(path):
    writer = RingWriter(path, 1)
    writer.put(frame(0))
    reader = RingReader(path)
    picture = reader.picture(0, 0)
    assert reader.holds(0, 0)
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[:] = 0
    reader.close()
    assert np.array_equal(picture.pixels, frame(0).pixels())


def test_a_picture_that_is_overwritten_in_use_is_noticed(path):
    writer = RingWriter(path, 1)
    writer.put(frame(0))
    reader = RingReader(path)
    picture = reader.picture(0, 0)
    writer.release(1)
    writer.put(frame(1))
    assert not reader.holds(0, 0)
    assert np.array_equal(picture.pixels, frame(1).pixels())
    reader.close()


def test_a_ring_is_private_and_its_memory_is_there_before_it_is_used(path):
    RingWriter(path, 4).put(frame(0, 64, 48))
    status = path.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_blocks * 512 >= status.st_size > 4 * 64 * 48 * 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG], ids=os.strerror)
def test_shared_memory_that_is_full_is_an_error_in_words(path, monkeypatch, code):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("pipeline.frame_ring.os", SimpleNamespace(**vars(os)))
    monkeypatch.setattr("pipeline.frame_ring.os.posix_fallocate", full)
    match = r"shared memory: expected room for 4 frames, .* got less; make it larger"
    with pytest.raises(SourceError, match=match):
        RingWriter(path, 4).put(frame(0))
    assert not path.exists()


def test_a_run_that_goes_on_does_without_pictures_until_there_is_room(path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.frame_ring._LOOK_AGAIN_S", 0.0)
    writer = RingWriter(path, 4, can_do_without=True)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.frame_ring.os", SimpleNamespace(**vars(os)))
        patch.setattr("pipeline.frame_ring.os.posix_fallocate", full)
        assert [writer.put(frame(n)) for n in range(3)] == [None, None, None]
    assert writer.put(frame(3)) == 0
    assert RingReader(path).picture(0, 3) is not None
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1
    assert said[0].endswith("frames are not drawn until there is room")


def test_while_there_is_no_room_it_is_not_tried_with_every_frame(path, monkeypatch):
    attempts = []

    def full(*_):
        attempts.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.frame_ring._LOOK_AGAIN_S", 1_000.0)
    monkeypatch.setattr("pipeline.frame_ring.os", SimpleNamespace(**vars(os)))
    monkeypatch.setattr("pipeline.frame_ring.os.posix_fallocate", full)
    writer = RingWriter(path, 4, can_do_without=True)
    assert [writer.put(frame(n)) for n in range(50)] == [None] * 50
    assert len(attempts) == 1


def test_a_ring_that_is_gone_cannot_be_opened(path):
    with pytest.raises(FileNotFoundError):
        RingReader(path)


def test_a_folder_that_a_logout_has_removed_is_made_again(tmp_path):
    folder = tmp_path / "dart-1"
    for name in ("reader/lot#4", "reader/gate#1"):  # the second finds it there again
        writer = RingWriter(ring_path(folder, name), 3)
        slot = writer.put(frame(0))
        reader = RingReader(ring_path(folder, name))
        assert np.array_equal(reader.picture(slot, 0).pixels, frame(0).pixels())
        reader.close()
    assert folder.stat().st_mode & 0o777 == 0o700
