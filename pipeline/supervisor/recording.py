"""What a run leaves behind, beside its sinks' files."""

import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgpack
import msgspec
import yaml

from pipeline.config_file import check_config
from pipeline.errors import ConfigError
from pipeline.redact import redact
from pipeline.snapshot import Snapshot
from pipeline.stages.hub import Adapter

TELEMETRY = "telemetry.mpk"
RESOLVED = "config.resolved.yaml"
SUMMARY = "summary.json"
DAMAGED = (ValueError, TypeError, msgpack.exceptions.UnpackException)
"""What reading a record raises when it is none; half of one is `msgpack.OutOfData`."""
_MAX_RECORD_BYTES = 65 << 20
"""The adapter's state is the largest."""
_MAX_ITEMS = 1 << 20

log = logging.getLogger(__name__)


class Recording:
    """Appends records to `telemetry.mpk`: every policy, batch, audit and snapshot.

    A disk that is full ends the recording, not the run.
    """

    def __init__(self, out: Path) -> None:
        _cut_partial_record(out / TELEMETRY)
        self._stream: BinaryIO | None = (out / TELEMETRY).open("ab")

    def policy(self, version: int, body: dict[str, Any], rows: dict[str, dict[str, Any]]) -> None:
        """A policy that is now in force.

        Args:
            version: Its number in the run.
            body: What decides.
            rows: By source, what decides there instead.
        """
        self.note({"kind": "policy", "version": version, "body": body, "rows": rows})

    def adapter(self, adapter: Adapter) -> None:
        """Where adaptation begins; what it sees and does follows, so that it can be recomputed."""
        self.note({"kind": "adapter", "state": adapter.to_state()})

    def snapshot(self, snapshot: Snapshot) -> None:
        """The state of the run."""
        body = msgspec.to_builtins(snapshot)
        del body["log"]  # the log is a file of its own
        self.note({"kind": "snapshot", "snapshot": body})

    def note(self, body: dict[str, Any]) -> None:
        """Any other record."""
        if self._stream is None:
            return
        try:
            self._stream.write(msgpack.packb({"time_s": time.time(), **body}))
        except OSError as error:
            self._give_up(error)

    def flush(self) -> None:
        """Hand the records to the operating system."""
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """No record follows."""
        self.flush()
        if self._stream is not None:
            self._stream.close()

    def _give_up(self, error: OSError) -> None:
        log.warning("%s: %s; the recording ends here, the run goes on", TELEMETRY, error.strerror)
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
        self._stream = None


def unpacker(stream: BinaryIO, **options: Any) -> Any:
    """Reads records one by one; what claims to be larger than any is damaged (`DAMAGED`)."""
    return msgpack.Unpacker(
        stream,
        max_buffer_size=_MAX_RECORD_BYTES,
        max_array_len=_MAX_ITEMS,
        max_map_len=_MAX_ITEMS,
        **options,
    )


def _cut_partial_record(path: Path) -> None:
    """Cut half a record, which a run that was killed left: what follows could not be read."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as stream:
        records = unpacker(stream)
        end = 0
        try:
            while True:
                records.skip()
                end = records.tell()
        except msgpack.OutOfData:
            pass
        except DAMAGED as error:
            log.warning("%s: damaged behind byte %d (%s); cut there", path, end, error)
        stream.truncate(end)


def prepare_out(out: Path) -> None:
    """Make the output folder.

    Raises:
        ConfigError: It exists and holds something, or cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise ConfigError(f"--out: expected a new or empty folder, {out} is not empty")
        (out / TELEMETRY).touch()
    except OSError as error:
        raise ConfigError(f"--out: cannot write to {out}: {error.strerror}") from error


def write_resolved(out: Path, plain: dict[str, Any]) -> None:
    """Write the whole configuration; a secret stays `${NAME}`, a literal one is hidden."""
    resolved = _without_secrets(msgspec.to_builtins(check_config(plain)))
    (out / RESOLVED).write_text(yaml.safe_dump(resolved, sort_keys=False), encoding="utf-8")


def _without_secrets(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_secrets(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_secrets(value) for value in node]
    if isinstance(node, str) and "${" not in node:
        return redact(node)
    return node


def write_summary(out: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json` whole or not at all."""
    partial = out / f"{SUMMARY}.partial"
    partial.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    partial.replace(out / SUMMARY)
