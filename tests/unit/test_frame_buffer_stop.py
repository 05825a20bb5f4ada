"""Who says why a source ended, when its decoder and a stop meet."""

import pytest
from test_frame_buffer import Picture

from pipeline.stages.reader import FrameBuffer


@pytest.fixture
def buffer():
    return FrameBuffer("block")


def test_a_decoder_that_ends_because_it_was_stopped_is_not_complete(buffer):
    buffer.stop()
    buffer.finish("complete", left_out=(3, 3))
    assert buffer.end == "stopped"
    assert buffer.counters.skipped == 0


def test_frames_forgotten_by_a_stop_make_a_whole_source_unfinished(buffer):
    buffer.put(Picture(0))
    buffer.finish("complete")
    buffer.stop()
    assert buffer.end == "stopped"


def test_a_source_whose_last_frame_was_taken_stays_complete(buffer):
    buffer.finish("complete")
    buffer.stop()
    assert buffer.end == "complete"


def test_a_decoder_that_breaks_once_it_was_stopped_is_no_failure(buffer):
    buffer.stop()
    buffer.finish("failed", failure=RuntimeError("closed"))
    assert buffer.failure is None
