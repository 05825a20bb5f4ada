"""All effects by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pipeline.perturb.blur import blur, defocus_blur, glass_blur, motion_blur, zoom_blur
from pipeline.perturb.camera import camera
from pipeline.perturb.digital import jpeg_compression, pixelate
from pipeline.perturb.effect import Effect
from pipeline.perturb.geometry import askew, elastic_transform
from pipeline.perturb.light import brightness, contrast, dark, daylight
from pipeline.perturb.noise import gaussian_noise, impulse_noise, shot_noise
from pipeline.perturb.weather import fog, frost, snow

COMMON: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        "gaussian_noise": gaussian_noise,
        "shot_noise": shot_noise,
        "impulse_noise": impulse_noise,
        "defocus_blur": defocus_blur,
        "glass_blur": glass_blur,
        "motion_blur": motion_blur,
        "zoom_blur": zoom_blur,
        "snow": snow,
        "frost": frost,
        "fog": fog,
        "brightness": brightness,
        "contrast": contrast,
        "elastic_transform": elastic_transform,
        "pixelate": pixelate,
        "jpeg_compression": jpeg_compression,
    }
)
"""The fifteen of Hendrycks & Dietterich (2019), in their order."""

OURS: Final[Mapping[str, Effect]] = MappingProxyType(
    {"blur": blur, "dark": dark, "daylight": daylight, "camera": camera, "askew": askew}
)

EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType({**COMMON, **OURS})

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"jpeg": "jpeg_compression"})
"""Short names that schedules may use."""

PROGRESSIVE: Final = frozenset({"daylight"})
"""Effects that depend on how far the phase is, so that it needs a length."""
