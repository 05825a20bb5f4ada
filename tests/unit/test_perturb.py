import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.perturb import CropKey, Perturbation, parse_schedule

KEY = CropKey(seed=0, source="front", frame=7)


@pytest.fixture
def crops():
    """Four crops of 32x32 with structure: a gradient and a bright square."""
    batch = np.zeros((4, 32, 32, 3), np.uint8)
    batch[...] = np.linspace(40, 200, 32)[None, None, :, None]
    batch[:, 8:20, 8:20] = 230
    return batch


def test_phases_follow_by_region_number_and_the_last_stays():
    schedule = Perturbation.parse("clean:4, blur@2:6 ,dark+gaussian_noise@3:10")
    names = [schedule.phase(number) for number in (0, 3, 4, 9, 10, 19, 20, 10**6)]
    assert names == ["clean"] * 2 + ["blur@2"] * 2 + ["dark+gaussian_noise@3"] * 4


def test_the_last_count_may_be_left_out():
    schedule = Perturbation.parse("clean:1,blur")
    assert (schedule.phase(0), schedule.phase(1)) == ("clean", "blur")


def test_clean_regions_are_handed_through(crops):
    assert Perturbation.parse("clean:10,blur:5").apply(crops, 6, KEY) is crops


def test_a_phase_may_begin_within_a_frame(crops):
    perturbed = Perturbation.parse("clean:10,dark:5").apply(crops, 8, KEY)
    assert np.array_equal(perturbed[:2], crops[:2])
    assert (perturbed[2:].mean((1, 2, 3)) < 0.5 * crops[2:].mean((1, 2, 3))).all()


def test_crops_are_never_written_to(crops):
    before = crops.copy()
    Perturbation.parse("gaussian_noise+dark:1").apply(crops, 0, KEY)
    assert np.array_equal(crops, before)


def test_noise_differs_by_seed_source_frame_and_region(crops):
    schedule = Perturbation.parse("gaussian_noise:1")
    keys = [KEY, CropKey(1, "front", 7), CropKey(0, "back", 7), CropKey(0, "front", 8)]
    noisy = [schedule.apply(crops, 0, key) for key in keys]
    patterns = {batch[region].tobytes() for batch in noisy for region in range(len(crops))}
    assert len(patterns) == len(keys) * len(crops)


def test_noise_does_not_depend_on_the_region_number_of_the_run(crops):
    """A resumed run counts on from elsewhere only if told so; the noise is the frame's own."""
    schedule = Perturbation.parse("gaussian_noise:1")
    assert np.array_equal(schedule.apply(crops, 0, KEY), schedule.apply(crops, 500, KEY))


def test_noise_has_the_stated_spread():
    grey = np.full((1, 64, 64, 3), 128, np.uint8)
    noisy = Perturbation.parse("gaussian_noise@3:1").apply(grey, 0, KEY)
    assert noisy.std() == pytest.approx(0.08 * 255, rel=0.05)


def test_effects_apply_in_turn(crops):
    both = Perturbation.parse("contrast@5+dark@5:1").apply(crops, 0, KEY)
    dark = Perturbation.parse("dark@5:1").apply(crops, 0, KEY)
    assert both.std() < dark.std()
    assert both.mean() == pytest.approx(dark.mean(), abs=1)


def test_severity_defaults_to_three(crops):
    assert np.array_equal(
        Perturbation.parse("contrast:1").apply(crops, 0, KEY),
        Perturbation.parse("contrast@3:1").apply(crops, 0, KEY),
    )


def test_blur_grows_with_the_crop():
    small = np.zeros((1, 32, 32, 3), np.uint8)
    small[:, :, 16:] = 255
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    schedule = Perturbation.parse("blur@5:1")
    edges = [int((schedule.apply(b, 0, KEY)[0, 0, :, 0] % 255 > 0).sum()) for b in (small, large)]
    assert edges[1] > 2.5 * edges[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown effect ''"),
        ("gausian_noise:5", "did you mean gaussian_noise"),
        ("clean:5,", "unknown effect ''"),
        ("dark+:5", "unknown effect ''"),
        ("blur@6:5", "severity from 1 to 5 .* got '6'"),
        ("blur@0:5", "severity from 1 to 5"),
        ("blur@:5", "severity from 1 to 5 .* got ''"),
        ("blur@x:5", "severity from 1 to 5"),
        ("clean:0,blur:5", "at least 1 .* got '0'"),
        ("clean:-3,blur:5", "at least 1 .* got '-3'"),
        ("clean:4k", "at least 1 .* got '4k'"),
        ("clean:", "at least 1 .* got ''"),
        ("clean,blur:5", "at least 1 .* got none"),
        ("clean:5,daylight", "daylight:1000"),
        ("mix(blur,dark:5", r"as many \( as \)"),
        ("mix)blur(:5", r"as many \( as \)"),
        ("mix:5", r"expected mix\(NAME,...\) .* got 'mix'"),
        ("mix():5", r"expected mix\(NAME,...\)"),
        ("mix(blur,):5", r"expected mix\(NAME,...\)"),
        ("mix(blur,still):5", "effects on pixels .* outside"),
        ("mix(gausian_noise):5", "did you mean gaussian_noise"),
        ("blur(3):5", r"expected blur .* got 'blur\(3\)'"),
        ("blur(3)2:5", r"unknown effect 'blur\(3\)2'"),
        ("classmix:5", r"expected classmix\(NAME,...\)"),
        ("corelated:5", "did you mean correlated"),
        ("still+still@5:5", "each choice of pictures once"),
    ],
)
def test_a_bad_schedule_is_refused_in_one_line(text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        Perturbation.parse(text)
    assert str(refused.value).startswith("perturb: ")
    assert "\n" not in str(refused.value)


def test_a_short_name_means_the_long_one(crops):
    short, long = (Perturbation.parse(f"{name}@2:1") for name in ("jpeg", "jpeg_compression"))
    assert short.phase(0) == "jpeg@2"
    assert np.array_equal(short.apply(crops, 0, KEY), long.apply(crops, 0, KEY))


def test_light_fades_through_the_phase_and_stays_away():
    white = np.full((1, 32, 32, 3), 200, np.uint8)
    schedule = Perturbation.parse("clean:100,daylight@3:1000")
    at = (100, 350, 600, 850, 1099, 5000)
    light = [schedule.apply(white, number, KEY).mean() / 200 for number in at]
    assert light[:5] == sorted(light[:5], reverse=True)
    assert light[0] > 0.99
    assert light[2] == pytest.approx(0.35**0.5, abs=0.01)
    assert light[4] == light[5] == pytest.approx(0.35, abs=0.01)


def test_in_a_mixture_each_region_draws_one_and_always_the_same(crops):
    many = crops[:1].repeat(60, axis=0)
    mixed = Perturbation.parse("mix(clean,dark@5+blur,contrast@4)+blur@1:1")
    seen = mixed.apply(many, 0, KEY)
    assert np.array_equal(seen, mixed.apply(many, 0, KEY))
    kinds = {}
    for name in ("blur@1", "dark@5+blur+blur@1", "contrast@4+blur@1"):
        one = Perturbation.parse(f"{name}:1").apply(many[:1], 0, KEY)[0]
        kinds[name] = sum(np.array_equal(crop, one) for crop in seen)
    assert sum(kinds.values()) == 60
    assert min(kinds.values()) > 5


@pytest.mark.parametrize("text", ["still:4", "clean:4,classmix(cat,dog)@2+dark", "correlated"])
def test_a_source_cannot_choose_its_pictures(text):
    with pytest.raises(ConfigError, match=r"up to the source; .* `bench shift` only"):
        Perturbation.parse(text)


def test_choices_are_read_with_their_effects():
    phase = parse_schedule("clean:1,classmix(cat, dog)@4+dark@2+still:7")[1]
    assert [(c.name, c.arguments, c.severity) for c in phase.choices] == [
        ("classmix", ("cat", "dog"), 4),
        ("still", (), 3),
    ]
    assert (phase.alternatives, phase.count) == (((("dark", 2),),), 7)
    assert phase.name == "classmix(cat, dog)@4+dark@2+still"
