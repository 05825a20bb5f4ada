"""Fuzz checks of everything that comes from outside a process: messages, files, real sockets.

Each case has its seed and number; a failure prints both with the bytes, and `--only N` repeats it.

    python tools/fuzz.py decoders --cases 100000
    python tools/fuzz.py hub --cases 100000
    python tools/fuzz.py files --cases 2000
    python tools/fuzz.py sockets --cases 2000 --clip CLIP.mp4

Exit status: 0 if nothing failed, 1 otherwise.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from fuzzing.files import fuzz_file
from fuzzing.hub_game import play
from fuzzing.real import record_conversation, recorded_run, socket_reports
from fuzzing.report import Report
from fuzzing.wire import fuzz_decoder

MESSAGES_A_GAME = 1_000
MAX_MEMORY_BYTES = 24 << 30
"""Of address space: what claims more and is believed ends the run."""


def main() -> int:
    """Fuzz; print what was found and write it where asked."""
    args = _parse()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        reports = list(_TARGETS[args.what](args, Path(folder)))
    for report in reports:
        for failure in report.failures[:20]:
            print(failure)
        print(report.line())
    if args.out is not None:
        body = {
            "command": " ".join(["fuzz.py", *sys.argv[1:]]),
            "host": {"machine": platform.machine(), "python": platform.python_version()},
            "targets": [report.to_dict() for report in reports],
            "failures": [failure for report in reports for failure in report.failures],
        }
        args.out.write_text(json.dumps(body, indent=2) + "\n")
    return 1 if any(report.failures for report in reports) else 0


def _decoders(args: argparse.Namespace, folder: Path) -> Iterable[Report]:
    recorded = record_conversation(args.model, args.clip, folder)
    for name, bodies in recorded.items():
        yield fuzz_decoder(name, bodies, _cases(args), args.seed)


def _hub(args: argparse.Namespace, _folder: Path) -> Iterable[Report]:
    for possessed in (False, True):
        report = Report("hub, own names" if possessed else "hub, strangers", args.seed)
        games = [args.only] if args.only is not None else range(args.cases // MESSAGES_A_GAME // 2)
        for number in games:
            play(number, args.seed, report, MESSAGES_A_GAME, possessed=possessed)
        yield report


def _files(args: argparse.Namespace, folder: Path) -> Iterable[Report]:
    for target in recorded_run(args.model, args.clip, folder):
        yield fuzz_file(target, _cases(args), args.seed)


def _sockets(args: argparse.Namespace, folder: Path) -> Iterable[Report]:
    yield from socket_reports(args.model, args.clip, folder, args.seed, args.cases)


def _cases(args: argparse.Namespace) -> Iterable[int]:
    return range(args.cases) if args.only is None else [args.only]


_TARGETS: dict[str, Callable[[argparse.Namespace, Path], Iterable[Report]]] = {
    "decoders": _decoders,
    "hub": _hub,
    "files": _files,
    "sockets": _sockets,
}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=_TARGETS)
    parser.add_argument("--cases", type=int, default=2_000, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this case (hub: this game) alone")
    parser.add_argument("--model", default="default", help="with calibration.safetensors")
    parser.add_argument("--clip", default="synthetic://", help="of the runs that are recorded")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
