"""The training loop: each step a pure function of the state before it.

Randomness comes from (seed, step) alone. A run that is killed at any moment and started again
repeats the steps since the last checkpoint exactly, and ends with the same weights as one that ran
through (on the same machine, with the same number of threads).
"""

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from torch import Tensor

from dart_stream.data.augment import Normalisation
from dart_stream.errors import ModelError
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.training.batches import LabelledImages, TrainingBatches
from dart_stream.training.checkpoint import read_checkpoint, write_checkpoint
from dart_stream.training.curves import MATPLOTLIB_HINT, draw_curves, write_curves
from dart_stream.training.events import EpochRecord, OnProgress, Remark, StepProgress
from dart_stream.training.freezing import freeze
from dart_stream.training.inference import exit_logits
from dart_stream.training.losses import JointLoss
from dart_stream.training.moving_average import moving_average
from dart_stream.training.optimizers import Optimizers
from dart_stream.training.recipe import Recipe
from dart_stream.training.schedule import rate_factor
from dart_stream.training.teachers import Teaches
from dart_stream.training.training_log import TrainingLog

CHECKPOINT_EVERY_S = 60.0


class Trainer:
    """Trains a network and can be stopped and started again at any moment.

    `directory` holds `checkpoint.pt` (replaced whole, within epochs and after each), `steps.jsonl`
    (the loss of every step), `log.jsonl` (one `EpochRecord` a line) and the curves. A trainer made
    over a directory with a checkpoint goes on from it.

    Args:
        network: with fresh or pretrained weights; it is trained in place.
        recipe: how.
        train: pictures to learn from.
        validation: pictures that every epoch is judged by.
        directory: of the training's own files.
        class_weights: factor on the loss of each class (`dart_stream.data.class_weights` for
            classes of unlike sizes), or None for equal ones.
        teacher: whose answers the last exit learns beside the labels, or None.
        checkpoint_every_s: seconds of work that a kill may cost at most.

    Raises:
        ModelError: the directory holds the training of something else, or a damaged checkpoint;
            or the recipe does not fit the network, `frozen` included.
    """

    def __init__(  # noqa: PLR0913 - what a training is made of, each named by its caller
        self,
        network: MultiExitNetwork,
        recipe: Recipe,
        train: LabelledImages,
        validation: LabelledImages,
        directory: Path,
        *,
        class_weights: Sequence[float] | None = None,
        teacher: Teaches | None = None,
        started_from: Sequence[str] = (),
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.train_part = train
        self.validation_part = validation
        self.directory = directory
        self.normalise = Normalisation.of(train.images)
        self.history: list[EpochRecord] = []
        self._contents = [_fingerprint(part) for part in (train, validation)]
        self._class_weights = None if class_weights is None else list(class_weights)
        self._checkpoint_every_s = checkpoint_every_s
        self._teacher = teacher
        self._started_from = list(started_from)
        self._batches = TrainingBatches(train, recipe, self.normalise)
        freeze(network, recipe.frozen)
        self._averaged = moving_average(network, recipe.ema_decay)
        self._optimizers = Optimizers(network, recipe)
        cumulative = count_macs(network).cumulative()
        fractions = [spent / cumulative[-1] for spent in cumulative]
        self._loss = JointLoss(recipe, fractions, self._class_weights)
        self._losses: list[float] = []  # of every step so far
        self._epoch_s = 0.0  # spent in the current epoch
        self._resume()

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return self._batches.per_epoch

    @property
    def steps_done(self) -> int:
        """Steps so far, those before a restart included."""
        return len(self._losses)

    def run(self, on_progress: OnProgress | None = None) -> MultiExitNetwork:
        """Train up to the last epoch and return the network with averaged weights."""
        report = on_progress or (lambda _event: None)
        with TrainingLog(self.directory, self.steps_per_epoch, self._losses) as log:
            log.epochs(self.history)
            write_curves(self.directory, self.history)
            for epoch in range(len(self.history), self.recipe.epochs):
                self._run_epoch(epoch, log, report)
        drawn = draw_curves(self.directory, self.history)
        report(Remark(f"curves: {self.directory / 'curves.png'}" if drawn else MATPLOTLIB_HINT))
        return self.averaged_network().eval()

    def averaged_network(self) -> MultiExitNetwork:
        """The network with averaged weights, which is validated and shipped."""
        return cast(MultiExitNetwork, self._averaged.module)

    def _run_epoch(self, epoch: int, log: TrainingLog, report: OnProgress) -> None:
        """Do the steps of an epoch that are still missing, then validate."""
        started_s = time.perf_counter() - self._epoch_s
        saved_s = time.perf_counter()
        end = (epoch + 1) * self.steps_per_epoch
        self.network.train()
        for step in range(self.steps_done, end):
            loss = self._step(step, epoch)
            self._losses.append(loss)
            log.step(step, loss)
            report(self._progress(step, loss))
            self._epoch_s = time.perf_counter() - started_s
            if time.perf_counter() - saved_s >= self._checkpoint_every_s:
                self._save()
                saved_s = time.perf_counter()
        accuracy = self._validate()
        self._epoch_s = 0.0
        record = EpochRecord(
            epoch=epoch + 1,
            loss=sum(self._losses[end - self.steps_per_epoch :]) / self.steps_per_epoch,
            accuracy=accuracy,
            learning_rate=self.recipe.learning_rate * self._rate_factor(end - 1),
            duration_s=round(time.perf_counter() - started_s, 3),
        )
        self.history.append(record)
        self._save()
        log.epochs(self.history)
        write_curves(self.directory, self.history)
        report(record)

    def _step(self, step: int, epoch: int) -> float:
        self._optimizers.zero_grad()  # first, so that the forward pass can use the memory
        images, targets = self._batches(step)
        self._optimizers.set_rate(self._rate_factor(step))
        with self._arithmetic():
            logits = self.network(images)
            taught = None if self._teacher is None else self._teacher(images, self.normalise)
        loss = self._loss(logits, targets, epoch, taught)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizers.step()
        self._averaged.update_parameters(self.network)
        return self._finite(loss, epoch)

    def _finite(self, loss: Tensor, epoch: int) -> float:
        value = loss.item()
        if not math.isfinite(value):
            rates = {"learning_rate": self.recipe.learning_rate}
            if self.recipe.optimizer == "muon":
                rates["muon_learning_rate"] = self.recipe.muon_learning_rate
            now = ", ".join(f"{name} (now {rate})" for name, rate in rates.items())
            raise ModelError(
                f"training diverged in epoch {epoch + 1}: the loss is {value}; lower {now}"
            )
        return value

    def _rate_factor(self, step: int) -> float:
        return rate_factor(step, self.steps_per_epoch, self.recipe)

    def _progress(self, step: int, loss: float) -> StepProgress:
        epoch, position = divmod(step, self.steps_per_epoch)
        return StepProgress(epoch + 1, self.recipe.epochs, position + 1, self.steps_per_epoch, loss)

    def _validate(self) -> list[float]:
        with self._arithmetic():
            logits = exit_logits(
                self.averaged_network(), self.validation_part.images, self.normalise
            )
        hits = logits.argmax(2) == self.validation_part.labels
        return [round(share, 5) for share in hits.float().mean(1).tolist()]

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _save(self) -> None:
        write_checkpoint(
            self.directory / "checkpoint.pt",
            {
                "identity": self._identity(),
                "history": [asdict(record) for record in self.history],
                "losses": torch.tensor(self._losses, dtype=torch.float64),
                "epoch_s": self._epoch_s,
                "network": self.network.state_dict(),
                "averaged": self._averaged.state_dict(),
                "optimizers": self._optimizers.state_dict(),
            },
        )

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
        self._averaged.load_state_dict(state["averaged"])
        self._optimizers.load_state_dict(state["optimizers"])
        self.history = [EpochRecord(**record) for record in state["history"]]
        self._losses = state["losses"].tolist()
        self._epoch_s = state["epoch_s"]

    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(value.shape) for name, value in self.network.state_dict().items()}
        return {
            "recipe": msgspec.to_builtins(self.recipe),
            "shapes": shapes,
            "pictures": self._contents,
            "normalisation": [list(self.normalise.mean), list(self.normalise.std)],
            "class_weights": self._class_weights,
            "started_from": self._started_from,
            "teacher": None if self._teacher is None else self._teacher.fingerprint(),
        }


def _fingerprint(part: LabelledImages) -> list[int]:
    """Tells pictures and labels from others, also from the same ones in another class or order."""
    return [
        len(part.labels),
        zlib.crc32(part.images.contiguous().numpy().data),
        zlib.crc32(part.labels.numpy().data),
    ]
