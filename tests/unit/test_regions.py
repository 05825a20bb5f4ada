import numpy as np
import pytest

from pipeline.config import CustomRegions, FrameRegions, ZoneRegions
from pipeline.errors import ConfigError
from pipeline.readers.array_frame import ArrayFrame
from pipeline.regions import Cropper, FoundRegion, build_region_finder
from pipeline.regions.crop import PAD_LEVEL


def frame_of(pixels):
    height, width = pixels.shape[:2]
    return ArrayFrame(0, 0.0, (width, height), lambda: pixels)


@pytest.fixture
def quarters():
    """40 wide, 20 high; black, red, green and blue quarters."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10, 20:] = (255, 0, 0)
    pixels[10:, :20] = (0, 255, 0)
    pixels[10:, 20:] = (0, 0, 255)
    return frame_of(pixels)


def zones(**shapes):
    return build_region_finder(ZoneRegions(zones=shapes))


# --- finding --------------------------------------------------------------------------------------


def test_the_whole_frame_is_one_nameless_region(quarters):
    assert build_region_finder(FrameRegions()).find(quarters) == [FoundRegion((0, 0, 40, 20))]


def test_zones_come_in_their_order_in_pixels(quarters):
    found = zones(b=[0.5, 0, 1, 0.5], a=[(0, 0), (1, 0), (0.5, 1)]).find(quarters)
    assert [(region.name, region.box) for region in found] == [
        ("b", (20, 0, 40, 10)),
        ("a", (0, 0, 40, 20)),
    ]
    assert found[0].polygon is None
    assert found[1].polygon == ((0, 0), (40, 0), (20, 20))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([0.1, 0.2, 1.5, 0.9], "from 0 to 1.*got 1.5"),
        ([-0.1, 0.2, 0.5, 0.9], "from 0 to 1.*got -0.1"),
        ([float("nan"), 0.2, 0.5, 0.9], "from 0 to 1.*got nan"),
        ([0.5, 0.2, 0.5, 0.9], "x_min < x_max"),
        ([0.1, 0.9, 0.5, 0.2], "y_min < y_max"),
        ([0.1, 0.2, 0.5], "expected .x_min"),
        ([], "expected .x_min"),
        ([(0, 0), (1, 1)], "at least three points"),
        ([(0, 0), (1, 1), (0.5,)], "at least three points"),
        ([(0, 0), (0.5, 0.5), (1, 1)], "area"),
        ([(0, 0), (1, 0), (1, 2)], "from 0 to 1.*got 2"),
    ],
)
def test_a_bad_zone_is_named(shape, words):
    with pytest.raises(ConfigError, match=rf"zones\.gate: .*{words}"):
        zones(good=[0, 0, 1, 1], gate=shape)


def test_no_zone_at_all_is_refused():
    with pytest.raises(ConfigError, match="at least one zone"):
        zones()


def test_a_finder_of_ones_own_gets_its_options(quarters):
    config = CustomRegions(
        cls="pipeline.regions.zones:Zones", options={"zones": {"gate": [0, 0, 1, 1]}}
    )
    assert build_region_finder(config).find(quarters)[0].name == "gate"


@pytest.mark.parametrize(
    ("cls", "options", "words"),
    [
        ("nowhere:Finder", {}, "cannot import"),
        ("pipeline.regions:Cropper", {}, "derived from pipeline.regions.base.RegionFinder"),
        ("pipeline.regions.frame:WholeFrame", {"no": 1}, "does not take these"),
    ],
)
def test_a_finder_of_ones_own_must_fit(cls, options, words):
    with pytest.raises(ConfigError, match=words):
        build_region_finder(CustomRegions(cls=cls, options=options))


# --- cropping -------------------------------------------------------------------------------------


def test_crops_are_one_contiguous_batch_in_order(quarters):
    regions = zones(red=[0.5, 0, 1, 0.5], green=[0, 0.5, 0.5, 1]).find(quarters)
    crops = Cropper((6, 8), "stretch").crops(quarters, regions)
    assert (crops.shape, crops.dtype) == ((2, 6, 8, 3), np.uint8)
    assert crops.flags.c_contiguous
    assert (crops[0] == (255, 0, 0)).all()
    assert (crops[1] == (0, 255, 0)).all()


def test_no_region_gives_an_empty_batch(quarters):
    assert Cropper((6, 8), "letterbox").crops(quarters, []).shape == (0, 6, 8, 3)


def test_letterbox_keeps_the_shape_and_pads_with_grey(quarters):
    crop = Cropper((16, 16), "letterbox").crops(quarters, [FoundRegion((0, 0, 40, 20))])[0]
    assert (crop[:4] == PAD_LEVEL).all()
    assert (crop[-4:] == PAD_LEVEL).all()
    assert (crop[4, 0] == 0).all()
    assert (crop[11, 15] == (0, 0, 255)).all()


def test_letterbox_of_a_tall_region_pads_the_sides(quarters):
    region = FoundRegion((20, 0, 30, 20))
    crop = Cropper((16, 16), "letterbox").crops(quarters, [region])[0]
    assert (crop[:, :4] == PAD_LEVEL).all()
    assert (crop[:, -4:] == PAD_LEVEL).all()
    assert (crop[0, 4] == (255, 0, 0)).all()


def test_stretch_fills_the_input(quarters):
    crop = Cropper((16, 16), "stretch").crops(quarters, [FoundRegion((0, 0, 40, 20))])[0]
    assert (crop[0, 15] == (255, 0, 0)).all()
    assert (crop[15, 0] == (0, 255, 0)).all()


def test_the_whole_frame_is_never_converted_at_full_size(quarters):
    class Scaled(ArrayFrame):
        def pixels(self):
            raise AssertionError("the full picture is not needed")

        def resized(self, width, height):
            return np.full((height, width, 3), 9, np.uint8)

    frame = Scaled(0, 0.0, (40, 20), None)
    crop = Cropper((10, 10), "stretch").crops(frame, [FoundRegion((0, 0, 40, 20))])[0]
    assert (crop == 9).all()


def test_shrinking_averages_and_enlarging_interpolates():
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    region = FoundRegion((0, 0, 8, 4))
    shrunk = Cropper((2, 4), "stretch").crops(frame_of(stripes), [region])[0]
    assert (shrunk == 100).all()
    enlarged = Cropper((8, 16), "stretch").crops(frame_of(stripes), [region])[0]
    assert {50, 150} <= set(np.unique(enlarged))


@pytest.mark.parametrize(
    "box", [(3.2, 3.2, 3.3, 3.3), (39.9, 19.9, 40, 20), (0, 0, 0.1, 20), (-5, -5, 100, 100)]
)
def test_a_region_is_at_least_one_pixel_inside_the_frame(quarters, box):
    crop = Cropper((4, 4), "letterbox").crops(quarters, [FoundRegion(box)])
    assert crop.shape == (1, 4, 4, 3)


def test_outside_a_polygon_is_painted_in_the_mean_of_its_inside():
    pixels = np.full((20, 20, 3), (10, 20, 30), np.uint8)
    pixels[:, 10:] = 250
    left_half = [(0, 0), (0.4, 0), (0.4, 1), (0, 1), (0, 0.5)]
    regions = zones(left=left_half, all=[0, 0, 1, 1]).find(frame_of(pixels))
    wide = FoundRegion((0, 0, 20, 20), polygon=regions[0].polygon)
    crops = Cropper((20, 20), "stretch").crops(frame_of(pixels), [wide, regions[1]])
    assert (crops[0] == (10, 20, 30)).all()
    assert (crops[1] == pixels).all()


def test_a_letterboxed_crop_has_the_same_scale_in_both_directions():
    """A disc stays a disc."""
    y, x = np.mgrid[:60, :100]
    disc = ((x - 50) ** 2 + (y - 30) ** 2 < 25**2).astype(np.uint8)[..., None] * 255
    crop = Cropper((50, 50), "letterbox").crops(
        frame_of(np.repeat(disc, 3, 2)), [FoundRegion((0, 0, 100, 60))]
    )[0, ..., 0]
    white = crop > 200
    assert white.any(0).sum() == pytest.approx(white.any(1).sum(), abs=1)
