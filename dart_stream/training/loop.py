"""The training loop: one epoch at a time, each a pure function of the state before it.

Randomness of an epoch comes from (seed, epoch) alone. A run that is killed and started again
repeats the interrupted epoch exactly and ends with the same weights as one that ran through.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from dart_stream.data.augment import Augmentation, Normalisation, augmented_batch
from dart_stream.errors import ModelError
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.training.checkpoint import read_checkpoint, write_checkpoint
from dart_stream.training.inference import exit_logits
from dart_stream.training.losses import joint_loss
from dart_stream.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class StepProgress:
    """Where the training stands after a step; epochs and steps count from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """What an epoch reached: mean training loss, and accuracy per exit on the validation part."""

    epoch: int
    loss: float
    accuracy: list[float]
    learning_rate: float
    duration_s: float


OnProgress = Callable[[StepProgress | EpochRecord], None]


@dataclasses.dataclass(frozen=True)
class LabelledImages:
    """Pictures uint8 [N, H, W, 3] and their classes int64 [N]."""

    images: Tensor
    labels: Tensor


class Trainer:
    """Trains a network and can be stopped and started again at any moment.

    `directory` holds `checkpoint.pt` (replaced after every epoch) and `log.jsonl` (one
    `EpochRecord` a line). A trainer made over a directory with a checkpoint goes on from it.

    Raises:
        ModelError: the directory holds the training of something else, or a damaged checkpoint.
    """

    def __init__(
        self,
        network: MultiExitNetwork,
        recipe: Recipe,
        train: LabelledImages,
        validation: LabelledImages,
        directory: Path,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.train_part = train
        self.validation_part = validation
        self.directory = directory
        self.normalise = Normalisation.of(train.images)
        self.averaged = AveragedModel(
            network, multi_avg_fn=_moving_average(recipe.ema_decay), use_buffers=True
        )
        self.optimizer = _optimizer(network, recipe)
        cumulative = count_macs(network).cumulative()
        self._cost_fractions = torch.tensor(cumulative) / cumulative[-1]
        self.history: list[EpochRecord] = []
        self._resume()

    @property
    def steps_per_epoch(self) -> int:
        """A last batch that is not full is left out: its statistics would be noisier."""
        return max(1, len(self.train_part.labels) // self.recipe.batch_size)

    def run(self, on_progress: OnProgress | None = None) -> MultiExitNetwork:
        """Train up to the last epoch and return the network with averaged weights."""
        report = on_progress or (lambda _event: None)
        for epoch in range(len(self.history), self.recipe.epochs):
            started_s = time.perf_counter()
            loss = self._train_epoch(epoch, report)
            record = EpochRecord(
                epoch=epoch + 1,
                loss=loss,
                accuracy=self._validate(),
                learning_rate=learning_rate((epoch + 1) * self.steps_per_epoch - 1, self),
                duration_s=round(time.perf_counter() - started_s, 3),
            )
            self.history.append(record)
            self._save()
            report(record)
        return self.averaged_network().eval()

    def averaged_network(self) -> MultiExitNetwork:
        """The network with averaged weights, which is validated and shipped."""
        return cast(MultiExitNetwork, self.averaged.module)

    def _train_epoch(self, epoch: int, report: OnProgress) -> float:
        # The global generator serves families that draw inside the network (dropout).
        torch.manual_seed(_epoch_seed(self.recipe.seed, epoch))
        self.network.train()
        total = 0.0
        for step, (images, labels) in enumerate(self._batches(epoch)):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(epoch * self.steps_per_epoch + step, self)
            with self._arithmetic():
                logits = self.network(images)
            loss = joint_loss(logits, labels, self._cost_fractions, self.recipe)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.averaged.update_parameters(self.network)
            total += loss.item()
            self._require_finite(total, epoch)
            report(
                StepProgress(
                    epoch + 1, self.recipe.epochs, step + 1, self.steps_per_epoch, loss.item()
                )
            )
        return total / self.steps_per_epoch

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        recipe = self.recipe
        augmentation = Augmentation(recipe.shift, recipe.mirror, recipe.cutout)
        generator = torch.Generator().manual_seed(_epoch_seed(recipe.seed, epoch))
        order = torch.randperm(len(self.train_part.labels), generator=generator)
        for step in range(self.steps_per_epoch):
            chosen = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            images, erased = augmented_batch(
                self.train_part.images, chosen, augmentation, generator
            )
            # The mean picture is 0 after normalisation: an erased square carries no signal.
            pixels = self.normalise(images).masked_fill(erased.permute(0, 3, 1, 2), 0)
            yield pixels, self.train_part.labels[chosen]

    def _validate(self) -> list[float]:
        with self._arithmetic():
            logits = exit_logits(
                self.averaged_network(), self.validation_part.images, self.normalise
            )
        hits = logits.argmax(2) == self.validation_part.labels
        return [round(share, 5) for share in hits.float().mean(1).tolist()]

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _require_finite(self, loss: float, epoch: int) -> None:
        if not math.isfinite(loss):
            raise ModelError(
                f"training diverged in epoch {epoch + 1}: the loss is {loss}; "
                f"lower learning_rate (now {self.recipe.learning_rate})"
            )

    def _save(self) -> None:
        write_checkpoint(
            self.directory / "checkpoint.pt",
            {
                "identity": self._identity(),
                "history": [dataclasses.asdict(record) for record in self.history],
                "network": self.network.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
        )
        # Written from the history, not appended to: a repeated epoch must not stand there twice.
        lines = [json.dumps(dataclasses.asdict(record)) for record in self.history]
        (self.directory / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _resume(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "checkpoint.pt"
        state = read_checkpoint(path)
        if state is None:
            return
        if state.get("identity") != self._identity():
            raise ModelError(
                f"{path}: holds a training with another recipe, model or data; "
                "give another output directory, or remove it to start anew"
            )
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [EpochRecord(**record) for record in state["history"]]

    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(value.shape) for name, value in self.network.state_dict().items()}
        return {
            "recipe": msgspec.to_builtins(self.recipe),
            "shapes": shapes,
            "pictures": [len(self.train_part.labels), len(self.validation_part.labels)],
            "normalisation": [list(self.normalise.mean), list(self.normalise.std)],
        }


def learning_rate(step: int, trainer: Trainer) -> float:
    """One cycle: linear rise during the warm-up, then half a cosine down to zero."""
    recipe = trainer.recipe
    position = (step + 1) / (recipe.epochs * trainer.steps_per_epoch)
    if position < recipe.warmup:
        return recipe.learning_rate * position / recipe.warmup
    decay = (position - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * decay))


def _optimizer(network: MultiExitNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD that decays matrices and kernels only."""
    parameters = list(network.parameters())
    groups = [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )


def _moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential average whose memory starts short, so that random first weights are forgotten."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - now)
            else:  # counters of batches seen
                mean.copy_(value)

    return update


def _epoch_seed(seed: int, epoch: int) -> int:
    return seed * 1_000_003 + epoch
