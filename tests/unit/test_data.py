"""Decoding of single pictures, the validation split, and variation in batches."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dart_stream.data import decode_picture, stratified_split
from dart_stream.data.augment import Augmentation, Normalisation, augmented_batch
from dart_stream.data.cutmix import cut_mix
from dart_stream.data.decode import PAD_LEVEL
from dart_stream.errors import DataError
from pipeline.regions import crop


def encoded(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def plain(colour, size=(8, 8)):
    return encoded(np.full((*size, 3), colour, np.uint8))


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

    def test_palette_transparency_and_animation_become_rgb(self):
        palette = Image.fromarray(np.full((4, 4, 3), (200, 100, 50), np.uint8)).quantize(4)
        later = Image.new("P", (4, 4))
        file = io.BytesIO()
        palette.save(file, "GIF", save_all=True, append_images=[later])
        pixels = decode_picture(file.getvalue(), (4, 4), "stretch")
        assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 8

    def test_cmyk_becomes_rgb(self):
        file = io.BytesIO()
        Image.new("CMYK", (4, 4), (0, 0, 0, 0)).save(file, "JPEG")
        assert (decode_picture(file.getvalue(), (4, 4), "stretch") == 255).all()

    def test_a_large_jpeg_looks_the_same_as_a_large_png(self):
        ramp = np.linspace(0, 255, 1200).astype(np.uint8)
        pixels = np.stack([np.broadcast_to(ramp, (900, 1200))] * 3, axis=2)
        jpeg, png = (
            decode_picture(encoded(pixels, form), (32, 32), "stretch") for form in ("JPEG", "PNG")
        )
        assert np.abs(jpeg.astype(int) - png).max() <= 3

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty file"),
            (b"hello", "not a picture in a known format"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "not a picture"),
            (plain(9)[:50], "truncated"),
        ],
    )
    def test_what_is_no_picture_is_refused_with_the_reason(self, content, reason):
        with pytest.raises(DataError, match=reason):
            decode_picture(content, (8, 8), "stretch")

    def test_floating_point_pixels_are_refused(self):
        file = io.BytesIO()
        Image.fromarray(np.zeros((4, 4), np.float32)).save(file, "TIFF")
        with pytest.raises(DataError, match="floating-point"):
            decode_picture(file.getvalue(), (4, 4), "stretch")

    @pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of odd tags
    @pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
    def test_damage_anywhere_gives_a_picture_or_a_reason(self, form):
        generator = np.random.default_rng(0)
        whole = encoded(generator.integers(0, 255, (24, 24, 3), dtype=np.uint8), form)
        for _ in range(60):
            damaged = bytearray(whole)
            for at in generator.integers(0, len(whole), 4):
                damaged[at] = generator.integers(0, 256)
            try:
                pixels = decode_picture(bytes(damaged), (8, 8), "stretch")
            except DataError as error:
                assert str(error)  # noqa: PT017 - either outcome is right, silence is not
            else:
                assert pixels.shape == (8, 8, 3)


class TestCutMix:
    def mixed(self, seed):
        pictures = torch.arange(12.0)[:, None, None, None].expand(12, 3, 8, 6)
        return cut_mix(pictures, torch.Generator().manual_seed(seed))

    @pytest.mark.parametrize("seed", range(5))
    def test_every_picture_gets_a_rectangle_of_its_partner(self, seed):
        images, partner, share = self.mixed(seed)
        for index, picture in enumerate(images):
            own, other = picture == index, picture == partner[index]
            assert (own | other).all()
            if partner[index] != index:
                assert other.float().mean() == pytest.approx(share)
                rows, columns = other[0].any(1), other[0].any(0)
                assert torch.equal(other[0], rows[:, None] & columns[None])

    def test_areas_are_small_and_large(self):
        shares = [self.mixed(seed)[2] for seed in range(30)]
        assert min(shares) < 0.2
        assert max(shares) > 0.8


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
        with pytest.raises(DataError, match="class dog: expected at least 2 pictures"):
            stratified_split(np.array([0, 0, 1]), 0.1, seed=0, classes=["cat", "dog"])


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
