"""`dart-stream chaos`: faults from a seed into a running pipeline, and an exact account of it."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.chaos.report import ChaosReport

HELP = "inject faults into a running pipeline and check that nothing is lost"

REPORT: Final = "chaos.json"
_FAULTS: Final = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `chaos`."""
    parser.add_argument("config", metavar="CONFIG", type=Path, help="of the run, as `run` takes it")
    parser.add_argument(
        "--faults", metavar="N", type=int, default=_FAULTS, help=f"how many (default: {_FAULTS})"
    )
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of the faults")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="new folder (default: runs/chaos-DATE-TIME)"
    )
    parser.add_argument(
        "--only", metavar="KIND[,KIND ...]", default="", help="kinds of faults (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON, no lines")


def execute(args: argparse.Namespace) -> int:
    """Strike and check; 0 if the ledger is exact, 1 if not, 130 if interrupted before the end.

    Raises:
        ConfigError: The configuration or a flag is wrong.
    """
    from pipeline.chaos.chaos import Asked, carry_out, require_drillable
    from pipeline.chaos.report import hit_line
    from pipeline.cli.measuring import require_at_least
    from pipeline.config_file import load_config
    from pipeline.supervisor import plan_run

    require_at_least(args, {"--faults": 1})
    only = _kinds(args.only)
    plan = plan_run(load_config(args.config).config)
    require_drillable(plan)
    out = args.out or Path("runs") / datetime.now().astimezone().strftime("chaos-%Y%m%d-%H%M%S")
    _prepare(out)
    say: Any = (lambda _: None) if args.json else _print
    asked = Asked(
        config=args.config,
        plan=plan,
        out=out,
        faults=args.faults,
        seed=args.seed,
        only=only,
        command=shlex.join(["dart-stream", *sys.argv[1:]]),
    )
    with _interrupted_by_signals():
        report = carry_out(asked, say, lambda hit: say(hit_line(hit)))
    _tell(report, out / REPORT, as_json=args.json)
    if report.problems:
        return 1
    return 130 if report.is_interrupted else 0


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end a drill as Ctrl-C does: with the run drained, and a report."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kinds(text: str) -> list[str]:
    from pipeline.chaos.registry import FAULTS

    kinds = [word.strip() for word in text.split(",") if word.strip()]
    for kind in kinds:
        if kind not in FAULTS:
            raise ConfigError(f"--only: expected some of {', '.join(FAULTS)}, got {kind!r}")
    return kinds


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise ConfigError(f"--out: expected a new or empty folder, {out} is not empty")
    except OSError as error:
        raise ConfigError(f"--out: cannot write to {out}: {error.strerror}") from error


def _tell(report: "ChaosReport", path: Path, *, as_json: bool) -> None:
    from pipeline.cli.chaos_report import print_chaos

    text = json.dumps(report.to_dict(), indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    if as_json:
        _print(text)
    else:
        print_chaos(report)
        _print(f"report in {path}")


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # the answer
