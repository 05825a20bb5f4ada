"""Keys of a terminal, one by one, without waiting and without an echo."""

import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from typing import Self

_READ = 1_024
_ESCAPE = "\x1b"


class Keyboard:
    """Reads keys from a terminal; gives it back as it was on leaving.

    Args:
        descriptor: Of the terminal. Opened anew by its name, since a child has no terminal of its
            own; its signals (Ctrl-C) stay with whoever has.

    Raises:
        OSError: it is no terminal.
    """

    def __init__(self, descriptor: int) -> None:
        path = os.ttyname(descriptor)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._before = termios.tcgetattr(self._descriptor)

    def __enter__(self) -> Self:
        tty.setcbreak(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        os.close(self._descriptor)

    def fileno(self) -> int:
        """Readable when a key was pressed."""
        return self._descriptor

    def pressed(self) -> list[str]:
        """Keys since; arrows and the like are left out."""
        try:
            text = os.read(self._descriptor, _READ).decode("utf-8", "ignore")
        except OSError:
            return []
        return [] if text.startswith(_ESCAPE) else [key for key in text if key.isprintable()]


@contextlib.contextmanager
def keyboard_if_any(descriptor: int) -> Iterator[Keyboard | None]:
    """A keyboard, or None where there is no terminal to read from."""
    try:
        keyboard = Keyboard(descriptor)
    except (OSError, termios.error):
        yield None
        return
    with keyboard:
        yield keyboard


@contextlib.contextmanager
def terminal_kept(descriptor: int) -> Iterator[None]:
    """Put the terminal right on leaving, whatever a killed screen has left."""
    try:
        before = termios.tcgetattr(descriptor)
    except (OSError, termios.error):
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
            os.write(descriptor, b"\x1b[?1049l\x1b[?25h\x1b[0m")
