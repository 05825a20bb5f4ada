"""File names sort as people sort them."""

from pipeline.readers.natural_order import natural_key


def test_numbers_count_and_other_digits_do_not():
    names = ["clip10", "clip2", "1²2.png", "①1.jpg", "12.png", "b", "٣.png"]
    assert sorted(["clip10", "clip2", "clip1"], key=natural_key) == ["clip1", "clip2", "clip10"]
    for name in names:
        natural_key(name)
