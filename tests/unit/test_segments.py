"""When a source's pictures stop being one unbroken stretch."""

from pipeline.stages.segments import Segments

SMALL, LARGE = (64, 48), (128, 96)


def numbers(looks, first=0, *, has_one_size=True):
    segments = Segments(first, has_one_size=has_one_size)
    return [segments.of(*look) for look in looks]


def test_the_same_pictures_stay_in_one():
    assert numbers([(0, SMALL)] * 3, first=4) == [4, 4, 4]


def test_another_size_or_file_begins_one():
    assert numbers([(0, SMALL), (0, LARGE), (1, LARGE), (2, SMALL)]) == [0, 1, 2, 3]


def test_part_0_goes_on_where_an_earlier_reader_was_and_another_part_does_not():
    assert numbers([(0, SMALL), (1, SMALL)], first=4) == [4, 5]
    assert numbers([(1, SMALL), (1, SMALL)], first=4) == [5, 5]


def test_pictures_of_a_folder_may_have_any_size():
    assert numbers([(0, SMALL), (0, LARGE)], has_one_size=False) == [0, 0]
