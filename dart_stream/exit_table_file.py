"""Exit tables on disk: one safetensors file, which other programs can read and write.

`docs/exit-table.md` describes it.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.model_info import MAX_COST, MAX_TEMPERATURE, MIN_TEMPERATURE

FORMAT_VERSION: Final = 1
_KEY: Final = "dart_stream_exit_table"
_KINDS: Final = {"logits": "f", "labels": "i", "difficulty": "f", "alpha": "f", "parts": "f"}
_DTYPES: Final = {"f": np.float32, "i": np.int64}


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file says in words and numbers; only `macs` has no default."""

    macs: Costs
    times: Costs | None = None
    temperatures: list[float] | None = None
    classes: list[str] | None = None
    source: str = ""
    format_version: int = FORMAT_VERSION


def write_exit_table(table: ExitTable, path: Path) -> None:
    """Write a table; a file that is there is replaced whole or not at all."""
    header = _Header(
        macs=table.macs,
        times=table.times,
        temperatures=list(table.temperatures),
        classes=list(table.classes),
        source=table.source,
    )
    arrays = {name: getattr(table, name) for name in _KINDS}
    present = {name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        save_file(present, written, metadata={_KEY: msgspec.json.encode(header).decode()})
        written.replace(path)


def read_exit_table(path: Path) -> ExitTable:
    """Read a table; what a file of another program leaves out gets its neutral value.

    Raises:
        DataError: not such a file, damaged, of another version, or not consistent.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{path}: expected an exit table in safetensors format: {words}") from error
    try:
        return _table(_header(metadata), arrays)
    except (DataError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: {error}") from error


def _header(metadata: dict[str, str]) -> _Header:
    try:
        body: Any = json.loads(metadata[_KEY])
    except KeyError as error:
        raise DataError(
            f"expected metadata {_KEY!r} as docs/exit-table.md describes it, "
            f"got {sorted(metadata) or 'none'}"
        ) from error
    version = body.get("format_version") if isinstance(body, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(f"expected exit table format {FORMAT_VERSION}, got {version!r}")
    return msgspec.convert(body, _Header)


def _table(header: _Header, arrays: dict[str, NDArray[Any]]) -> ExitTable:
    unknown = sorted(arrays.keys() - _KINDS.keys())
    if unknown or "logits" not in arrays:
        raise DataError(
            f"expected arrays among {', '.join(_KINDS)}, logits at least; got {unknown}"
        )
    known = {name: _typed(name, array) for name, array in arrays.items()}
    logits = known.pop("logits")
    if logits.ndim != 3:
        raise DataError(f"logits: expected [pictures, exits, classes], got {list(logits.shape)}")
    n, exits, classes = logits.shape
    if not exits or not classes:
        raise DataError(f"logits: expected exits and classes, got {list(logits.shape)}")
    _require_sound(header, known)
    known.setdefault("difficulty", np.full(n, 0.5, np.float32))
    names = header.classes or [str(index) for index in range(classes)]
    return ExitTable(
        logits=logits,
        labels=known.pop("labels", None),
        temperatures=tuple(header.temperatures or [1.0] * exits),
        macs=header.macs,
        times=header.times,
        classes=tuple(names),
        source=header.source,
        **known,
    )


def _require_sound(header: _Header, arrays: dict[str, NDArray[Any]]) -> None:
    """Refuse numbers that nothing can be computed with."""
    for name, array in arrays.items():
        expected = (3,) if name == "parts" else ()
        if array.shape[1:] != expected or not array.ndim:
            raise DataError(f"{name}: expected {['pictures', *expected]}, got {list(array.shape)}")
        if name != "labels" and len(array) and not 0 <= array.min() <= array.max() <= 1:
            raise DataError(f"{name}: expected 0 to 1, got {array.min():g} to {array.max():g}")
    for temperature in header.temperatures or ():
        if not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
            raise DataError(
                f"temperatures: expected {MIN_TEMPERATURE:g} to {MAX_TEMPERATURE:g}, "
                f"got {temperature:g}"
            )
    for costs in (header.macs, header.times):
        if costs is not None and not costs.plain() + sum(costs.heads) + costs.estimator < MAX_COST:
            raise DataError(f"costs: expected less than {MAX_COST:g} in all")


def _typed(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array as tables hold it."""
    kind = _KINDS[name]
    if array.dtype.kind != kind:
        raise DataError(
            f"{name}: expected numbers like {_DTYPES[kind].__name__}, got {array.dtype}"
        )
    with np.errstate(over="ignore"):
        held = array.astype(_DTYPES[kind])
    if not np.all(np.isfinite(held)):
        raise DataError(f"{name}: expected finite numbers, got NaN or infinity")
    return held
