"""Model directories: `model.json`, `model.safetensors`, `policy.json` and the card `README.md`.

`calibration.safetensors` beside them has a module of its own, `dart_stream.model_calibration`.

Importing this module and reading a description needs no torch; only `load_network` and the writing
of weights do. Nothing that is read is ever executed: weights are safetensors, the rest is JSON.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from dart_stream.difficulty import DifficultyTables
from dart_stream.errors import ModelError
from dart_stream.exit_table import ExitTable
from dart_stream.model_calibration import CALIBRATION, require_fit, write_calibration
from dart_stream.model_card import model_card
from dart_stream.model_info import (
    FORMAT_VERSION,
    About,
    Architecture,
    ModelInfo,
    PixelStatistics,
)

if TYPE_CHECKING:
    from torch import Tensor

    from dart_stream.models import MultiExitNetwork

__all__ = [
    "ALIASES",
    "CARD",
    "FORMAT_VERSION",
    "ZOO",
    "About",
    "Architecture",
    "ModelInfo",
    "PixelStatistics",
    "list_zoo",
    "load_network",
    "read_card",
    "read_info",
    "read_policy",
    "resolve",
    "set_about",
    "write_model_dir",
]

ZOO: Final = Path(__file__).parent / "zoo"
ALIASES: Final = {"default": "dartnet-cifar10"}
CARD: Final = "README.md"
_INFO, _WEIGHTS, _POLICY = "model.json", "model.safetensors", "policy.json"
_MAX_TEXT_BYTES: Final = 64 * 1024 * 1024


def list_zoo() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(path.parent.name for path in ZOO.glob(f"*/{_INFO}"))


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
    path = directory / _INFO
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
    path = directory / _POLICY
    if not os.path.lexists(path):
        return None
    body = _read_versioned_json(path)
    if not isinstance(body.get("chosen"), dict):
        raise ModelError(f"{path}: expected an object 'chosen', got {body.get('chosen')!r}")
    return body


def read_card(directory: Path) -> str:
    """The card of a model: its `README.md`, or one made of what the other files say.

    Raises:
        ModelError: the model is damaged, or its card is no text.
    """
    path = directory / CARD
    if not os.path.lexists(path):
        return _card(directory, read_info(directory), read_policy(directory))
    try:
        return _read_own_file(path).decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: expected text in UTF-8: {error}") from error


def write_model_dir(
    directory: Path,
    info: ModelInfo,
    state: "Mapping[str, Tensor]",
    policy: Mapping[str, Any] | None,
    calibration: ExitTable | None = None,
) -> None:
    """Write the files of a model; `model.json` goes first and comes last.

    Its configuration is written in full: what a family's defaults will be must not matter.

    So a write that is cut off leaves no model, and never the weights of one with another's figures.

    Args:
        directory: made if it is missing; files of these names in it are replaced.
        info: the description.
        state: weights by name; stored as `dart_stream.model_weights.stored_state` rounds them.
        policy: body of `policy.json`, or None for a model without one.
        calibration: its answers to held-out pictures, or None for a model that cannot adapt.

    Raises:
        ModelError: a weight is not finite in half precision, another number is not finite, there
            is no such family, or the calibration is another model's.
    """
    from safetensors.torch import save

    from dart_stream.model_weights import stored_state
    from dart_stream.models import full_config

    family = info.architecture.family
    config = full_config(family, info.architecture.config)
    info = msgspec.structs.replace(info, architecture=Architecture(family, config))
    info_path, policy_path = directory / _INFO, directory / _POLICY
    if calibration is not None:
        require_fit(calibration, info, directory / CALIBRATION)
    weights = save(stored_state(state))
    described = _json(info_path, msgspec.to_builtins(info))
    chosen = None if policy is None else _json(policy_path, policy)
    card = model_card(info, policy, len(weights)).encode()
    directory.mkdir(parents=True, exist_ok=True)
    info_path.unlink(missing_ok=True)
    _replace(directory / _WEIGHTS, weights)
    if chosen is None:
        policy_path.unlink(missing_ok=True)
    else:
        _replace(policy_path, chosen)
    if calibration is None:
        (directory / CALIBRATION).unlink(missing_ok=True)
    else:
        write_calibration(calibration, directory)
    _replace(directory / CARD, card)
    _replace(info_path, described)


def set_about(directory: Path, about: About) -> None:
    """Replace what a person has to say of a model, in `model.json`, and write the card anew.

    Raises:
        ModelError: the model is damaged.
    """
    info = msgspec.structs.replace(read_info(directory), about=about)
    card = _card(directory, info, read_policy(directory))
    _replace(directory / CARD, card.encode())
    _replace(directory / _INFO, _json(directory / _INFO, msgspec.to_builtins(info)))


def load_network(directory: Path, info: ModelInfo | None = None) -> "MultiExitNetwork":
    """Build the network and load its weights, float32 on the CPU, in eval mode.

    Raises:
        ModelError: weights are missing, damaged, not finite, or of another network.
    """
    from dart_stream.model_size import SLACK_ELEMENTS, SizeLimit
    from dart_stream.model_weights import read_weights, require_same_weights
    from dart_stream.models import create_model

    info = read_info(directory) if info is None else info
    path = directory / _WEIGHTS
    _require_own_file(path)
    state = read_weights(path)
    stored = sum(tensor.numel() for tensor in state.values())
    try:
        with SizeLimit(2 * stored + SLACK_ELEMENTS):
            network = create_model(
                info.architecture.family,
                num_classes=len(info.classes),
                input_size=info.input_size,
                **info.architecture.config,
            )
    except ModelError as error:
        raise ModelError(f"{directory / _INFO}: {error}") from error
    if len(network.stages) != info.num_exits:
        raise ModelError(
            f"{directory / _INFO}: expected {len(network.stages)} temperatures, one per "
            f"exit of {info.architecture.family!r}, got {info.num_exits}"
        )
    require_same_weights(path, network.state_dict(), state)
    network.load_state_dict(state)
    return network.eval()


def _card(directory: Path, info: ModelInfo, policy: Mapping[str, Any] | None) -> str:
    weights = directory / _WEIGHTS
    return model_card(info, policy, weights.stat().st_size if weights.is_file() else None)


def _require_own_file(path: Path) -> None:
    """A file that is there, and in the model directory itself."""
    if not os.path.lexists(path):
        raise ModelError(
            f"{path}: expected a file of a model directory, found no such file; "
            "copy the model directory again"
        )
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ModelError(
            f"{path}: expected a file inside the model directory, got a link out of it; "
            "copy the file itself there"
        )
    if not path.is_file():
        raise ModelError(f"{path}: expected a regular file, got something else")


def _read_own_file(path: Path) -> bytes:
    _require_own_file(path)
    size = path.stat().st_size
    if size > _MAX_TEXT_BYTES:
        raise ModelError(f"{path}: expected at most {_MAX_TEXT_BYTES} bytes, got {size}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _read_versioned_json(path: Path) -> dict[str, Any]:
    content = _read_own_file(path)
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
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
