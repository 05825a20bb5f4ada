"""Model directories: `model.json`, `model.safetensors` and `policy.json`.

Importing this module and reading a description needs no torch; only `load_network` and the writing
of weights do. Nothing that is read is ever executed: weights are safetensors, the rest is JSON.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dart_stream.difficulty import DifficultyTables
from dart_stream.errors import ModelError
from dart_stream.macs import Macs

if TYPE_CHECKING:
    from torch import Tensor

    from dart_stream.models import MultiExitNetwork

FORMAT_VERSION = 1
ZOO = Path(__file__).parent / "zoo"
ALIASES = {"default": "dartnet-cifar10"}

Positive = Annotated[float, Meta(gt=0)]
Pixels = Annotated[int, Meta(ge=1)]
Channels = tuple[float, float, float]


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Family in the registry of `dart_stream.models`, and its configuration.

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
    std: tuple[Positive, Positive, Positive]


class ModelInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `model.json` says.

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
        figures: what was measured, each with its conditions.
        format_version: of this file.
    """

    name: str
    architecture: Architecture
    classes: Annotated[list[str], Meta(min_length=2)]
    input_size: tuple[Pixels, Pixels]
    resize: Literal["letterbox", "stretch"]
    normalisation: PixelStatistics
    temperatures: Annotated[list[Positive], Meta(min_length=1)]
    difficulty: dict[str, Any] | None
    macs: Macs
    data: str
    recipe: dict[str, Any]
    figures: dict[str, Any]
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        exits = len(self.temperatures)
        for name, values in (("macs.stages", self.macs.stages), ("macs.heads", self.macs.heads)):
            if len(values) != exits:
                raise ValueError(
                    f"expected {exits} entries in {name}, one per temperature, got {len(values)}"
                )
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("expected every class name once")

    @property
    def num_exits(self) -> int:
        """Exits, the last included."""
        return len(self.temperatures)


def list_zoo() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(path.parent.name for path in ZOO.glob("*/model.json"))


def resolve(name_or_path: str | Path) -> Path:
    """Directory of a zoo model (`default` is one) or of one's own.

    A zoo name wins over a folder of that name; write `./NAME` for the folder.

    Raises:
        ModelError: neither.
    """
    name = str(name_or_path)
    zoo = ZOO / ALIASES.get(name, name)
    if zoo.name in list_zoo() and zoo.parent == ZOO:
        return zoo
    if name and Path(name).is_dir():
        return Path(name)
    raise ModelError(
        f"model {name!r}: expected a model directory or one of "
        f"{', '.join([*ALIASES, *list_zoo()])}, found neither"
    )


def read_info(directory: Path) -> ModelInfo:
    """Read `model.json`.

    Raises:
        ModelError: missing, damaged, of another format version, or not consistent.
    """
    path = directory / "model.json"
    body = _read_versioned_json(path)
    try:
        info = msgspec.convert(body, ModelInfo)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {error}") from error
    if info.difficulty is not None:
        try:
            DifficultyTables.from_dict(info.difficulty)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
    return info


def read_policy(directory: Path) -> dict[str, Any] | None:
    """Read `policy.json`; None if the model has none. `dart_stream.policies` checks the policy.

    Raises:
        ModelError: damaged or of another format version.
    """
    path = directory / "policy.json"
    if not path.exists():
        return None
    body = _read_versioned_json(path)
    if not isinstance(body.get("chosen"), dict):
        raise ModelError(f"{path}: expected an object 'chosen', got {body.get('chosen')!r}")
    return body


def write_model_dir(
    directory: Path,
    info: ModelInfo,
    state: "Mapping[str, Tensor]",
    policy: Mapping[str, Any] | None,
) -> None:
    """Write the files of a model; `model.json` comes last, so an interrupted write shows.

    Args:
        directory: made if it is missing; files of these names in it are replaced.
        info: the description.
        state: weights by name; stored as `stored_state` rounds them.
        policy: body of `policy.json`, or None for a model without one.

    Raises:
        ModelError: a weight is not finite in half precision.
    """
    from safetensors.torch import save

    info_path, policy_path = directory / "model.json", directory / "policy.json"
    directory.mkdir(parents=True, exist_ok=True)
    _replace(directory / "model.safetensors", save(stored_state(state)))
    if policy is not None:
        _replace(policy_path, _json(policy_path, policy))
    else:
        policy_path.unlink(missing_ok=True)
    _replace(info_path, _json(info_path, msgspec.to_builtins(info)))


def stored_state(state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Weights as they are stored: kernels and matrices in half precision, the rest as it is.

    Vectors (biases, scales, statistics of normalisations) are a fiftieth of the size, and small
    variances would lose digits.

    Raises:
        ModelError: a weight is not finite, or too large for half precision.
    """
    stored = {}
    for name, value in state.items():
        tensor = value.detach().contiguous()
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor = tensor.half()
        if not tensor.isfinite().all():
            raise ModelError(f"weight {name!r}: expected finite numbers, got NaN or infinity")
        stored[name] = tensor
    return stored


def load_network(directory: Path, info: ModelInfo | None = None) -> "MultiExitNetwork":
    """Build the network and load its weights, float32 on the CPU, in eval mode.

    Raises:
        ModelError: weights are missing, damaged, not finite, or of another network.
    """
    from dart_stream.models import create_model

    info = read_info(directory) if info is None else info
    path = directory / "model.safetensors"
    state = _read_weights(path)
    try:
        network = create_model(
            info.architecture.family,
            num_classes=len(info.classes),
            input_size=info.input_size,
            **info.architecture.config,
        )
    except ModelError as error:
        raise ModelError(f"{directory / 'model.json'}: {error}") from error
    if len(network.stages) != info.num_exits:
        raise ModelError(
            f"{directory / 'model.json'}: expected {len(network.stages)} temperatures, one per "
            f"exit of {info.architecture.family!r}, got {info.num_exits}"
        )
    _require_same_weights(path, network.state_dict(), state)
    network.load_state_dict(state)
    return network.eval()


def _read_weights(path: Path) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"{path}: expected weights of a model, found no such file")
    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: expected weights in safetensors format, found a damaged or other file "
            f"({error}); copy the model directory again"
        ) from error


def _require_same_weights(
    path: Path, expected: "Mapping[str, Tensor]", got: "Mapping[str, Tensor]"
) -> None:
    for kind, names in (
        ("missing", expected.keys() - got.keys()),
        ("unexpected", got.keys() - expected.keys()),
    ):
        if names:
            raise ModelError(
                f"{path}: weights do not fit model.json: {len(names)} {kind}, "
                f"such as {min(names)!r}"
            )
    for name, tensor in got.items():
        if tensor.shape != expected[name].shape:
            raise ModelError(
                f"{path}: weight {name!r}: expected shape {list(expected[name].shape)}, "
                f"got {list(tensor.shape)}"
            )
        if tensor.is_floating_point() != expected[name].is_floating_point():
            raise ModelError(
                f"{path}: weight {name!r}: expected numbers like {expected[name].dtype}, "
                f"got {tensor.dtype}"
            )
        if not tensor.isfinite().all():
            raise ModelError(
                f"{path}: weight {name!r}: expected finite numbers, got NaN or infinity"
            )


def _read_versioned_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: expected a file of a model directory, found no such file")
    try:
        body = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path}: expected JSON: {error}") from error
    if not isinstance(body, dict):
        raise ModelError(f"{path}: expected a JSON object, got {type(body).__name__}")
    version = body.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        newer = isinstance(version, int) and version > FORMAT_VERSION
        advice = "install a newer dart-stream" if newer else "write the model directory again"
        raise ModelError(
            f"{path}: expected format_version {FORMAT_VERSION}, got {version!r}; {advice}"
        )
    return body


def _json(path: Path, body: Mapping[str, Any]) -> bytes:
    """JSON with one line per top-level entry."""
    try:
        lines = [
            f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for key, value in body.items()
        ]
    except ValueError as error:
        raise ModelError(f"{path}: expected finite numbers: {error}") from error
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
