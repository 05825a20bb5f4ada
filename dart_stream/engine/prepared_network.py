"""A network made ready for one device and one precision."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dart_stream.engine.float32_logits import with_float32_logits
from dart_stream.engine.folding import Folded, fold_batch_norm
from dart_stream.engine.packing import Packed, pack_convolutions
from dart_stream.engine.staged_model import StagedModel

Precision = Literal["fp32", "bf16"]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class FoldedStages:
    """The stages and heads of a model with batch normalisation folded, float32 on the CPU."""

    def __init__(self, model: StagedModel) -> None:
        self.stages: list[Folded] = []
        self.heads: list[Folded] = []
        self.inputs: list[Tensor] = []  # of each stage, and last the output of the last
        x = torch.rand(2, 3, *model.input_size, generator=torch.Generator().manual_seed(0))
        self.inputs.append(x)
        with torch.inference_mode():
            for stage, head in zip(model.network.stages, model.network.heads, strict=True):
                self.stages.append(fold_batch_norm(stage, x))
                x = self.stages[-1].module(x)
                self.inputs.append(x)
                self.heads.append(fold_batch_norm(head, x))

    @property
    def description(self) -> str:
        """How many normalisations were folded, such as "17 of 17 batch norms folded"."""
        parts = [*self.stages, *self.heads]
        folded, total = sum(part.folded for part in parts), sum(part.total for part in parts)
        return f"{folded} of {total} batch norms folded"


class PreparedNetwork:
    """Stages and heads on their device, in their precision, channels last.

    Every method must run inside `torch.inference_mode`.
    """

    def __init__(
        self, model: StagedModel, folded: FoldedStages, device: torch.device, precision: Precision
    ) -> None:
        self.device = device
        self.precision = precision
        self._dtype = _DTYPES[precision]
        stages = list(map(self._place, folded.stages, folded.inputs[:-1]))
        heads = list(map(self._place, folded.heads, folded.inputs[1:]))
        self._stages = [stage.module for stage in stages]
        self._heads = [head.module for head in heads]
        if precision == "bf16":
            exact = [head.module for head in folded.heads]
            self._heads = list(map(with_float32_logits, self._heads, exact))
        self._packed = sum(part.packed for part in [*stages, *heads])
        self._convolutions = sum(part.total for part in [*stages, *heads])
        self._inverse_temperatures = [1 / temperature for temperature in model.temperatures]
        # (pixel / 255 - mean) / std as one multiplication and one addition.
        mean, std = _of_a_picture(model.mean, model), _of_a_picture(model.std, model)
        self._scale = (1 / (255 * std)).to(device)
        self._shift = (-mean / std).to(device)

    @property
    def description(self) -> list[str]:
        """Such as ["13 of 13 convolutions packed"]; empty where packing is not for the device."""
        if self.device.type != "cpu":
            return []
        return [f"{self._packed} of {self._convolutions} convolutions packed"]

    @property
    def num_exits(self) -> int:
        """Exits, the last included."""
        return len(self._stages)

    def input(self, images: NDArray[np.uint8]) -> Tensor:
        """Normalise pixels (n, h, w, 3) to (n, 3, h, w); channels last costs no copy here."""
        # Pixels that came in a message are read-only, which torch would complain about.
        own = np.require(images, requirements=("C", "W"))
        pixels = torch.from_numpy(own).to(self.device).flatten(1)
        x = torch.addcmul(self._shift, pixels.to(torch.float32), self._scale).to(self._dtype)
        return x.view(own.shape).permute(0, 3, 1, 2)

    def run_stages(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Run stages start .. stop - 1."""
        for stage in self._stages[start:stop]:
            x = stage(x)
        return x

    def logits(self, index: int, x: Tensor) -> Tensor:
        """Run one head on the output of its stage: calibrated float32 logits (n, classes)."""
        logits: Tensor = self._heads[index](x)
        return logits.float() * self._inverse_temperatures[index]

    def probabilities(self, index: int, x: Tensor) -> NDArray[np.float32]:
        """Run one head and bring its calibrated answer to the host: the one wait of an exit."""
        answer = torch.softmax(self.logits(index, x), dim=1)
        probabilities: NDArray[np.float32] = answer.cpu().numpy()
        return probabilities

    def full_depth(self, x: Tensor) -> NDArray[np.float32]:
        """Run all stages and the last head: the plain network's calibrated answer."""
        return self.probabilities(self.num_exits - 1, self.run_stages(x, 0, self.num_exits))

    def select(self, x: Tensor, rows: NDArray[np.int64] | None) -> Tensor:
        """Return these rows of a batch, in rising order; the batch itself if they are all of it."""
        if rows is None or len(rows) == len(x):
            return x
        index = torch.from_numpy(rows).to(self.device)
        if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
            # As it is, index_select would return the rows channels first.
            return x.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
        return x.index_select(0, index)

    def _place(self, folded: Folded, example: Tensor) -> Packed:
        placed = copy.deepcopy(folded.module).to(device=self.device, dtype=self._dtype)
        placed = placed.to(memory_format=torch.channels_last)
        if self.device.type != "cpu":
            return Packed(placed, 0, 0)
        example = example.to(self._dtype)
        if example.dim() == 4:
            example = example.contiguous(memory_format=torch.channels_last)
        return pack_convolutions(placed, example)


def _of_a_picture(values: Sequence[float], model: StagedModel) -> Tensor:
    """Return each channel's value for every byte of a picture: rows of three are slow to add."""
    height, width = model.input_size
    return torch.tensor(list(values), dtype=torch.float32).repeat(height * width)
