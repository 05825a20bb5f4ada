"""Videos of runs in one process: whose frames are kept in shared memory, and whose are not."""

from pathlib import Path

import av
import pytest

from pipeline.frame_ring import RingWriter


@pytest.fixture
def kept(monkeypatch):
    """How many frames each reader puts into its ring."""
    counts = {}
    put = RingWriter.put

    def counting(self, frame, number=None):
        name = self._path.name
        counts[name] = counts.get(name, 0) + 1
        return put(self, frame, number)

    monkeypatch.setattr(RingWriter, "put", counting)
    return counts


def num_frames(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_only_the_source_that_is_drawn_is_kept(in_threads, clip, kept):
    run = in_threads({"a": clip, "b": clip}, "sinks=[{type: jsonl}, {type: video, source: b}]")
    assert run.status == 0
    assert kept == {"b#0.ring": 60}
    assert num_frames(run.out / "b.mp4") == 60
    assert not (run.out / "a.mp4").exists()
    assert run.frames == {"a": list(range(60)), "b": list(range(60))}


def test_without_a_video_nothing_is_kept_and_no_folder_is_made(in_threads, clip, kept, monkeypatch):
    def refuse():
        raise AssertionError("shared memory for nobody")

    monkeypatch.setattr("pipeline.supervisor.supervisor.frames_folder", refuse)
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert kept == {}


def test_two_videos_of_one_source_at_two_qualities(in_threads, clip):
    run = in_threads(
        {"lot": clip},
        "sinks=[{type: jsonl}, {type: video, quality: 0}, {type: video, quality: 51, file: s.mp4}]",
    )
    assert run.status == 0
    assert num_frames(run.out / "lot.mp4") == num_frames(run.out / "s.mp4") == 60
    assert (run.out / "s.mp4").stat().st_size < (run.out / "lot.mp4").stat().st_size


def test_shared_memory_that_is_too_small_ends_the_source_in_words(
    in_threads, clip, monkeypatch, capsys
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.frame_ring.os.posix_fallocate", full)
    run = in_threads({"lot": clip}, "sinks=[{type: jsonl}, {type: video}]")
    assert run.status == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("dart-stream: shared memory: expected room for 16 frames, ")
    assert "--shm-size" in error
    assert not (Path(run.out) / "lot.mp4").exists()
