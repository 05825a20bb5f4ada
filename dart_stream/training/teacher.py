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
from typing import Literal

import torch
from torch import Tensor, nn

from dart_stream.data.augment import Normalisation
from dart_stream.engine.folding import fold_batch_norm
from dart_stream.engine.packing import pack_convolutions
from dart_stream.errors import ModelError
from dart_stream.model_dir import load_network, read_info
from dart_stream.models import MultiExitNetwork


class Teacher:
    """A trained network, at full depth.

    Args:
        network: whose last exit answers; its weights are copied.
        normalise: pixels as it was trained on them.
        name: for messages and cards.
        precision: of its arithmetic.
    """

    def __init__(
        self,
        network: MultiExitNetwork,
        normalise: Normalisation,
        name: str,
        precision: Literal["bf16", "fp32"] = "fp32",
    ) -> None:
        self.name = name
        self._normalise = normalise
        self._checksum = _checksum(network)
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._parts = _for_inference(network, self._dtype)

    @classmethod
    def load(
        cls,
        directory: Path,
        classes: Sequence[str],
        input_size: tuple[int, int],
        precision: Literal["bf16", "fp32"] = "fp32",
    ) -> "Teacher":
        """Read a model directory.

        Args:
            directory: of the model.
            classes: that the student learns, in order.
            input_size: (height, width) of its pictures.
            precision: of the teacher's arithmetic.

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
        return cls(load_network(directory, info), normalise, info.name, precision)

    def __call__(self, images: Tensor, student: Normalisation) -> Tensor:
        """Logits float32 [N, classes].

        Args:
            images: as the student sees them, float32 [N, 3, H, W].
            student: the normalisation that made them.
        """
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            x = self._as_taught(images, student).to(self._dtype)
            for part in self._parts:
                x = part(x)
        return x.float()

    def fingerprint(self) -> int:
        """A number that other weights do not have."""
        return self._checksum

    def _as_taught(self, images: Tensor, student: Normalisation) -> Tensor:
        if student == self._normalise:
            return images
        mean, std, own_mean, own_std = (
            torch.tensor(numbers)[:, None, None]
            for numbers in (student.mean, student.std, self._normalise.mean, self._normalise.std)
        )
        return (images * std + (mean - own_mean)) / own_std


def _checksum(network: MultiExitNetwork) -> int:
    checksum = 0
    for value in network.state_dict().values():
        checksum = zlib.crc32(value.contiguous().numpy().data, checksum)
    return checksum


def _for_inference(network: MultiExitNetwork, dtype: torch.dtype) -> list[nn.Module]:
    """All stages and the last head as the engine would run them: a teacher answers every step."""
    x = torch.rand(2, 3, *network.input_size, generator=torch.Generator().manual_seed(0))
    parts: list[nn.Module] = []
    for part in (*network.stages, network.heads[-1]):
        folded = fold_batch_norm(part, x).module.requires_grad_(False)
        example = x.to(dtype)
        if example.dim() == 4:
            example = example.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            x = folded(x)
        placed = folded.to(dtype=dtype).to(memory_format=torch.channels_last)
        parts.append(pack_convolutions(placed, example).module)
    return parts


def _shown(values: Sequence[object]) -> str:
    text = ", ".join(map(str, values[:4]))
    return f"{text}, ... ({len(values)})" if len(values) > 4 else text
