"""What a training step sees: the same whenever it is asked for, varied as the recipe says."""

import msgspec
import numpy as np
import torch
from coloured_pictures import coloured

from dart_stream.data.augment import Normalisation
from dart_stream.training import Recipe
from dart_stream.training.batches import TrainingBatches

RECIPE = Recipe(input_size=(8, 8), batch_size=8, shift=1, cutout=2)


class TestBatches:
    def pictures(self, recipe, steps):
        part = coloured(24, seed=1)
        batches = TrainingBatches(part, recipe, Normalisation((0, 0, 0), (1 / 255,) * 3))
        return part, [batches(step) for step in steps]

    def test_a_step_gives_the_same_batch_whatever_was_drawn_before(self):
        _, (first, later) = self.pictures(RECIPE, [4, 7])
        _, (alone,) = self.pictures(RECIPE, [7])
        assert torch.equal(later[0], alone[0])
        assert torch.equal(later[1].labels, alone[1].labels)
        assert not torch.equal(first[0], later[0])

    def test_an_epoch_shows_every_picture_once(self):
        recipe = Recipe(input_size=(8, 8), batch_size=8, shift=0, mirror=False, cutout=0)
        part, drawn = self.pictures(recipe, [3, 4, 5])
        shown = torch.cat([pixels for pixels, _ in drawn]).permute(0, 2, 3, 1).to(torch.uint8)
        assert sorted(map(bytes, shown.numpy())) == sorted(map(bytes, part.images.numpy()))

    def test_alternating_mirror_shows_both_ways_in_two_epochs(self):
        recipe = Recipe(input_size=(8, 8), batch_size=24, shift=0, mirror="alternating", cutout=0)
        part, drawn = self.pictures(recipe, [0, 1])
        seen = [
            {bytes(p) for p in pixels.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()}
            for pixels, _ in drawn
        ]
        for picture in part.images.numpy():
            ways = {bytes(picture), bytes(np.ascontiguousarray(picture[:, ::-1]))}
            assert {*(seen[0] & ways), *(seen[1] & ways)} == ways
        straight = sum(bytes(picture) in seen[0] for picture in part.images.numpy())
        assert 0 < straight < 24

    def test_cutmix_takes_its_share_of_the_steps(self):
        recipe = Recipe(input_size=(8, 8), batch_size=24, cutmix=0.5)
        _, drawn = self.pictures(recipe, range(40))
        assert 10 < sum(targets.pasted is not None for _, targets in drawn) < 30

    def test_the_last_epochs_may_show_whole_pictures(self):
        recipe = Recipe(input_size=(8, 8), batch_size=8, cutmix=0.999, cutmix_epochs=2)
        _, drawn = self.pictures(recipe, range(12))  # three steps an epoch
        assert [targets.pasted is None for _, targets in drawn] == [False] * 6 + [True] * 6

    def test_rand_augment_varies_pictures_the_same_way_each_time(self):
        plain = Recipe(input_size=(8, 8), batch_size=24, shift=0, mirror=False, cutout=0)
        varied = msgspec.structs.replace(plain, rand_augment=2, rand_augment_magnitude=20)
        _, (straight,) = self.pictures(plain, [1])
        _, (first, _) = self.pictures(varied, [1, 2])
        _, (again,) = self.pictures(varied, [1])
        assert torch.equal(first[0], again[0])
        assert first[0].shape == straight[0].shape
        assert torch.equal(first[1].labels, straight[1].labels)
        assert (first[0] != straight[0]).flatten(1).any(dim=1).float().mean() > 0.5
