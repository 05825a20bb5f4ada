"""`dart-stream reader`: read sources on this host for a hub on another."""

import argparse
import logging
import os
import sys
from pathlib import Path

from pipeline.config_file import load_config
from pipeline.curve import ReaderKeys
from pipeline.errors import ConfigError
from pipeline.log_format import VisibleFormatter
from pipeline.readers import check_source
from pipeline.remote_address import check_address, is_remote
from pipeline.supervisor.reader_host import ReaderHost

HELP = "read sources on this host for a run on another"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `reader`."""
    parser.add_argument(
        "source",
        metavar="NAME=URI",
        nargs="+",
        help="a source, by the name that the run has for it; ${NAME} takes an environment variable",
    )
    parser.add_argument(
        "--hub", metavar="tcp://HOST:PORT", required=True, help="where the run listens"
    )
    parser.add_argument(
        "--keys", metavar="DIR", type=Path, help="this host's folder of what `keys` made"
    )


def execute(args: argparse.Namespace) -> int:
    """Read until every file has ended, or until interrupted; cameras wait for the next run."""
    uris = _uris(args.source)
    check_address(args.hub, where="--hub", has_keys=args.keys is not None)
    if args.keys is not None:
        ReaderKeys.load(args.keys)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    host = ReaderHost(args.hub, args.keys, uris, cores=os.cpu_count() or 1)
    with host.interrupts():
        return host.run()


def _uris(sources: list[str]) -> dict[str, str]:
    """URI by name, secrets filled in.

    Raises:
        UserError: One has no name or cannot work.
    """
    for text in sources:
        if "=" not in text:
            raise ConfigError(
                f"NAME=URI: expected the run's name for the source before its URI, got {text!r}"
            )
    config = load_config(sources=sources, with_overrides=False).config
    for name, source in config.sources.items():
        if is_remote(source):
            raise ConfigError(f"{name}: expected a source of this host, got {source.uri}")
        check_source(source)
    return {name: source.uri for name, source in config.sources.items()}
