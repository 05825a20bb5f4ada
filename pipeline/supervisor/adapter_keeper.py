"""What adaptation leaves on disk: its state, and the number of the policy in force.

The state is saved with each new policy, every minute and at the end: a run that is killed in a
strange world must not go on as if it were at home.
"""

import contextlib
import logging
from pathlib import Path
from typing import Any, Final

import msgspec

from dart_stream.errors import DataError
from pipeline.stages.hub import Hub

STATE: Final = "adapter.mpk"
NUMBER: Final = "policy_version"
SAVE_INTERVAL_S: Final = 60.0
MAX_STATE_BYTES: Final = 64 << 20
MAX_NUMBER: Final = 1 << 52

log = logging.getLogger(__name__)


class AdapterKeeper:
    """Saves and restores the adapter of a hub; does nothing for a hub without one.

    Args:
        hub: Whose adapter it is.
        out: Folder of the run.
        state: File that outlives the run; None keeps it in `out`.
    """

    def __init__(self, hub: Hub, out: Path, state: str | None) -> None:
        self._hub = hub
        self._number = out / NUMBER
        self._state = out / STATE if state is None else Path(state)
        self._saved_s: float | None = None
        self._is_broken = False

    def restore(self) -> str | None:
        """Go on where an earlier run or part of this one stopped; returns what a log may say."""
        adapter = self._hub.policies.adapter
        if adapter is None:
            return None
        words = None
        if self._state.exists():
            try:
                adapter.restore(read_state_file(self._state))
                words = f"adaptation goes on from {self._state}"
            except DataError as error:
                words = f"adaptation begins afresh: {self._state}: {error}"
        self._hub.policies.begin(_last_number(self._number) + 1)
        return words

    def number(self, version: int) -> None:
        """Remember the number of a policy before anybody names it."""
        if self._hub.policies.adapter is None:
            return
        content = f"{version}\n".encode()
        if not self._write(self._number, content):
            # A full disk has room for what replaces as much; a number never gets shorter.
            with contextlib.suppress(OSError), self._number.open("r+b") as stream:
                stream.write(content)

    def save_if_due(self, now_s: float) -> None:
        """Save once a minute.

        Args:
            now_s: Any clock that only goes forward.
        """
        if self._saved_s is None:
            self._saved_s = now_s
        if now_s - self._saved_s >= SAVE_INTERVAL_S:
            self._saved_s = now_s
            self.save()

    def save(self) -> None:
        """Write the state, whole or not at all; a frozen adapter's last sound one stays."""
        state = (
            None if self._hub.policies.adapter is None else self._hub.policies.adapter.to_state()
        )
        if state is not None:
            self._write(self._state, msgspec.msgpack.encode(state))

    def _write(self, path: Path, content: bytes) -> bool:
        """Whole or not at all; False if it could not be written."""
        partial = path.with_name(f"{path.name}.partial")
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as error:
            if not self._is_broken:
                log.warning("%s: %s; adaptation goes on unsaved", path, error.strerror)
            self._is_broken = True
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
        self._is_broken = False
        return True


def read_state_file(path: Path) -> Any:
    """Read a state, whatever it is.

    Raises:
        DataError: It cannot be read, is too large or no MessagePack.
    """
    try:
        if path.stat().st_size > MAX_STATE_BYTES:
            raise DataError(f"expected at most {MAX_STATE_BYTES} bytes")
        return msgspec.msgpack.decode(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DataError(f"expected MessagePack: {error}") from error


def _last_number(path: Path) -> int:
    """0 if there was none."""
    try:
        with path.open() as file:
            number = int(file.read(32))
    except (OSError, ValueError):
        return 0
    return number if 0 <= number < MAX_NUMBER else 0
