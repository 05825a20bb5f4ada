"""`dart-stream schema`: JSON Schema of what a run reads and leaves."""

import argparse
import json
from typing import Any, Final

import msgspec

from pipeline.config import PipelineConfig
from pipeline.results import EndRecord, PartRecord, RegionRecord
from pipeline.run_summary import RunSummary

HELP = "print JSON Schema of a file: results, summary or config"

_KINDS: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "results": ("a line of results.jsonl", (RegionRecord, EndRecord, PartRecord)),
    "summary": ("summary.json", (RunSummary,)),
    "config": ("the configuration of a run, as YAML", (PipelineConfig,)),
}
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `schema`."""
    parser.add_argument(
        "kind", metavar="KIND", nargs="?", choices=_KINDS, default="results", help=", ".join(_KINDS)
    )


def execute(args: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(schema_of(args.kind), indent=2))  # noqa: T201  # the result of the command
    return 0


def schema_of(kind: str) -> dict[str, Any]:
    """JSON Schema of "results", "summary" or "config"."""
    title, types = _KINDS[kind]
    references, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    body = dict(references[0]) if len(references) == 1 else {"anyOf": list(references)}
    return {"$schema": _DIALECT, "title": title, **body, "$defs": parts}
