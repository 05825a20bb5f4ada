"""What `model.json` says of a model. Needs no torch."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from dart_stream.macs import Macs

FORMAT_VERSION = 1

MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3
"""Logits divided by more or less are all alike, or no numbers any more."""
MAX_COST = 1e15
"""Multiply-accumulates of one region."""

Temperature = Annotated[float, Meta(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)]
Deviation = Annotated[float, Meta(ge=1e-6, le=1e6)]
Pixels = Annotated[int, Meta(ge=1, le=4_096)]
"""A picture of that size still fits a message."""
Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Mean = Annotated[float, Meta(ge=-1e6, le=1e6)]
Channels = tuple[Mean, Mean, Mean]
Figures = TypeVar("Figures")

_PER_EXIT = (
    "accuracy",
    "accuracy_ci95",
    "ece_before",
    "ece_after",
    "ece_survivors_before",
    "ece_survivors_after",
)


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Family in the registry of `dart_stream.models`, and its configuration.

    What the configuration leaves out has the family's default of today. Models are written without
    leaving anything out; older ones may.

    Number of classes and input size stand in `ModelInfo` and not here.
    """

    family: str
    config: dict[str, Any]

    def __post_init__(self) -> None:
        twice = self.config.keys() & {"num_classes", "input_size"}
        if twice:
            raise ValueError(
                f"expected {min(twice)} beside the architecture, not inside its config"
            )


class PixelStatistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mean and standard deviation of each channel of RGB pixels in [0, 1]."""

    mean: Channels
    std: tuple[Deviation, Deviation, Deviation]


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person has to say of a model, in Markdown; the card prints it among the figures.

    Attributes:
        summary: what it is.
        intended_use: what it is for.
        data: where the pictures come from, and what is particular about them.
        training: what the recipe does not say.
        limits: what it cannot do.
        license: of the weights.
    """

    summary: str = ""
    intended_use: str = ""
    data: str = ""
    training: str = ""
    limits: str = ""
    license: str = ""


class PolicyFigures(msgspec.Struct, frozen=True):
    """What leaving early with the thresholds of `policy.json` measured."""

    n: Count
    accuracy: Share
    disagreement: Share
    macs_fraction: float
    exits: list[Share]


class SplitFigures(msgspec.Struct, frozen=True):
    """What was measured on one split; a list has one entry per exit, or none if not measured.

    Attributes:
        n: pictures.
        accuracy: of each exit on all pictures.
        accuracy_ci95: its 95 % interval.
        ece_before: expected calibration error without temperatures, on all pictures.
        ece_after: the same with temperatures.
        ece_survivors_before: on the pictures that reach the exit; None where none does.
        ece_survivors_after: the same with temperatures.
        policy: what leaving early measured.
    """

    n: Count
    accuracy: list[Share]
    accuracy_ci95: list[tuple[Share, Share]] = []
    ece_before: list[Share | None] = []
    ece_after: list[Share | None] = []
    ece_survivors_before: list[Share | None] = []
    ece_survivors_after: list[Share | None] = []
    policy: PolicyFigures | None = None


class CalibrationFit(msgspec.Struct, frozen=True):
    """Mean loss in nats of "the answer is right", and expected calibration error."""

    nll: float
    ece: Share


class ExitCalibration(msgspec.Struct, frozen=True):
    """Calibrations of one exit on held-out pictures that reach it."""

    n: Count
    none: CalibrationFit
    temperature: CalibrationFit
    platt: CalibrationFit


class CalibrationFigures(msgspec.Struct, frozen=True):
    """Calibrations compared; what ships is a temperature per exit."""

    split: str
    exits: list[ExitCalibration]


class ModelInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `model.json` says.

    A field that is added has a default, so that models written before stay readable.

    Attributes:
        name: for people; the zoo folder's name for a zoo model.
        architecture: how to build the network.
        classes: names in the order of the logits, at least two, all different.
        input_size: (height, width) in pixels.
        resize: how a region is fitted to `input_size`, in training and in readers alike.
        normalisation: applied to pixels before stage 0.
        temperatures: one per exit; logits are divided by it before the softmax.
        difficulty: tables of `dart_stream.difficulty`, or None if they were not fitted.
        macs: cost of stages and heads for one region.
        data: what the model was trained on, in words.
        recipe: settings of the training.
        figures: what was measured, each with its conditions; `measured` reads them.
        about: what a person has to say of it.
        format_version: of this file.
    """

    name: str
    architecture: Architecture
    classes: Annotated[list[str], Meta(min_length=2)]
    input_size: tuple[Pixels, Pixels]
    resize: Literal["letterbox", "stretch"]
    normalisation: PixelStatistics
    temperatures: Annotated[list[Temperature], Meta(min_length=1, max_length=255)]
    difficulty: dict[str, Any] | None
    macs: Macs
    data: str
    recipe: dict[str, Any]
    figures: dict[str, Any]
    about: About = About()
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        for name, values in (("macs.stages", self.macs.stages), ("macs.heads", self.macs.heads)):
            self._require_one_per_exit(name, values)
            if min(values) < 0:
                raise ValueError(f"expected {name} of 0 or more, got {min(values)}")
        if sum(self.macs.stages) + sum(self.macs.heads) > MAX_COST:
            raise ValueError(f"expected at most {MAX_COST:g} multiply-accumulates in all")
        if self.macs.plain() == 0:
            raise ValueError("expected a network that costs multiply-accumulates, got 0 of them")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("expected every class name once")
        for split in ("validation", "test"):
            self._check_figures(split)
        compared = self._figures("calibration", CalibrationFigures)
        if compared is not None:
            self._require_one_per_exit("figures.calibration.exits", compared.exits)

    @property
    def num_exits(self) -> int:
        """Exits, the last included."""
        return len(self.temperatures)

    def measured(self, split: str) -> SplitFigures | None:
        """Figures of "validation" or "test"; None if there are none."""
        return self._figures(split, SplitFigures)

    @property
    def calibration(self) -> CalibrationFigures | None:
        """Calibrations compared; None if they were not."""
        return self._figures("calibration", CalibrationFigures)

    def _figures(self, name: str, kind: type[Figures]) -> Figures | None:
        figures = self.figures.get(name)
        try:
            return None if figures is None else msgspec.convert(figures, kind)
        except msgspec.ValidationError as error:
            raise ValueError(f"figures.{name}: {error}") from error

    def _check_figures(self, split: str) -> None:
        measured = self.measured(split)
        if measured is None:
            return
        for name in _PER_EXIT:
            values = getattr(measured, name)
            if values or name == "accuracy":
                self._require_one_per_exit(f"figures.{split}.{name}", values)
        if measured.policy is not None:
            self._require_one_per_exit(f"figures.{split}.policy.exits", measured.policy.exits)

    def _require_one_per_exit(self, name: str, values: Sequence[Any]) -> None:
        if len(values) != self.num_exits:
            raise ValueError(
                f"expected {self.num_exits} entries in {name}, one per temperature, "
                f"got {len(values)}"
            )
