"""What a training run is made of, read from YAML."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta

from dart_stream.errors import DataError
from dart_stream.yaml_words import read_words

Share = Annotated[float, Meta(ge=0, lt=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Pixels = Annotated[int, Meta(ge=0)]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one training run; with the data and the seed they fix its result.

    Rates follow one cycle: linear rise, then half a cosine down to zero (`schedule.py`).

    Attributes:
        model: configuration of the family beyond classes and input size, `{widths: [...]}`.
        input_size: (height, width) in pixels that pictures are fitted to.
        resize: how pictures are fitted to the model's input, in training and in readers alike.
        epochs: passes over the training pictures, those of the backbone phase included.
        batch_size: pictures per step.
        optimizer: `sgd` for everything, or `muon` for the kernels and matrices inside the stages
            and `sgd` for the rest (heads, biases, normalisations).
        learning_rate: peak of the cycle, of what `sgd` trains.
        momentum: Nesterov momentum of `sgd`.
        weight_decay: of `sgd`, on kernels and matrices; biases and normalisations are left alone.
        muon_learning_rate: peak of the cycle, of what `muon` trains: the size of a step in
            spectral norm.
        muon_momentum: Nesterov momentum of `muon`; 0.6 to 0.95 are in use.
        muon_iterations: Newton-Schulz iterations of a step; 3 to 5 are in use, fewer are rougher
            and quicker.
        muon_weight_decay: of `muon`; a weight loses this share of itself times the learning rate.
        warmup: share of a cycle in which the rates rise linearly.
        backbone_epochs: first epochs that train the backbone through the last exit; all exits
            follow jointly (mixed regime). 0 trains jointly from the start.
        backbone_exit_weight: factor on the weights of the early exits during those first epochs
            (exit-aware pretraining); 0 leaves the early heads alone until the joint phase.
        joint_cycle: peak of a second cycle that starts with the joint phase, as a share of the
            first one's; 0 lets one cycle span both phases.
        exit_weights: weight w_i of each exit's loss, the last included; null gives i / N (Eq. 18).
        label_smoothing: probability mass spread over all classes.
        distillation: share of each early exit's loss that is distance to the last exit's answer
            instead of distance to the label.
        distillation_temperature: softens both answers of the distillation.
        teacher_share: share of the last exit's loss that is distance to the answer of a teacher, if
            there is one (`train --teacher`), instead of distance to the label.
        teacher_temperature: softens both answers there.
        policy_penalty: lambda of Eq. 18, see `losses.expected_cost`; joint phase only.
        ema_decay: per step, of the averaged weights that are validated and shipped.
        shift: largest random translation in pixels.
        mirror: left-right flip: true by a coin each time, `alternating` by a coin for each
            picture that turns over every epoch, so that two epochs show every picture both ways;
            false where direction carries the meaning (digits, signs).
        cutout: side in pixels of the erased square, 0 for none.
        cutmix: share of the batches in which, instead of the erased square, a rectangle of another
            picture is pasted over each and its class counts by the area.
        cutmix_epochs: first epochs that do so, so that the last ones see whole pictures; null for
            all.
        rand_augment: operations of RandAugment (colour, contrast, sharpness, shear, rotation, ...)
            that each picture goes through, 0 for none. Small networks want one or two.
        rand_augment_magnitude: strength of those operations, 0 to 30.
        frozen: shell patterns of the names of weights that stay as they are, such as
            `stages.0.*`; for a network that starts trained (`--pretrained`, `--start`).
        validation: share of each class of `train` held back for validation.
        seed: of weights, split, order and augmentation.
        precision: of the arithmetic inside the network; weights are kept in float32.
    """

    model: dict[str, Any] = {}
    input_size: tuple[Count, Count] = (32, 32)
    resize: Literal["letterbox", "stretch"] = "stretch"
    epochs: Count = 50
    batch_size: Count = 256
    optimizer: Literal["sgd", "muon"] = "sgd"
    learning_rate: Positive = 0.2
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    muon_learning_rate: Positive = 0.05
    muon_momentum: Share = 0.9
    muon_iterations: Count = 5
    muon_weight_decay: NotNegative = 0.02
    warmup: Share = 0.15
    backbone_epochs: Annotated[int, Meta(ge=0)] = 0
    backbone_exit_weight: NotNegative = 0.0
    joint_cycle: NotNegative = 0.0
    exit_weights: Annotated[list[NotNegative], Meta(min_length=1)] | None = None
    label_smoothing: Share = 0.1
    distillation: Annotated[float, Meta(ge=0, le=1)] = 0.5
    distillation_temperature: Positive = 2.0
    teacher_share: Annotated[float, Meta(ge=0, le=1)] = 0.7
    teacher_temperature: Positive = 2.0
    policy_penalty: NotNegative = 0.0
    ema_decay: Share = 0.998
    shift: Pixels = 4
    mirror: bool | Literal["alternating"] = True
    cutout: Pixels = 10
    cutmix: Share = 0.0
    cutmix_epochs: Count | None = None
    rand_augment: Annotated[int, Meta(ge=0)] = 0
    rand_augment_magnitude: Annotated[int, Meta(ge=0, le=30)] = 9
    frozen: list[str] = []
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
        if self.backbone_epochs > self.epochs:
            raise ValueError(
                f"expected backbone_epochs within the {self.epochs} epochs, "
                f"got {self.backbone_epochs}; lower it in the recipe"
            )
        if self.exit_weights is not None and self.exit_weights[-1] == 0:
            raise ValueError("expected a last exit weight above 0, since the others learn from it")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; fields that it does not name keep their defaults.

    Raises:
        DataError: not there, not YAML, an unknown field or a value out of range.
    """
    return to_recipe(read_settings(path), path)


def read_settings(path: Path) -> Any:
    """What stands in a recipe file, not yet checked; {} if nothing does.

    Raises:
        DataError: not there, or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        settings = read_words(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a training recipe in YAML: {reason}") from error
    return {} if settings is None else settings


def to_recipe(settings: Any, path: Path) -> Recipe:
    """Check what `read_settings` read from `path`.

    Raises:
        DataError: an unknown field or a value out of range.
    """
    try:
        return msgspec.convert(settings, Recipe)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: training recipe: {error}") from error
