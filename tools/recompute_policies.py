"""Recompute the policies of a run from its recording, and say whether they are the same.

python tools/recompute_policies.py runs/20260101-120000
"""

import argparse
import sys
from pathlib import Path

import msgspec

from dart_stream.errors import DartStreamError
from pipeline.config_file import load_config
from pipeline.errors import UserError
from pipeline.recording import RecordedRun
from pipeline.supervisor import plan_run
from pipeline.supervisor.recomputed import recompute
from pipeline.supervisor.recording import RESOLVED


def main() -> int:
    """Compare; 0 if they are the same, 2 if the run cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", metavar="DIR", type=Path)
    folder = parser.parse_args().run
    try:
        return compare(folder)
    except (UserError, DartStreamError) as error:
        print(f"recompute_policies: {error}", file=sys.stderr)
        return 2


def compare(folder: Path) -> int:
    """Say whether the policies are the same; 0 if so."""
    config = load_config(folder / RESOLVED, with_overrides=False).config
    # Sources and sinks have no part in it, and the footage may be gone.
    alone = msgspec.structs.replace(config, sources={}, sinks=[], listen=None)

    def make():  # noqa: ANN202
        adapter = plan_run(alone).adapter()
        if adapter is None:
            sys.exit(f"{folder}: this run does not adapt")
        adapter.know(list(config.sources))
        return adapter

    run = RecordedRun(folder)
    found = recompute(run.records(), make)
    for words in run.complaints:
        print(words)
    if not found.recorded:
        sys.exit(f"{folder}: nothing of adaptation is recorded")
    same = found.recorded == found.again
    print(f"{len(run.paths)} segments: ", end="")
    print(f"{len(found.recorded)} policies recorded, {len(found.again)} recomputed: ", end="")
    print("the same" if same else "different" if found.is_whole else "the recording is not whole")
    if found.failure is not None:
        print(f"the adapter could not go on: {found.failure}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
