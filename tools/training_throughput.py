"""How much of the cores' time a training spends on training.

Trains on random pictures and, between any two steps of the training loop, runs forward and backward
alone on a random tensor of the same shape through a copy of the network. The loop's step holds
everything: drawing and augmenting the batch, loss, optimiser, averaged weights, log. Reports
medians and the ratio of the rates; 1 would mean that nothing but forward and backward takes time.

    python tools/training_throughput.py --recipe configs/train/dartnet-cifar10.yaml --out ratio.json
"""

import argparse
import contextlib
import copy
import json
import platform
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch.nn import functional

from dart_stream.models import MultiExitNetwork, create_model
from dart_stream.training import (
    EpochRecord,
    LabelledImages,
    Recipe,
    StepProgress,
    Trainer,
    load_recipe,
)

WARM_UP = 3  # pairs that are not counted
CLASSES = 10


class Enough(Exception):  # noqa: N818 - the end of the measurement, not an error
    """As many pairs as were asked for."""


@dataclass
class Interleaved:
    """Times a step of the loop and one of forward and backward alone, in turn."""

    network: MultiExitNetwork
    recipe: Recipe
    pairs: int
    loop_s: list[float] = field(default_factory=list)
    alone_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0

    def __post_init__(self) -> None:
        size = (self.recipe.batch_size, 3, *self.recipe.input_size)
        self.images = torch.randn(size).to(memory_format=torch.channels_last)
        self.labels = torch.randint(0, CLASSES, (self.recipe.batch_size,))
        self.ended_s = time.perf_counter()

    def __call__(self, event: StepProgress | EpochRecord) -> None:
        """Called by the loop after each of its steps."""
        if isinstance(event, StepProgress):
            self.loop_s.append(time.perf_counter() - self.ended_s)
            started_s = time.perf_counter()
            self.forward_and_backward()
            self.alone_s.append(time.perf_counter() - started_s)
        if len(self.loop_s) == self.pairs + WARM_UP:
            raise Enough
        self.ended_s = time.perf_counter()

    def forward_and_backward(self) -> None:
        """All exits, with a plain loss."""
        self.network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            logits = self.network(self.images)
        sum(functional.cross_entropy(each.float(), self.labels) for each in logits).backward()


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Return the figures as they are written."""
    recipe = load_recipe(args.recipe) if args.recipe else Recipe()
    recipe = msgspec.structs.replace(recipe, batch_size=args.batch or recipe.batch_size)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network = create_model(
        args.arch, num_classes=CLASSES, input_size=recipe.input_size, **recipe.model
    )
    images = torch.randint(0, 256, (args.pictures, *recipe.input_size, 3), dtype=torch.uint8)
    part = LabelledImages(images, torch.randint(0, CLASSES, (args.pictures,)))
    few = LabelledImages(images[:100], part.labels[:100])
    with tempfile.TemporaryDirectory() as directory:
        trainer = Trainer(network, recipe, part, few, Path(directory))
        pairs = Interleaved(copy.deepcopy(trainer.network).train(), recipe, args.pairs)
        with contextlib.suppress(Enough):
            trainer.run(pairs)
    return figures(pairs, recipe, args)


def figures(pairs: Interleaved, recipe: Recipe, args: argparse.Namespace) -> dict[str, object]:
    """Medians, and the ratio with a bootstrap interval over the pairs."""
    loop_s, alone_s = np.array(pairs.loop_s[WARM_UP:]), np.array(pairs.alone_s[WARM_UP:])
    drawn = np.random.default_rng(0).integers(0, len(loop_s), (2000, len(loop_s)))
    ratios = np.median(alone_s[drawn], axis=1) / np.median(loop_s[drawn], axis=1)
    return {
        "command": shlex.join(["python", *sys.argv]),
        "host": platform.machine(),
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "precision": recipe.precision,
        "torch": str(torch.__version__),
        "n": len(loop_s),
        "arch": args.arch,
        "optimizer": recipe.optimizer,
        "batch": recipe.batch_size,
        "loop_images_per_s": round(recipe.batch_size / float(np.median(loop_s)), 1),
        "alone_images_per_s": round(recipe.batch_size / float(np.median(alone_s)), 1),
        "ratio": round(float(np.median(alone_s) / np.median(loop_s)), 4),
        "ratio_ci95": [round(bound, 4) for bound in np.quantile(ratios, [0.025, 0.975]).tolist()],
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="dartnet")
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--batch", type=int, help="instead of the recipe's")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=45_000, help="random ones in memory")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    body = json.dumps(measure(args), indent=2)
    print(body)
    if args.out:
        args.out.write_text(body + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
