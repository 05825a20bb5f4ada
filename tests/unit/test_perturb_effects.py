"""What every registered effect promises."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.perturb import ALIASES, EFFECTS, CropKey, Draw, apply_steps, region_generator
from pipeline.perturb.registry import COMMON, OURS, PROGRESSIVE

SEVERITIES = range(1, 6)


def pictures(count=24, side=32, seed=0):
    """Smooth backgrounds with sharp, coloured things in front: what photographs are like."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    found = np.empty((count, side, side, 3), np.uint8)
    for picture in found:
        waves = generator.uniform(1, 9, (3, 2))
        base = [np.sin(a * x + b * y) for a, b in waves]
        picture[...] = np.stack(base, axis=2) * 60 + 120
        for _ in range(4):
            top, left, tall, wide = generator.integers(2, side // 2, 4)
            colour = generator.integers(20, 236, 3)
            picture[top : top + tall, left : left + wide] = colour
    return found


def draw(count, seed=0):
    generators = [region_generator(CropKey(seed, "front", frame), 0) for frame in range(count)]
    return Draw(generators, np.ones(count, np.float32))


def perturbed(crops, effect, severity, seed=0):
    return apply_steps(crops, ((effect, severity),), draw(len(crops), seed))


def distance(crops, effect, severity):
    return np.abs(perturbed(crops, effect, severity) - crops.astype(int)).mean()


def bending(crops, effect, severity):
    """Second differences of a ramp: a slant has none, so what is left is how much it is bent."""
    ramp = np.zeros((24, 32, 32, 3), np.uint8)
    ramp[..., 0] = np.arange(32)[:, None] * 8
    seen = perturbed(ramp, effect, severity)[:, 6:-6, 6:-6, 0].astype(float)
    return np.abs(np.diff(seen, 2, axis=1)).mean()


def unlikeness(crops, effect, severity):
    """1 - correlation: what cannot be undone by turning up contrast and brightness."""
    seen = perturbed(crops, effect, severity)
    return np.mean(
        [1 - np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(crops, seen, strict=True)]
    )


def turn(crops, effect, severity):
    """Degrees by which a cross of one long arm has turned."""
    pointer = np.zeros((24, 33, 33, 3), np.uint8)
    pointer[:, 16, 16:30] = 255
    y, x = np.nonzero(perturbed(pointer, effect, severity)[0, ..., 0] > 100)
    return np.degrees(abs(np.arctan2(y.mean() - 16, x.mean() - 16)))


DAMAGE = {"elastic_transform": bending, "frost": unlikeness, "askew": turn}
"""The severities of these are not in the order of plain distance: a mild elastic case is slanted as
a whole and so differs in more pixels; a severe frost takes back light; a picture on its head may be
nearer than one on its side."""


def test_all_effects_are_here():
    assert (len(COMMON), len(OURS), len(EFFECTS)) == (15, 5, 20)
    assert set(ALIASES.values()) <= set(EFFECTS)
    assert set(EFFECTS) >= PROGRESSIVE


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("size", [(32, 32), (48, 40), (7, 96)])
def test_shape_type_and_input_stay(effect, size):
    crops = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    before = crops.copy()
    for severity in SEVERITIES:
        seen = perturbed(crops, effect, severity)
        assert (seen.shape, seen.dtype) == (crops.shape, np.uint8)
    assert np.array_equal(crops, before)


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_crop_does_not_depend_on_its_mates_or_on_the_run(effect):
    crops = pictures(6)
    together = perturbed(crops, effect, 4)
    assert np.array_equal(together, perturbed(crops, effect, 4))
    generators = draw(6).generators
    alone = [
        apply_steps(crops[i : i + 1], ((effect, 4),), Draw([g], np.ones(1, np.float32)))[0]
        for i, g in enumerate(generators)
    ]
    assert np.array_equal(together, alone)
    assert not np.array_equal(together, crops)


def test_head_down_is_exactly_that():
    crops = pictures(3)
    assert np.array_equal(perturbed(crops, "askew", 5), crops[:, ::-1, ::-1])
    assert np.array_equal(perturbed(crops, "askew", 4), np.rot90(crops, axes=(1, 2)))


@pytest.mark.parametrize("effect", EFFECTS)
def test_damage_grows_with_severity(effect):
    crops = pictures()
    damage = [DAMAGE.get(effect, distance)(crops, effect, s) for s in SEVERITIES]
    if effect == "glass_blur":
        # Levels 1 to 3 move each pixel once, 4 and 5 twice; between them only smoothness grows.
        assert max(damage[:3]) < 0.8 * min(damage[3:])
        return
    # Motion blur 3 and 4 differ in the length of a tail that weighs nothing; the bending of the
    # mildest elastic cases is less than what rounding to whole levels looks like.
    slack = 0.93 if effect == "elastic_transform" else 0.999
    assert all(b > a * slack for a, b in pairwise(damage))
    assert damage[4] > 1.2 * damage[0]


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_crop_twice_the_size_is_damaged_alike(effect):
    """Severities scale with the crop; JPEG's blocks cannot, and noise is a pixel's own."""
    small = pictures()
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    ratio = distance(large, effect, 5) / distance(small, effect, 5)
    assert 0.5 < ratio < 1.5


RANDOM = [
    *("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow"),
    *("frost", "fog", "elastic_transform"),
]


@pytest.mark.parametrize("effect", EFFECTS)
def test_chance_is_used_where_the_world_has_some(effect):
    crops = pictures(4)
    others = perturbed(crops, effect, 5, seed=1)
    assert np.array_equal(perturbed(crops, effect, 5), others) == (effect not in RANDOM)
