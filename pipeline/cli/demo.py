"""`dart-stream demo`: cameras that show shipped pictures, and a shift that comes and goes."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.cli.measuring import require_seconds
from pipeline.cli.session import run_session
from pipeline.config_file import load_config
from pipeline.demo_pictures import FPS
from pipeline.supervisor import plan_run
from pipeline.supervisor.recording import prepare_out, write_resolved

HELP = "watch the pipeline adapt to a scripted shift; needs no camera, file or network"

_UNATTENDED_S: Final = 60.0
_CAMERAS: Final = ("drawn-a", "drawn-b", "drawn-c")
_SHIFT: Final = "dark@3"
_BEFORE_S, _SHIFT_S, _AFTER_S = 15, 15, 20
"""Between two shifts adaptation is at home for 1,000 regions, or it would not try to return."""
_CYCLES: Final = 100
"""The shift is scripted for an hour; then it stays clean."""
_AUDIT_RATE: Final = 0.1
"""More than a run's own 3 %, so that within seconds there is something to see."""
_NOTE: Final = (
    "three cameras show pictures that the shipped network drew itself, so that it is at home with "
    f"them; for {_SHIFT_S} s at a time they go {_SHIFT.partition('@')[0]}"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `demo`."""
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        help=f"end after N seconds (default: until Ctrl-C in a terminal, else {_UNATTENDED_S:.0f})",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="new folder for results (default: runs/demo-TIME)"
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a setting"
    )


def execute(args: argparse.Namespace) -> int:
    """Run until the time is up or Ctrl-C.

    Raises:
        ConfigError: A flag or setting is wrong.
        SourceError: The package lacks its pictures.
    """
    if args.seconds is not None:
        require_seconds("--seconds", args.seconds)
    loaded = load_config(base=demo_config(), overrides=args.set)
    plan = plan_run(loaded.config)
    out = args.out or _default_out()
    prepare_out(out)
    write_resolved(out, loaded.plain)
    print(_NOTE, flush=True)  # noqa: T201  # what is to be seen
    attended = sys.stdout.isatty()
    limit_s = (0.0 if attended else _UNATTENDED_S) if args.seconds is None else args.seconds
    return run_session(plan, out, limit_s=limit_s)


def demo_config() -> dict[str, Any]:
    """Cameras that play in real time and for ever; all go dark at the same time."""
    schedule = _schedule()
    return {
        "sources": {
            name: {
                "uri": f"demo://{name}",
                "reader": "pipeline.demo_pictures:DrawnPictures",
                "options": {"seed": number},
                "realtime": True,
                "on_full": "latest",
                "perturb": schedule,
            }
            for number, name in enumerate(_CAMERAS)
        },
        "adaptation": {"audit_rate": _AUDIT_RATE},
    }


def _schedule() -> str:
    """A region a frame, so that counts of regions are times."""
    first = f"clean:{_BEFORE_S * FPS},{_SHIFT}:{_SHIFT_S * FPS},"
    again = f"clean:{_AFTER_S * FPS},{_SHIFT}:{_SHIFT_S * FPS},"
    return first + again * _CYCLES + "clean"


def _default_out() -> Path:
    return Path("runs") / datetime.now().astimezone().strftime("demo-%Y%m%d-%H%M%S")
