"""`dart-stream demo`: the pipeline on sample clips that play as cameras, with a scripted shift."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.cli.session import run_session
from pipeline.clips import ClipPaths, sample_clips
from pipeline.config_file import load_config
from pipeline.errors import ConfigError
from pipeline.supervisor import plan_run
from pipeline.supervisor.recording import prepare_out, write_resolved

HELP = "watch the pipeline on sample clips with a scripted shift"

_UNATTENDED_S: Final = 20.0
_CYCLES: Final = 180
"""The shift is scripted for an hour; then it stays clean."""
_CLEAN_S, _SHIFT_S = 10, 10
_SHIFT: Final = "dark@4+gaussian_noise@3"
_THRESHOLDS: Final = [0.5, 0.55, 0.5]
"""Looser than the model's own: it was trained on ten classes of small pictures and is unsure of
street scenes, and here every exit is to be seen at work."""
_ZONES: Final = {
    "left": [0.0, 0.1, 0.4, 1.0],
    "middle": [0.3, 0.1, 0.7, 1.0],
    "right": [0.6, 0.1, 1.0, 1.0],
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `demo`."""
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        help="end after N seconds (default: until Ctrl-C in a terminal, else 20)",
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
        SourceError: The clips are not here and cannot be fetched.
    """
    if args.seconds is not None and args.seconds <= 0:
        raise ConfigError(f"--seconds: expected more than 0, got {args.seconds:g}")
    loaded = load_config(base=demo_config(sample_clips(_say)), overrides=args.set)
    plan = plan_run(loaded.config)
    out = args.out or _default_out()
    prepare_out(out)
    write_resolved(out, loaded.plain)
    attended = sys.stdout.isatty()
    limit_s = (0.0 if attended else _UNATTENDED_S) if args.seconds is None else args.seconds
    return run_session(plan, out, limit_s=limit_s)


def demo_config(clips: ClipPaths) -> dict[str, Any]:
    """Three clips that play in real time and for ever; two go dark and noisy, one stays clean."""
    bikes, bunny, phone = clips.values()
    return {
        "sources": {
            "bikes": _camera(bikes, regions_per_s=25 * len(_ZONES))
            | {"regions": {"type": "zones", "zones": _ZONES}},
            "bunny": _camera(bunny, regions_per_s=25),
            "phone": _camera(phone),
        },
        "policy": {"thresholds": _THRESHOLDS},
    }


def _camera(clip: Path, regions_per_s: int | None = None) -> dict[str, Any]:
    """A clip as a camera would deliver it; with `regions_per_s`, under the scripted shift."""
    camera = {"uri": str(clip.resolve()), "loop": True, "realtime": True, "on_full": "latest"}
    return camera if regions_per_s is None else camera | {"perturb": _schedule(regions_per_s)}


def _schedule(regions_per_s: int) -> str:
    clean, shift = _CLEAN_S * regions_per_s, _SHIFT_S * regions_per_s
    return f"clean:{clean},{_SHIFT}:{shift}," * _CYCLES + "clean"


def _default_out() -> Path:
    return Path("runs") / datetime.now().astimezone().strftime("demo-%Y%m%d-%H%M%S")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # what takes a moment is announced
