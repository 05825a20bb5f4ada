"""Another model, better or only different, whose answers a network learns beside the labels.

It sees the very pictures that the student sees, varied and mixed alike, so its answers fit them
where labels no longer do.

Reference: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015; the same view for
both, Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022.
Differs from the papers: labels keep a share of the loss (`Recipe.teacher_share`).
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dart_stream.data.augment import Normalisation
from dart_stream.errors import ModelError
from dart_stream.model_dir import load_network, read_info
from dart_stream.models import MultiExitNetwork


class Teacher:
    """A trained network, at full depth.

    Args:
        network: whose last exit answers; it is frozen.
        normalise: pixels as it was trained on them.
        name: for messages and cards.
    """

    def __init__(self, network: MultiExitNetwork, normalise: Normalisation, name: str) -> None:
        self.name = name
        self._network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._normalise = normalise

    @classmethod
    def load(
        cls, directory: Path, classes: Sequence[str], input_size: tuple[int, int]
    ) -> "Teacher":
        """Read a model directory.

        Args:
            directory: of the model.
            classes: that the student learns, in order.
            input_size: (height, width) of its pictures.

        Raises:
            ModelError: it cannot be read, or answers other questions than the student.
        """
        info = read_info(directory)
        for what, expected, found in (
            ("classes", list(classes), list(info.classes)),
            ("input size", list(input_size), list(info.input_size)),
        ):
            if expected != found:
                raise ModelError(
                    f"teacher {info.name}: expected the student's {what}, {_shown(expected)}, "
                    f"got {_shown(found)}; train a teacher on the same pictures"
                )
        pixels = info.normalisation
        normalise = Normalisation(pixels.mean, pixels.std)
        return cls(load_network(directory, info), normalise, info.name)

    def __call__(self, images: Tensor, student: Normalisation) -> Tensor:
        """Logits float32 [N, classes].

        Args:
            images: as the student sees them, float32 [N, 3, H, W].
            student: the normalisation that made them.
        """
        with torch.no_grad():
            x = self._as_taught(images, student)
            for stage in self._network.stages:
                x = stage(x)
            logits: Tensor = self._network.heads[-1](x)
        return logits.float()

    def fingerprint(self) -> int:
        """A number that other weights do not have."""
        checksum = 0
        for value in self._network.state_dict().values():
            checksum = zlib.crc32(value.contiguous().numpy().data, checksum)
        return checksum

    def _as_taught(self, images: Tensor, student: Normalisation) -> Tensor:
        if student == self._normalise:
            return images
        mean, std, own_mean, own_std = (
            torch.tensor(numbers)[:, None, None]
            for numbers in (student.mean, student.std, self._normalise.mean, self._normalise.std)
        )
        return (images * std + (mean - own_mean)) / own_std


def _shown(values: Sequence[object]) -> str:
    text = ", ".join(map(str, values[:4]))
    return f"{text}, ... ({len(values)})" if len(values) > 4 else text
