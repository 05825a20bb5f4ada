"""`dart-stream validate`: check a configuration without running it."""

import argparse
from pathlib import Path

from pipeline.config_file import load_config
from pipeline.supervisor import plan_run

HELP = "check a configuration, its sources and its model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `validate`."""
    parser.add_argument("config", metavar="CONFIG", type=Path)


def execute(args: argparse.Namespace) -> int:
    """Check; says what would run."""
    plan = plan_run(load_config(args.config).config)
    sources = ", ".join(plan.config.sources)
    print(  # noqa: T201  # the result of the command
        f"{args.config}: ok; sources {sources}; model {plan.model.name}; "
        f"policy {plan.policy.kind}; {plan.config.runtime.type}"
    )
    if plan.adaptation.words is not None:
        print(plan.adaptation.words)  # noqa: T201  # likewise
    return 0
