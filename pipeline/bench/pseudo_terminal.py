"""A terminal that nobody looks at, so that the live screen draws at its full cost."""

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def standard_output_on_terminal(columns: int, rows: int) -> Iterator[None]:
    """Put this process's standard output, and that of its children, on a terminal of this size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    drain = threading.Thread(target=_drain, args=(master,), daemon=True)
    drain.start()
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(slave, 1)
    os.close(slave)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        # The last writer is gone now, which ends the draining thread.
        drain.join(timeout=5.0)
        os.close(master)


def _drain(master: int) -> None:
    # Linux ends a terminal without writers with an error.
    with contextlib.suppress(OSError):
        while os.read(master, 65_536):
            continue
