"""`dart-stream keys`: key pairs for readers on other hosts."""

import argparse
import re
from pathlib import Path

from pipeline.curve import HUB, READERS, make_keys
from pipeline.errors import ConfigError

HELP = "make keys for readers on other hosts"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `keys`."""
    parser.add_argument(
        "host",
        metavar="HOST",
        nargs="*",
        default=["reader"],
        help="a name for each host that reads (default: reader)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("keys"),
        help="gets `hub` and a folder a host (default: keys); what is there is kept",
    )


def execute(args: argparse.Namespace) -> int:
    """Make them; says which folder belongs where, never what is in it."""
    for name in args.host:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise ConfigError(f"HOST: expected a name of letters, digits, . _ -, got {name!r}")
    if len(set(args.host)) < len(args.host):
        raise ConfigError(f"HOST: expected different names, got {' '.join(args.host)}")
    made = make_keys(args.out, args.host)
    hub = args.out / HUB
    lines = [f"{hub}: stays here; listen: {{keys: {hub}}}"] if hub in made else []
    lines += [
        f"{folder}: move it to its host; dart-stream reader --keys {folder.name}. "
        f"To shut it out: rm {hub / READERS / folder.name}.key"
        for folder in made
        if folder != hub
    ]
    print("\n".join(lines))  # noqa: T201  # the answer
    return 0
