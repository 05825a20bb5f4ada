"""Pictures from folders and zips, their split, and their variation."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from dart_stream.data import decode_picture, has_split, load_split, stratified_split
from dart_stream.data.augment import Augmentation, Normalisation, augmented_batch
from dart_stream.data.decode import PAD_LEVEL
from dart_stream.errors import DataError
from pipeline.regions import crop


def encoded(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def plain(colour, size=(8, 8)):
    return encoded(np.full((*size, 3), colour, np.uint8))


def write_tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


TREE = {
    "train/cat/0.png": plain(10),
    "train/cat/1.png": plain(20),
    "train/dog/0.PNG": plain(30),
    "train/dog/notes.txt": b"not a picture",
    "train/dog/._0.png": b"resource fork",
    "test/cat/0.png": plain(40),
}


@pytest.fixture(params=["folder", "zip", "zip with a top folder"])
def tree(request, tmp_path):
    if request.param == "folder":
        return write_tree(tmp_path / "data", TREE)
    prefix = "pictures/" if "top" in request.param else ""
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in TREE.items():
            archive.writestr(prefix + name, content)
    return path


class TestLoading:
    def test_folder_and_zip_give_the_same_pictures(self, tree):
        seen = []
        pictures = load_split(tree, "train", size=(8, 8), on_decoded=lambda *at: seen.append(at))
        assert pictures.classes == ["cat", "dog"]
        assert pictures.labels.tolist() == [0, 0, 1]
        assert pictures.images[:, 0, 0, 0].tolist() == [10, 20, 30]
        assert pictures.images.dtype == np.uint8
        assert pictures.images.shape == (3, 8, 8, 3)
        assert pictures.skipped == []
        assert seen[-1] == (3, 3)

    def test_splits_are_told_apart(self, tree):
        assert has_split(tree, "test")
        assert not has_split(tree, "validation")

    def test_missing_split_is_named(self, tree):
        with pytest.raises(DataError, match="expected pictures as validation/CLASS/FILE"):
            load_split(tree, "validation", size=(8, 8))

    def test_damaged_files_are_named_and_left_out(self, tmp_path):
        broken = {"train/cat/9.png": plain(50)[:40], "train/dog/9.jpg": b"hello"}
        pictures = load_split(write_tree(tmp_path, TREE | broken), "train", size=(8, 8))
        assert len(pictures) == 3
        assert [file.name for file in pictures.skipped] == ["train/cat/9.png", "train/dog/9.jpg"]
        assert all(file.reason for file in pictures.skipped)

    def test_damaged_member_of_a_zip_is_left_out(self, tmp_path):
        path = tmp_path / "data.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in TREE.items():
                archive.writestr(name, content)
        content = bytearray(path.read_bytes())
        content[content.index(plain(20)) + 30] ^= 0xFF
        path.write_bytes(content)
        pictures = load_split(path, "train", size=(8, 8))
        assert [file.name for file in pictures.skipped] == ["train/cat/1.png"]

    def test_class_without_a_picture_is_an_error(self, tmp_path):
        (write_tree(tmp_path, TREE) / "train" / "bird").mkdir()
        with pytest.raises(DataError, match="found none in bird"):
            load_split(tmp_path, "train", size=(8, 8))

    def test_class_with_only_damaged_pictures_is_an_error(self, tmp_path):
        write_tree(tmp_path, TREE | {"train/bird/0.png": b"hello"})
        with pytest.raises(DataError, match=r"found none in bird \(1 damaged files skipped\)"):
            load_split(tmp_path, "train", size=(8, 8))

    def test_single_class_is_an_error(self, tree):
        with pytest.raises(DataError, match="at least 2 classes in 'test', found only cat"):
            load_split(tree, "test", size=(8, 8))

    def test_neither_folder_nor_zip_is_an_error(self, tmp_path):
        (tmp_path / "data.zip").write_bytes(b"no zip")
        with pytest.raises(DataError, match="expected a folder or a zip file"):
            load_split(tmp_path / "data.zip", "train", size=(8, 8))
        with pytest.raises(DataError, match="found nothing"):
            load_split(tmp_path / "absent", "train", size=(8, 8))


class TestDecoding:
    def test_grayscale_is_repeated(self):
        pixels = decode_picture(encoded(np.full((4, 4), 99, np.uint8)), (4, 4), "stretch")
        assert pixels.shape == (4, 4, 3)
        assert (pixels == 99).all()

    def test_sixteen_bits_are_scaled_not_clipped(self):
        pixels = decode_picture(encoded(np.full((4, 4), 99 << 8, np.uint16)), (4, 4), "stretch")
        assert (pixels == 99).all()

    def test_transparent_pixels_are_black(self):
        rgba = np.full((4, 4, 4), 200, np.uint8)
        rgba[:2, :, 3] = 0
        rgba[2:, :, 3] = 255
        pixels = decode_picture(encoded(rgba), (4, 4), "stretch")
        assert (pixels[:2] == 0).all()
        assert (pixels[2:] == 200).all()

    def test_exif_rotation_is_applied(self):
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[:, :4] = 255  # left half white
        exif = Image.Exif()
        exif[0x0112] = 6  # turn a quarter clockwise to stand upright
        upright = decode_picture(encoded(pixels, exif=exif), (8, 8), "stretch")
        assert (upright[:4] == 255).all()
        assert (upright[4:] == 0).all()

    def test_stretch_fills_and_letterbox_pads(self):
        wide = plain(80, size=(4, 8))
        assert (decode_picture(wide, (8, 8), "stretch") == 80).all()
        boxed = decode_picture(wide, (8, 8), "letterbox")
        assert (boxed[2:6] == 80).all()
        assert (boxed[:2] == PAD_LEVEL).all()
        assert (boxed[6:] == PAD_LEVEL).all()

    @pytest.mark.parametrize("size", [(4, 8), (9, 5), (31, 32), (1, 40), (33, 7)])
    def test_letterbox_places_pictures_where_readers_place_regions(self, size):
        x, y, width, height = crop.Cropper((32, 32), "letterbox")._place(size[1], size[0])
        boxed = decode_picture(plain(80, size), (32, 32), "letterbox")
        expected = np.full((32, 32, 3), crop.PAD_LEVEL, np.uint8)
        expected[y : y + height, x : x + width] = 80
        assert (boxed == expected).all()


class TestSplit:
    LABELS = np.repeat([0, 1, 2], [100, 50, 10])

    def test_parts_are_disjoint_complete_and_stratified(self):
        train, validation = stratified_split(self.LABELS, 0.1, seed=0)
        assert sorted([*train, *validation]) == list(range(160))
        assert np.bincount(self.LABELS[validation]).tolist() == [10, 5, 1]

    def test_seed_decides(self):
        first, again, other = (stratified_split(self.LABELS, 0.1, seed)[1] for seed in (0, 0, 1))
        assert first.tolist() == again.tolist()
        assert first.tolist() != other.tolist()

    def test_both_parts_keep_every_class(self):
        train, validation = stratified_split(np.array([0, 0, 1, 1, 1]), 0.9, seed=0)
        assert set(np.array([0, 0, 1, 1, 1])[train]) == {0, 1}
        assert len(validation) == 3

    def test_class_of_one_picture_cannot_be_split(self):
        with pytest.raises(DataError, match="class 1: expected at least 2 pictures"):
            stratified_split(np.array([0, 0, 1]), 0.1, seed=0)


class TestAugmentation:
    IMAGES = torch.arange(6 * 8 * 10 * 3).reshape(6, 8, 10, 3).to(torch.uint8)

    def batch(self, augmentation, seed=0):
        chosen = torch.tensor([4, 1, 1])
        return augmented_batch(
            self.IMAGES, chosen, augmentation, torch.Generator().manual_seed(seed)
        )

    def test_nothing_asked_gives_the_pictures_themselves(self):
        images, erased = self.batch(Augmentation(shift=0, mirror=False, cutout=0))
        assert torch.equal(images, self.IMAGES[[4, 1, 1]])
        assert not erased.any()

    def test_mirror_gives_the_picture_or_its_reflection(self):
        original = self.IMAGES[1]
        seen = set()
        for seed in range(8):
            picture = self.batch(Augmentation(shift=0, cutout=0), seed)[0][1]
            assert torch.equal(picture, original) or torch.equal(picture, original.flip(1))
            seen.add(torch.equal(picture, original))
        assert seen == {True, False}

    def test_shift_moves_and_reflects_the_border(self):
        padded = np.pad(self.IMAGES[4].numpy(), ((2, 2), (2, 2), (0, 0)), mode="reflect")
        crops = [padded[y : y + 8, x : x + 10] for y in range(5) for x in range(5)]
        for seed in range(8):
            picture = self.batch(Augmentation(shift=2, mirror=False, cutout=0), seed)[0][0].numpy()
            assert any((picture == crop).all() for crop in crops)

    def test_cutout_erases_one_rectangle_no_larger_than_asked(self):
        _, erased = self.batch(Augmentation(cutout=3))
        for mask in erased[..., 0]:
            rows, columns = mask.any(1).sum(), mask.any(0).sum()
            assert 1 <= rows <= 3
            assert 1 <= columns <= 3
            assert mask.sum() == rows * columns

    def test_seed_decides(self):
        first, again, other = (self.batch(Augmentation(), seed)[0] for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_normalised_training_pictures_have_mean_zero_and_deviation_one():
    images = torch.randint(0, 256, (50, 8, 8, 3), dtype=torch.uint8)
    normalised = Normalisation.of(images)(images)
    assert normalised.shape == (50, 3, 8, 8)
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_pictures_of_one_colour_can_be_normalised():
    images = torch.full((2, 4, 4, 3), 7, dtype=torch.uint8)
    assert Normalisation.of(images)(images).isfinite().all()
