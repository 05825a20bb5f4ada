"""`dart-stream run`: the pipeline."""

import argparse
from datetime import datetime
from pathlib import Path

from pipeline.cli.session import run_session
from pipeline.config_file import LoadedConfig, load_config
from pipeline.errors import ConfigError
from pipeline.supervisor import Origin, plan_run
from pipeline.supervisor.recording import prepare_out, write_resolved
from pipeline.supervisor.resume import load_unfinished, nothing_left
from pipeline.supervisor.source_book import read_sources

HELP = "classify the regions of video sources"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `run`."""
    parser.add_argument("config", metavar="CONFIG.yaml", nargs="?", type=Path)
    parser.add_argument(
        "--source", metavar="[NAME=]URI", action="append", default=[], help="a source; repeatable"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="new folder for results (default: runs/DATE-TIME)"
    )
    parser.add_argument("--resume", metavar="DIR", type=Path, help="go on with an unfinished run")
    parser.add_argument("--headless", action="store_true", help="no screen, no progress lines")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a setting"
    )


def execute(args: argparse.Namespace) -> int:
    """Run to the end of all sources, or until interrupted."""
    resume = args.resume is not None
    loaded = _load(args)
    plan = plan_run(loaded.config, goes_on=resume)
    out = args.resume if resume else (args.out or _default_out())
    if not resume:
        prepare_out(out)
        write_resolved(out, loaded.plain)
    elif nothing_left(plan, out):
        print(f"{out}: every source has ended; nothing is left to do")  # noqa: T201  # the answer
        return 0
    origin = Origin(
        loaded,
        read_again=(lambda: _load(args)) if args.config else None,
        kept=read_sources(out) if resume else None,
    )
    return run_session(plan, out, headless=args.headless, resume=resume, origin=origin)


def _load(args: argparse.Namespace) -> LoadedConfig:
    if args.resume is None:
        return load_config(args.config, sources=args.source, overrides=args.set)
    if args.config or args.source or args.set or args.out:
        raise ConfigError("--resume: takes the run's own configuration; give nothing else")
    return load_unfinished(args.resume)


def _default_out() -> Path:
    return Path("runs") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
