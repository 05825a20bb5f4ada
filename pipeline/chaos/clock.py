"""The wall clock of a run, stepped by an hour; nobody else's."""

import os
import random
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Final

from pipeline.chaos.fault import RunFault
from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike
from pipeline.errors import StageError

STEP_S: Final = 3_600
_SOURCE: Final = Path(__file__).with_name("clock_shim.c")
_LIBRARY, _OFFSET = "clock_shim.so", "clock_offset"
_SEEN_WITHIN_S: Final = 30.0


class ClockStep(RunFault):
    """Somebody sets the clock: an hour forward or back, and later back again.

    A library between the run and the system's adds the hour to what CLOCK_REALTIME says, in every
    process of the run and in no other. It is compiled when it is needed.
    """

    kind = "clock"
    text = "clock stepped by an hour, and back"

    def refusal(self, folder: Path) -> str | None:
        compiler = shutil.which("cc")
        if compiler is None:
            return "no C compiler `cc`, which makes the library that steps the clock of the run"
        words = ["-shared", "-fPIC", "-O2", "-o", str(folder / _LIBRARY), str(_SOURCE), "-ldl"]
        made = subprocess.run(  # noqa: S603  # our own source
            [compiler, *words], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return f"`cc` could not make {_LIBRARY}: {made.stderr.strip().splitlines()[-1]}"
        return None

    def environment(self, folder: Path) -> dict[str, str]:
        (folder / _OFFSET).write_bytes(struct.pack("<q", 0))
        preloaded = os.environ.get("LD_PRELOAD")
        libraries = [str((folder / _LIBRARY).resolve()), *([preloaded] if preloaded else [])]
        return {
            "LD_PRELOAD": ":".join(libraries),
            "CHAOS_CLOCK_FILE": str((folder / _OFFSET).resolve()),
        }

    def strike(self, scene: Scene, strike: Strike) -> str:
        step_s = random.Random(strike.seed).choice((STEP_S, -STEP_S))
        offset = scene.out.parent / _OFFSET
        try:
            _set(offset, step_s)
            _require_seen(scene, step_s)
            scene.wait(strike.seconds)
        finally:
            _set(offset, 0)
        return f"{step_s:+,} s"


def _set(path: Path, seconds: int) -> None:
    with path.open("r+b") as file:  # in place: it is mapped
        file.write(struct.pack("<q", seconds * 1_000_000_000))


def _require_seen(scene: Scene, step_s: int) -> None:
    """Wait until the run's own time says so: a step that nobody sees proves nothing.

    Raises:
        StageError: It does not.
    """
    deadline_s = time.monotonic() + _SEEN_WITHIN_S
    while scene.snapshot is None or abs(scene.snapshot.time_s - time.time() - step_s) > STEP_S / 4:
        if time.monotonic() > deadline_s:
            raise StageError(f"clock: the run's clock did not step within {_SEEN_WITHIN_S:g} s")
        scene.wait(0.1)
