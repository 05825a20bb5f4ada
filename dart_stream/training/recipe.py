"""What a training run is made of, read from YAML."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta

from dart_stream.errors import DataError

Share = Annotated[float, Meta(ge=0, lt=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Pixels = Annotated[int, Meta(ge=0)]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one training run; with the data and the seed they fix its result.

    Attributes:
        model: configuration of the family beyond classes and input size, `{widths: [...]}`.
        input_size: (height, width) in pixels that pictures are fitted to.
        resize: how pictures are fitted to the model's input, in training and in readers alike.
        epochs: passes over the training pictures.
        batch_size: pictures per step.
        learning_rate: largest learning rate of the one-cycle schedule, reached after `warmup`.
        warmup: share of all steps in which the learning rate rises linearly.
        momentum: Nesterov momentum.
        weight_decay: on convolutions and matrices; biases and normalisations are left alone.
        label_smoothing: probability mass spread over all classes.
        distillation: share of each early exit's loss that is distance to the last exit's answer
            instead of distance to the label.
        distillation_temperature: softens both answers of the distillation.
        policy_penalty: lambda of Eq. 18, see `losses.expected_cost`.
        ema_decay: per step, of the averaged weights that are validated and shipped.
        shift: largest random translation in pixels.
        mirror: random left-right flip; off where direction carries the meaning (digits, signs).
        cutout: side in pixels of the erased square, 0 for none.
        validation: share of each class of `train` held back for validation.
        seed: of weights, split, order and augmentation.
        precision: of the arithmetic inside the network; weights are kept in float32.
    """

    model: dict[str, Any] = {}
    input_size: tuple[Count, Count] = (32, 32)
    resize: Literal["letterbox", "stretch"] = "stretch"
    epochs: Count = 50
    batch_size: Count = 256
    learning_rate: Positive = 0.2
    warmup: Share = 0.15
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    label_smoothing: Share = 0.1
    distillation: Annotated[float, Meta(ge=0, le=1)] = 0.5
    distillation_temperature: Positive = 2.0
    policy_penalty: NotNegative = 0.0
    ema_decay: Share = 0.998
    shift: Pixels = 4
    mirror: bool = True
    cutout: Pixels = 10
    validation: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    seed: Annotated[int, Meta(ge=0)] = 0
    precision: Literal["bf16", "fp32"] = "bf16"

    def __post_init__(self) -> None:
        for name, instead in (
            ("num_classes", "the data decides it"),
            ("input_size", "it stands in the recipe itself"),
        ):
            if name in self.model:
                raise ValueError(f"expected no {name} inside `model`: {instead}")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; fields that it does not name keep their defaults.

    Raises:
        DataError: not there, not YAML, an unknown field or a value out of range.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a training recipe in YAML: {reason}") from error
    try:
        return msgspec.convert(raw if raw is not None else {}, Recipe)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: training recipe: {error}") from error
