"""A scripted shift of the world: noise, blur, darkness and low contrast laid over the crops.

Grammar: `name[@severity]:count,...`, for example `clean:4000,dark+gaussian_noise@3:4000`. Counts
are regions of the source; severity runs from 1 to 5 (default 3); `+` applies several in turn. The
last phase stays for ever, so its count says nothing and may be left out.

Severities of noise, blur and contrast are those of CIFAR-10-C, scaled to the size of the crop.
Reference: Hendrycks & Dietterich, Benchmarking Neural Network Robustness (ICLR 2019).
"""

import difflib
import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError

Crops = NDArray[np.uint8]
Levels = NDArray[np.float32]
Effect = Callable[[Levels, int, np.random.Generator], Levels]

DEFAULT_SEVERITY: Final = 3
_SEVERITIES: Final = range(1, 6)

_NOISE_SIGMA: Final = (0.04, 0.06, 0.08, 0.09, 0.10)
"""Standard deviation, of a range of 1."""
_BLUR_SIGMA: Final = (0.4, 0.6, 0.7, 0.8, 1.0)
"""Pixels, in a picture of 32."""
_EXPOSURE: Final = (0.7, 0.5, 0.35, 0.25, 0.15)
"""Share of the light that is left."""
_CONTRAST: Final = (0.75, 0.5, 0.4, 0.3, 0.15)
"""Share of the distance from the mean that is left."""


def _gaussian_noise(crop: Levels, severity: int, rng: np.random.Generator) -> Levels:
    sigma = _NOISE_SIGMA[severity - 1] * 255
    noise = rng.standard_normal(crop.shape, dtype=np.float32)
    return crop + np.float32(sigma) * noise


def _blur(crop: Levels, severity: int, _rng: np.random.Generator) -> Levels:
    sigma = _BLUR_SIGMA[severity - 1] * min(crop.shape[:2]) / 32
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.float32)


def _dark(crop: Levels, severity: int, _rng: np.random.Generator) -> Levels:
    return crop * np.float32(_EXPOSURE[severity - 1])


def _contrast(crop: Levels, severity: int, _rng: np.random.Generator) -> Levels:
    mean = np.asarray(crop.mean(axis=(0, 1), keepdims=True), np.float32)
    return np.asarray((crop - mean) * _CONTRAST[severity - 1] + mean, np.float32)


EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {"gaussian_noise": _gaussian_noise, "blur": _blur, "dark": _dark, "contrast": _contrast}
)


@dataclass(frozen=True, slots=True)
class CropKey:
    """What decides the noise of a frame's crops, so that a repeated run sees the same pixels."""

    seed: int
    source: str
    frame: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of regions under the same effects."""

    name: str
    """As the user wrote it, without the count."""
    steps: tuple[tuple[str, int], ...]
    """(effect, severity) in turn; empty is clean."""


class Perturbation:
    """A schedule of phases.

    Args:
        phases: In turn.
        counts: Regions in each phase but the last.
    """

    def __init__(self, phases: tuple[Phase, ...], counts: tuple[int, ...]) -> None:
        self.phases = phases
        self._ends = list(accumulate(counts))

    @classmethod
    def parse(cls, text: str) -> "Perturbation":
        """Read a schedule.

        Raises:
            ConfigError: An effect is unknown, or a severity or count out of range.
        """
        entries = [entry.strip() for entry in text.split(",")]
        parsed = [_parse_entry(entry, last=False) for entry in entries[:-1]]
        parsed.append(_parse_entry(entries[-1], last=True))
        counts = tuple(count for _, count in parsed[:-1] if count is not None)
        return cls(tuple(phase for phase, _ in parsed), counts)

    def phase(self, region_number: int) -> str:
        """Name of the phase that holds the source's region of this number, from 0."""
        return self._phase_of(region_number).name

    def apply(self, crops: Crops, first_region_number: int, key: CropKey) -> Crops:
        """Perturb the crops of one frame; they are copied, never written to.

        Args:
            crops: uint8, (regions, height, width, 3).
            first_region_number: Of the first crop among all regions of the source, from 0.
            key: Of the frame.
        """
        phases = [self._phase_of(first_region_number + i) for i in range(len(crops))]
        if not any(phase.steps for phase in phases):
            return crops
        perturbed = crops.copy()
        for region, phase in enumerate(phases):
            if phase.steps:
                perturbed[region] = _apply_steps(crops[region], phase.steps, _rng(key, region))
        return perturbed

    def _phase_of(self, region_number: int) -> Phase:
        return self.phases[bisect_right(self._ends, region_number)]


def _apply_steps(
    crop: Crops, steps: tuple[tuple[str, int], ...], rng: np.random.Generator
) -> Crops:
    levels = crop.astype(np.float32)
    for name, severity in steps:
        levels = EFFECTS[name](levels, severity, rng)
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def _rng(key: CropKey, region: int) -> np.random.Generator:
    words = f"{key.seed}/{key.frame}/{region}/{key.source}".encode()
    return np.random.default_rng(
        int.from_bytes(hashlib.blake2b(words, digest_size=16).digest(), "big")
    )


def _parse_entry(entry: str, *, last: bool) -> tuple[Phase, int | None]:
    name, colon, count = (part.strip() for part in entry.partition(":"))
    steps = tuple(step for part in name.split("+") for step in _parse_step(part.strip(), entry))
    if last and not colon:
        return Phase(name, steps), None
    if not re.fullmatch(r"[0-9]+", count) or int(count) == 0:
        got = repr(count) if colon else "none"
        raise ConfigError(
            f"perturb: expected a count of regions of at least 1 in {entry!r}, got {got}; write"
            f" {name or 'clean'}:1000"
        )
    return Phase(name, steps), int(count)


def _parse_step(text: str, entry: str) -> list[tuple[str, int]]:
    name, at, severity = text.partition("@")
    if name != "clean" and name not in EFFECTS:
        known = ["clean", *EFFECTS]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(
            f"perturb: unknown effect {name!r} in {entry!r}; known are {', '.join(known)}{hint}"
        )
    if at and not (re.fullmatch(r"[0-9]", severity) and int(severity) in _SEVERITIES):
        raise ConfigError(
            f"perturb: expected a severity from 1 to 5 in {entry!r}, got {severity!r}"
        )
    return [] if name == "clean" else [(name, int(severity) if at else DEFAULT_SEVERITY)]
