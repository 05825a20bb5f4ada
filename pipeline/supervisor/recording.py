"""What a run leaves behind, beside its recording and its sinks' files."""

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pipeline.config_file import check_config, read_source
from pipeline.errors import ConfigError
from pipeline.recording import TELEMETRY
from pipeline.redact import redact_literals
from pipeline.schema_check import require_unicode

RESOLVED = "config.resolved.yaml"
SUMMARY = "summary.json"


def prepare_out(out: Path) -> None:
    """Make the output folder.

    Raises:
        ConfigError: It exists and holds something, cannot be made or written, or has no name that
            others could be told.
    """
    require_unicode(str(out.resolve()), where="--out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise ConfigError(f"--out: expected a new or empty folder, {out} is not empty")
        (out / TELEMETRY).touch()
    except OSError as error:
        raise ConfigError(f"--out: cannot write to {out}: {error.strerror}") from error


def write_resolved(out: Path, plain: dict[str, Any]) -> None:
    """Write the whole configuration; a secret stays `${NAME}`, a literal one is hidden."""
    resolved = without_secrets(msgspec.to_builtins(check_config(plain)))
    (out / RESOLVED).write_text(yaml.safe_dump(resolved, sort_keys=False), encoding="utf-8")


def resolved_source(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """One source as `write_resolved` would write it."""
    resolved: dict[str, Any] = without_secrets(
        msgspec.to_builtins(read_source(name, body, fill=False))
    )
    return resolved


def without_secrets(node: Any) -> Any:
    """A plain tree in which literal credentials are hidden; `${NAME}` stays."""
    if isinstance(node, dict):
        return {key: without_secrets(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_secrets(value) for value in node]
    return redact_literals(node) if isinstance(node, str) else node


def write_summary(out: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json` whole or not at all."""
    partial = out / f"{SUMMARY}.partial"
    partial.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    partial.replace(out / SUMMARY)
