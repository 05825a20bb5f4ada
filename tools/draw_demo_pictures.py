"""Lets a network draw the pictures of `dart-stream demo`: small ones that it is at home with.

Each begins as a random cloud and is changed by gradient descent until every exit answers as it does
to one of the model's calibration pictures (Kullback-Leibler divergence), the maps before each batch
norm have the statistics that it learned, and edges, variance and gradient are those of that
calibration picture. Noise, small moves and mirroring keep the descent from finding what only one
exact picture shows. What is still a little off on average, because edges are softened so that they
can be descended, is put right by leaving out the pictures that are most off. Pictures come again
and again, so those that leave early with another answer than full depth's are made few, too.

Reference: Yin et al., Dreaming to Distill: Data-free Knowledge Transfer via DeepInversion (CVPR
2020), for the statistics of batch norms.

    python tools/draw_demo_pictures.py --seed 1 --out pipeline/demo_pictures.png

256 pictures take some ten minutes on one core.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dart_stream.adaptation import Observation
from dart_stream.adaptation.signals import learn_signals
from dart_stream.difficulty import difficulty_parts
from dart_stream.difficulty.definition import EDGE_MARGIN
from dart_stream.model_calibration import read_calibration
from dart_stream.model_dir import load_network, read_info, read_policy, resolve
from dart_stream.models.network import MultiExitNetwork
from dart_stream.policies import policy_from_dict
from pipeline.bench.subject import Subject

COLUMNS: Final = 16
BATCH: Final = 64
_FLOORS: Final = (0.02, 0.002, 0.002)
_SLOPES: Final = (1.6, 2.0, 2.4, 2.8, 3.2, 3.6, 4.2)
"""Of the clouds' spectra: the one is taken whose gradient fits best."""
_COLOUR: Final = 0.35
"""Share of colour in a cloud's light and dark."""
_GREY: Final = (0.299, 0.587, 0.114)

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the descent: first the answers, then what pixels look like.

    Attributes:
        steps: of Adam.
        rate: at its beginning; it falls by a cosine.
        edges: weight of the squared error of the logarithm.
        variance: the same.
        gradient: the same.
        noise: that is added before each step, of 255.
        shift: pixels that the picture is moved by at most, round and round, before each step of
            the first 70 %.
    """

    steps: int
    rate: float
    edges: float
    variance: float
    gradient: float
    noise: float
    shift: int


STAGES: Final = (
    Stage(steps=50, rate=0.1, edges=4, variance=2, gradient=2, noise=4, shift=2),
    Stage(steps=28, rate=0.06, edges=6, variance=4, gradient=12, noise=3, shift=0),
)
_MOST_OFF: Final = 0.04
"""Standard deviations: a third of what a burst of 150 pictures would notice by chance."""
_MOST_UNLIKE: Final = 0.01
"""Half of the disagreement that the demo promises."""
_STATISTICS: Final = 0.5
"""Weight of the batch norms."""


class Target:
    """The network, and what pictures are to be to it."""

    def __init__(self, model: str) -> None:
        directory = resolve(model)
        info = read_info(directory)
        table = read_calibration(directory, info)
        if table is None:
            raise SystemExit(f"{model}: expected a model with calibration.safetensors")
        self.table, self._temperatures = table, info.temperatures
        self._network: MultiExitNetwork = load_network(directory, info).eval().requires_grad_(False)
        self._mean = torch.tensor(info.normalisation.mean).view(1, 3, 1, 1)
        self._spread = torch.tensor(info.normalisation.std).view(1, 3, 1, 1)
        self._off: list[Tensor] = []
        for module in self._network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(self._note_statistics)

    def loss(self, seen: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Distance of all exits' answers to those of some calibration pictures."""
        self._off = []
        logits = self._network((seen - self._mean) / self._spread)
        wanted = torch.from_numpy(self.table.probabilities[rows].astype(np.float32))
        answers = [
            functional.kl_div(
                functional.log_softmax(each / self._temperatures[k], 1),
                wanted[:, k],
                reduction="batchmean",
            )
            for k, each in enumerate(logits)
        ]
        return torch.stack(answers).sum() + _STATISTICS * torch.stack(self._off).mean()

    @torch.no_grad()
    def signals(self, pictures: Pixels) -> Floats:
        """What adaptation's detectors see of pictures, (n, 7), 0 on average at home."""
        table = self.table
        first = table.probabilities[:, 0]
        reference, _ = learn_signals(table.parts, first.max(1), first.argmax(1), len(table.classes))
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        logits = self._network((images - self._mean) / self._spread)[0] / self._temperatures[0]
        sure, label_id = logits.softmax(1).max(1)
        parts = difficulty_parts(pictures).tolist()
        rows = zip(parts, label_id.tolist(), sure.tolist(), strict=True)
        return np.array([reference.of(observation(*row)) for row in rows])

    def _note_statistics(self, norm: nn.Module, inputs: tuple[Tensor, ...], _out: Tensor) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        maps, variance = inputs[0], norm.running_var + norm.eps
        mean = ((maps.mean((0, 2, 3)) - norm.running_mean) ** 2 / variance).mean()
        ratio = maps.var((0, 2, 3), unbiased=False) / variance
        self._off.append(mean + (ratio.clamp_min(1e-3).log() ** 2).mean())


def observation(parts: list[float], label_id: int, confidence: float) -> Observation:
    """What adaptation is told of a picture at exit 0."""
    edges, variance, gradient = parts
    return Observation(
        source="demo",
        exit_index=0,
        label_id=label_id,
        confidence=confidence,
        first_confidence=confidence,
        first_label_id=label_id,
        difficulty=0.5,
        parts=(edges, variance, gradient),
        cost_share=1.0,
    )


def looks(pictures: Tensor) -> list[Tensor]:
    """Edge density (softened, so that it can be descended), variance and gradient, (n,) each."""
    grey = (pictures * torch.tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).view(1, 1, 3, 3)
    corner = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    slope = functional.conv2d(grey, across) ** 2
    slope = slope + functional.conv2d(grey, across.transpose(2, 3)) ** 2
    threshold = slope.mean((1, 2, 3), keepdim=True) * (1 + EDGE_MARGIN) ** 2
    edges = torch.sigmoid(6 * ((slope + 1e-6).log() - (threshold + 1e-6).log())).mean((1, 2, 3))
    variance = 4 * pictures.var((2, 3), unbiased=False).mean(1)
    gradient = functional.conv2d(grey, corner).abs().mean((1, 2, 3)) / 4
    return [edges, variance, gradient]


def cloud(slope: float, rng: np.random.Generator, side: int) -> Floats:
    """Draw a random surface whose spectrum falls with this slope, (side, side, 3), spread 1."""
    frequency = np.fft.fftfreq(side)
    distance = np.hypot(frequency[:, None], frequency[None])
    distance[0, 0] = 1.0
    strength = distance ** (-slope / 2)
    strength[0, 0] = 0.0
    drawn = np.fft.ifft2(np.fft.fft2(rng.normal(size=(4, side, side))) * strength).real
    drawn /= drawn.std()
    surface: Floats = (_COLOUR * drawn[:3] + drawn[3:]).transpose(1, 2, 0)
    return surface


def first_picture(parts: NDArray[np.floating], rng: np.random.Generator, side: int) -> Pixels:
    """Draw the cloud that is nearest to these parts."""
    made = []
    for slope in _SLOPES:
        surface = cloud(slope, rng, side)
        contrast = 255 * np.sqrt(parts[1] / 4 / surface.var((0, 1)).mean())
        light = rng.uniform(90, 150, 3) + surface * contrast
        made.append(light.clip(0, 255).astype(np.uint8))
    found = np.log(difficulty_parts(np.stack(made)) + _FLOORS) - np.log(parts + _FLOORS)
    return made[int((found[:, 1:] ** 2).sum(1).argmin())]


def descend(
    pictures: Pixels, target: Target, rows: NDArray[np.int64], stage: Stage, rng: torch.Generator
) -> Pixels:
    """Change pictures for a stage's number of steps."""
    begin = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    drawn = torch.logit(begin.clamp(0.004, 0.996)).requires_grad_()
    optimizer = torch.optim.Adam([drawn], lr=stage.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, stage.steps, eta_min=0.005)
    wanted = torch.from_numpy(target.table.parts[rows].astype(np.float32)).T
    weights = (stage.edges, stage.variance, stage.gradient)
    for step in range(stage.steps):
        optimizer.zero_grad()
        now = torch.sigmoid(drawn)
        seen = now.flip(3) if torch.rand((), generator=rng) < 1 / 2 else now
        if stage.shift and step < 0.7 * stage.steps:
            by = torch.randint(-stage.shift, stage.shift + 1, (2,), generator=rng)
            seen = seen.roll(tuple(by.tolist()), (2, 3))
        seen = seen + torch.randn(seen.shape, generator=rng) * (stage.noise / 255)
        loss = target.loss(seen, rows)
        for floor, weight, is_now, is_wanted in zip(
            _FLOORS, weights, looks(now), wanted, strict=True
        ):
            off = (is_now + floor).log() - (is_wanted + floor).log()
            loss = loss + weight * (off**2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
    final = torch.sigmoid(drawn.detach()) * 255
    return final.round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def draw(target: Target, count: int, seed: int) -> Pixels:
    """Draw `count` pictures, uint8 (count, height, width, 3)."""
    rng, chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    rows = rng.choice(len(target.table), count, replace=False)
    done = []
    for begin in range(0, count, BATCH):
        part = rows[begin : begin + BATCH]
        now = np.stack([first_picture(parts, rng, 32) for parts in target.table.parts[part]])
        for stage in STAGES:
            now = descend(now, target, part, stage, chance)
        done.append(now)
        print(f"{begin + len(part)} of {count}", flush=True)
    return np.concatenate(done)


def leave_out_unlike(pictures: Pixels, model: str) -> Pixels:
    """Leave out pictures that leave early with another answer, but for half of what is allowed."""
    subject = Subject.load(model, "cpu", "fp32", 1)
    assert subject.tables is not None, "a model with calibration has them"
    policy = policy_from_dict(
        read_policy(resolve(model))["chosen"],
        num_exits=subject.info.num_exits,
        num_classes=len(subject.info.classes),
    )
    difficulty = subject.tables.score_parts(difficulty_parts(pictures))
    given = subject.engine.run(pictures, difficulty, policy).label_id
    unlike = np.flatnonzero(given != subject.engine.plain(pictures).argmax(axis=1))
    return np.delete(pictures, unlike[int(_MOST_UNLIKE * len(pictures)) :], axis=0)


def keep_typical(pictures: Pixels, target: Target) -> Pixels:
    """Leave out pictures, the most harmful first, until no signal is off on average."""
    signals = target.signals(pictures)
    kept = np.arange(len(pictures))
    while np.abs(signals[kept].mean(0)).max() > _MOST_OFF or len(kept) % COLUMNS:
        if len(kept) <= COLUMNS:
            raise SystemExit("expected pictures that are at home on average; draw more")
        without = (signals[kept].sum(0) - signals[kept]) / (len(kept) - 1)
        kept = np.delete(kept, (without**2).sum(1).argmin())
    return pictures[kept]


def main() -> None:
    """Draw a sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--count", type=int, default=256, help="before some are left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    target = Target(args.model)
    drawn = draw(target, args.count, args.seed)
    pictures = keep_typical(leave_out_unlike(drawn, args.model), target)
    print(f"{len(pictures)} of {len(drawn)} kept")
    side = pictures.shape[1]
    sheet = pictures.reshape(-1, COLUMNS, side, side, 3).swapaxes(1, 2)
    sheet = sheet.reshape(-1, COLUMNS * side, 3)[:, :, ::-1]
    cv2.imwrite(str(args.out), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
