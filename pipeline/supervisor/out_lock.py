"""One run at a time may write to an output folder, and it ends with the last of its processes."""

import fcntl
import os
import time
from pathlib import Path

from pipeline.errors import ConfigError

_POLL_S = 0.05


class OutLock:
    """A lock on `run.log`.

    Children inherit `descriptor`, so a killed run whose sink still writes keeps the lock. A run
    that is resumed waits for that.

    Args:
        out: The run's output folder.
        timeout_s: How long another run's processes may take to leave.

    Raises:
        ConfigError: They did not leave.
    """

    def __init__(self, out: Path, *, timeout_s: float) -> None:
        self.descriptor = os.open(out / "run.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        deadline_s = time.monotonic() + timeout_s
        while not self._taken():
            if time.monotonic() > deadline_s:
                self.close()
                raise ConfigError(
                    f"--resume: expected an unfinished run, but one still writes to {out}; "
                    "wait for its end or stop it"
                )
            time.sleep(_POLL_S)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go."""
        os.close(self.descriptor)
