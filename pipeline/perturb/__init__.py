"""Scripted shifts of the world: what they are called, what they do to pixels, when they apply.

Grammar: `name[(arguments)][@severity]:count,...`, for example `clean:4000,dark+fog@2:4000`. Counts
are regions of the source; severity runs from 1 to 5 (default 3); `+` applies several in turn;
`mix(a,b)` lets each region draw one. The last phase stays for ever, so its count says nothing and
may be left out. `docs/shift.md` lists the effects.

Reference: Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations (ICLR 2019); severities are those of its CIFAR-10-C, scaled to the size of the crop.
"""

from pipeline.perturb.apply import apply_steps
from pipeline.perturb.effect import Crops, Draw, Effect
from pipeline.perturb.grammar import Choice, Phase, parse_schedule
from pipeline.perturb.keys import CropKey, region_generator
from pipeline.perturb.registry import ALIASES, EFFECTS
from pipeline.perturb.schedule import Perturbation

__all__ = [
    "ALIASES",
    "EFFECTS",
    "Choice",
    "CropKey",
    "Crops",
    "Draw",
    "Effect",
    "Perturbation",
    "Phase",
    "apply_steps",
    "parse_schedule",
    "region_generator",
]
