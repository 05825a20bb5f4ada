"""Which pictures a stream of `bench shift` shows, and how they look."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from synthetic_table import synthetic_table

from dart_stream.data import Pictures
from dart_stream.errors import DataError
from pipeline.bench.shift.law import CONCENTRATION, NAMED_SHARE, REPEATS, STRETCH, Law
from pipeline.bench.shift.look import STAGES, TWINS, Look, looks_of
from pipeline.bench.shift.segments import read_segments
from pipeline.bench.shift.shelf import Shelf
from pipeline.bench.shift.stream import Script, Stream
from pipeline.errors import ConfigError

CLASSES = ("cat", "dog", "bus")
LABELS = np.repeat([0, 1, 2], [60, 30, 10])
LAW = Law.of(LABELS, CLASSES)


def segments(schedule):
    return read_segments(schedule, CLASSES)


def drawn(schedule, seed=0):
    return Script.draw(segments(schedule), LAW, seed)


def classes_of(script):
    return LABELS[script.row]


def test_segments_follow_each_other_and_know_where_the_world_changes():
    found = segments(
        "clean:10, clean:5, dark@2:7, classmix(cat)+dark@2:3, jpeg:1, jpeg_compression:1"
    )
    assert [s.begin for s in found] == [0, 10, 15, 22, 25, 26]
    assert [s.changes for s in found] == [False, False, True, True, True, False]
    assert [s.is_clean for s in found] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("clean:5,dark", "--schedule: expected a count of regions in 'dark'.* write dark:4000"),
        ("classmix(dogg):5", r"classmix\(...\), cat, dog, bus; got 'dogg'; did you mean dog\?"),
    ],
)
def test_a_schedule_that_cannot_be_played_is_refused(schedule, words):
    with pytest.raises(ConfigError, match=words):
        segments(schedule)


def test_a_seed_draws_the_same_stream_again_and_another_another():
    first, again, other = (drawn("clean:50,mix(dark,blur):50", seed) for seed in (3, 3, 4))
    assert np.array_equal(first.row, again.row)
    assert np.array_equal(first.look, again.look)
    assert not np.array_equal(first.row, other.row)


def test_pictures_come_as_often_as_they_are():
    shares = np.bincount(classes_of(drawn("clean:20000")), minlength=3) / 20000
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.015)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_a_class_mix_gives_the_named_their_share(severity):
    segment = segments(f"classmix(dog,bus)@{severity}:20000")[0]
    shares = (
        np.bincount(classes_of(drawn(f"classmix(dog,bus)@{severity}:20000")), minlength=3) / 2e4
    )
    share = NAMED_SHARE[severity - 1]
    assert shares == pytest.approx([1 - share, share / 2, share / 2], abs=0.015)
    assert shares == pytest.approx(LAW.class_shares(segment), abs=0.015)


def test_a_mix_of_all_classes_leaves_no_rest():
    shares = LAW.class_shares(segments("classmix(cat,dog,bus)@2:1")[0])
    assert shares == pytest.approx([1 / 3] * 3)


def test_a_class_without_pictures_cannot_be_asked_for():
    law = Law.of(np.array([0, 0, 2]), CLASSES)
    assert law.class_shares(segments("clean:1")[0]) == pytest.approx([2 / 3, 0, 1 / 3])
    with pytest.raises(DataError, match="the split has none of one of them"):
        law.class_shares(segments("classmix(dog)+still:1")[0])


def dominance(schedule):
    """Mean share of each stretch's most frequent class."""
    stretches = classes_of(drawn(schedule)).reshape(-1, STRETCH)
    return np.mean([np.bincount(each).max() / STRETCH for each in stretches])


def test_correlated_streams_dwell_on_a_class_the_more_the_severer():
    found = [dominance(f"correlated@{s}:30000") for s in (1, 3, 5)]
    assert dominance("clean:30000") + 0.05 < found[0] < found[1] < found[2]
    assert found[2] > 0.95
    assert sorted(CONCENTRATION, reverse=True) == list(CONCENTRATION)


def test_a_correlated_stream_has_all_classes_in_the_long_run():
    shares = np.bincount(classes_of(drawn("correlated@2:200000")), minlength=3) / 200000
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.04)


def test_a_still_scene_is_shown_many_times_in_versions():
    script = drawn("still@2:1000")
    runs = [len(list(group)) for _, group in itertools.groupby(script.row.tolist())]
    assert all(run % REPEATS[1] == 0 for run in runs)
    assert sorted({script.looks[i].twin for i in script.look[: REPEATS[1]]}) == [1, 2, 3, 4]
    assert len(script.looks) == TWINS


def test_a_stretch_that_does_not_divide_is_cut():
    assert len(drawn("still@5:7,correlated:13")) == 20


def test_light_fades_in_stages_that_come_in_turn():
    script = drawn("clean:10,daylight:80")
    stages = [script.looks[i].stage for i in script.look[10:]]
    assert stages == sorted(stages)
    assert set(stages) == set(range(1, STAGES + 1))


def test_a_mixture_is_drawn_region_by_region():
    script = drawn("mix(clean,dark@2,blur):3000")
    assert {look.steps for look in script.looks} == {(), (("dark", 2),), (("blur", 3),)}
    assert np.bincount(script.look).min() > 800


def test_coins_are_even_and_depend_on_seed_and_number_alone():
    few, many, other = drawn("clean:500", 1), drawn("blur:20000", 1), drawn("clean:500", 2)
    assert np.array_equal(few.coins, many.coins[:500])
    assert abs(np.corrcoef(few.coins, other.coins)[0, 1]) < 0.15
    assert np.histogram(many.coins, 10, (0, 1))[0] == pytest.approx([2000] * 10, rel=0.08)


def test_versions_of_a_scene_differ_by_little():
    pictures = np.random.default_rng(0).integers(20, 230, (5, 8, 8, 3), dtype=np.uint8)
    first, second = (Look((), twin=t).applied(pictures, 0).astype(int) for t in (1, 2))
    for seen in (first - pictures, second - pictures, first - second):
        assert 0.5 < seen.std() < 4


def test_a_look_is_given_with_chance_of_the_picture_s_own():
    pictures = np.random.default_rng(0).integers(20, 230, (2003, 4, 4, 3), dtype=np.uint8)
    look = Look((("gaussian_noise", 2),))
    whole, part = look.applied(pictures, 7), look.applied(pictures[:1500], 7)
    assert np.array_equal(whole[:1500], part)
    assert not np.array_equal(whole, look.applied(pictures, 8))
    assert np.array_equal(Look(()).applied(pictures, 7), pictures)


def test_a_stage_is_as_dark_as_its_middle():
    white = np.full((1, 8, 8, 3), 200, np.uint8)
    seen = [Look((("daylight", 3),), stage=k).applied(white, 0).mean() for k in (1, STAGES)]
    assert seen == pytest.approx([200 * 0.35 ** (1 / 16), 200 * 0.35 ** (15 / 16)], abs=1)


def shelf(folder=None, fingerprint="model", recorded=None):
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), dtype=np.uint8)
    pictures = Pictures(images, LABELS, CLASSES, (), ())
    tables = {}

    def record(seen, words):
        if recorded is not None:
            recorded.append(words)
        table = synthetic_table(100, seed=len(tables), classes=3, parts=np.ones((100, 3), "f4"))
        tables[words] = replace(table, labels=LABELS, source=words)
        return tables[words]

    return Shelf(pictures, record, folder=folder, fingerprint=fingerprint), tables


def test_a_stream_shows_each_region_s_own_table():
    found, tables = shelf()
    script = drawn("clean:40,mix(dark,blur):60")
    stream = Stream.of(script, found, LABELS)
    for region in (0, 39, 40, 77, 99):
        table = tables[script.looks[script.look[region]].name]
        row = script.row[region]
        assert np.array_equal(stream.probabilities[region], table.probabilities[row])
        assert stream.answers[region].tolist() == table.answers[row].tolist()
        assert stream.difficulty[region] == table.difficulty[row]
        assert stream.labels[region] == LABELS[row]


def test_a_table_without_pixel_features_is_refused():
    images = np.zeros((100, 8, 8, 3), np.uint8)
    bare = Shelf(
        Pictures(images, LABELS, CLASSES, (), ()), lambda *_: synthetic_table(100, classes=3)
    )
    with pytest.raises(DataError, match="expected alpha and parts"):
        Stream.of(drawn("clean:5"), bare, LABELS)


def test_tables_are_recorded_once_and_kept_for_the_same_model(tmp_path):
    dark, recorded = Look((("dark", 2),)), []
    first, _ = shelf(tmp_path, recorded=recorded)
    table = first.table(dark)
    assert first.table(dark) is table
    again, _ = shelf(tmp_path, recorded=recorded)
    assert np.array_equal(again.table(dark).logits, table.logits)
    assert recorded == ["dark@2"]
    other, _ = shelf(tmp_path, fingerprint="another model", recorded=recorded)
    other.table(dark)
    assert recorded == ["dark@2", "dark@2"]


def test_looks_of_a_segment_are_all_that_it_can_draw():
    one = segments("mix(clean,daylight@2)+still:100")[0]
    by_stage = looks_of(one)
    assert (len(by_stage), {len(row) for row in by_stage}) == (STAGES, {2 * TWINS})
