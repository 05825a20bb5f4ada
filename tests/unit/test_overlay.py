"""What is drawn on a frame: where boxes land, what tags say, and that nothing runs out of it."""

import numpy as np
import pytest

from pipeline.sinks.base import Network
from pipeline.sinks.canvas import Canvas
from pipeline.sinks.lettering import Lettering
from pipeline.sinks.overlay import EXIT_COLOURS, Overlay

NETWORK = Network(num_exits=3, full_macs=1_000)
GREY = 90


def region(box, **changes):
    plain = {
        "box": box,
        "zone": None,
        "label": "truck",
        "smoothed_label": "truck",
        "confidence": 0.934,
        "exit": 0,
        "difficulty": 0.41,
        "macs": 400,
    }
    return plain | changes


def record(*regions):
    return {"source": "lot", "frame": 7, "pts_s": 62.34, "regions": list(regions)}


def grey(width, height):
    return np.full((height, width, 3), GREY, np.uint8)


def drawn(width, height, *regions, network=NETWORK):
    canvas = Canvas(width, height)
    placed = canvas.place(grey(width, height), (width, height))
    Overlay(canvas.size, network).draw(placed, record(*regions))
    return placed.pixels


@pytest.fixture
def texts(monkeypatch):
    """What is written, in order."""
    written = []
    write = Lettering.write

    def noting(self, pixels, text, at, colour):
        written.append(text)
        write(self, pixels, text, at, colour)

    monkeypatch.setattr(Lettering, "write", noting)
    return written


# --- the canvas -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        ((768, 432), (768, 432)),
        ((767, 431), (768, 432)),
        ((32, 32), (256, 256)),
        ((320, 120), (640, 240)),
        ((1, 1), (240, 240)),
        ((2_048, 16), (16_384, 240)),
        ((16_385, 500), (16_384, 500)),
        ((20_000, 100), (16_384, 240)),
        ((100, 20_000), (82, 16_384)),
    ],
)
def test_a_canvas_has_even_sides_and_is_high_enough_for_text(frame, size):
    assert Canvas(*frame).size == size


def test_a_frame_that_fits_is_copied_as_it_is():
    frame = np.random.default_rng(0).integers(0, 256, (432, 768, 3), np.uint8)
    frame.flags.writeable = False  # it lies in shared memory, where others look at it
    placed = Canvas(768, 432).place(frame, (768, 432))
    assert np.array_equal(placed.pixels, frame)
    assert placed.pixels.flags.writeable
    assert placed.box((10, 20, 30.4, 40)) == (10, 20, 30, 40)


def test_an_odd_frame_keeps_its_pixels():
    frame = np.random.default_rng(0).integers(1, 256, (431, 767, 3), np.uint8)
    placed = Canvas(767, 431).place(frame, (767, 431))
    assert np.array_equal(placed.pixels[:431, :767], frame)


def test_a_frame_of_another_shape_is_fitted_and_boxes_follow():
    placed = Canvas(400, 300).place(grey(200, 300), (400, 600))  # came smaller than its source
    assert placed.pixels.shape == (300, 400, 3)
    assert placed.box((0, 0, 400, 600)) == (100, 0, 300, 299)
    assert (placed.pixels[:, :100] == 0).all()
    assert (placed.pixels[:, 100:300] == GREY).all()


def test_a_frame_too_wide_to_be_enlarged_for_text_lies_on_black():
    placed = Canvas(2_048, 16).place(grey(2_048, 16), (2_048, 16))
    assert placed.box((0, 0, 1_024, 16)) == (0, 56, 8_192, 184)
    assert (placed.pixels[56:184] == GREY).all()
    assert not placed.pixels[:56].any()
    assert not placed.pixels[184:].any()


def test_a_box_outside_the_frame_ends_at_the_canvas():
    assert Canvas(400, 300).place(grey(400, 300), (400, 300)).box((-9, -9, 999, 999)) == (
        *(0, 0, 399, 299),
    )


# --- the overlay ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("exit_index", "colour"), [(0, 0), (1, 2), (2, 4)])
def test_a_box_has_the_colour_of_its_exit_and_stands_where_it_should(exit_index, colour):
    pixels = drawn(640, 480, region([100, 200, 300, 400], exit=exit_index))
    line = [tuple(map(int, pixels[y, x])) for x, y in ((100, 300), (300, 300), (200, 399))]
    assert line == [EXIT_COLOURS[colour]] * 3
    assert (pixels[220:380, 120:280] == GREY).all()
    assert (pixels[:, 400:][:400] == GREY).all()


def test_a_tag_says_answer_and_cost_and_the_bar_explains(texts):
    drawn(640, 480, region([100, 200, 300, 400], exit=2, macs=1_250, zone="gate"), region([0] * 4))
    assert texts == [
        "gate: truck 93%",
        "full · difficulty 0.41 · 25% spent on top",
        "truck 93%",
        "exit 0 · difficulty 0.41 · 60% saved",
        "lot  1:02.3  frame 7",
        "exit 0",
        "exit 1",
        "full",
        "18% of compute saved so far",
    ]


@pytest.mark.parametrize(
    ("smoothed", "label", "text"),
    [
        ("truck", "truck", "truck 93%"),
        ("car", "truck", "car (now truck 93%)"),
        ("car", None, "car (now unsure 93%)"),
        (None, "truck", "unsure (now truck 93%)"),
        (None, None, "unsure 93%"),
    ],
)
def test_what_is_shown_is_the_smoothed_label_and_the_raw_answer_beside_it(
    texts, smoothed, label, text
):
    drawn(640, 480, region([0, 0, 640, 480], smoothed_label=smoothed, label=label))
    assert texts[0] == text


def test_without_a_network_only_what_is_known_is_said(texts):
    drawn(640, 480, region([0, 0, 640, 480], exit=4), network=None)
    assert texts == ["truck 93%", "exit 4 · difficulty 0.41", "lot  1:02.3  frame 7"]


def test_a_frame_without_regions_gets_the_bar_alone(texts):
    pixels = drawn(640, 480)
    assert texts == ["lot  1:02.3  frame 7", "exit 0", "exit 1", "full"]
    assert (pixels[:440] == GREY).all()


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (33, 901), (2_000, 31), (3_840, 2_160)])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.9, 0.9, 1, 1), (0.4, 0, 0.6, 0.1), (2, 2, 3, 3)])
def test_frames_of_every_size_and_boxes_of_every_place_can_be_drawn(size, box):
    name = "a label that is far too long for any of these pictures " * 3
    scaled = [value * size[n % 2] for n, value in enumerate(box)]
    pixels = drawn(*size, region(scaled, label=name, smoothed_label=name, zone="Zufahrt für Lkw"))
    assert pixels.shape[1] >= size[0]
    assert (pixels != GREY).any()


def test_text_grows_with_the_frame():
    def height(size):
        return Overlay(size, NETWORK)._large.height

    assert height((240, 240)) < height((768, 432)) < height((1_920, 1_080))
