"""Readers on this host for a hub on another: a process a source, started again while it goes on."""

import contextlib
import logging
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.hearsay import hearsay
from pipeline.readers import Backoff
from pipeline.specs import RemoteReaderSpec
from pipeline.supervisor.children import ChildProcess

_COMPLETE, _USER_ERROR, _INTERRUPTED = 0, 2, 130
"""Exit statuses; with any other, a process is started again."""
_TURN_S: Final = 0.1
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 10.0
_STEADY_S: Final = 60.0
"""One that has lived so long is started again at once."""
_LEAVE_S: Final = 4.0
_MAX_LINE: Final = 4_000
"""Characters; a line may quote what the hub or a camera said."""

log = logging.getLogger(__name__)


class _Reading:
    """One source: its process, or when the next one is due."""

    def __init__(self, spec: RemoteReaderSpec) -> None:
        self.spec = spec
        self.child: ChildProcess | None = None
        self.due_s = 0.0
        self.exit_status: int | None = None
        """Of the source; None while it goes on."""
        self._backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
        self._born_s = 0.0
        self._is_told = False
        """That there is no room for its process, since the last one."""

    def start(self, now_s: float) -> None:
        """Start a process; one for which the system has no room now is due again."""
        try:
            self.child = ChildProcess(self.spec)
        except OSError as error:
            self.due_s = now_s + self._backoff.next(0.0)
            if not self._is_told:
                why = error.strerror or error
                log.warning("%s: cannot be started: %s; trying again", self.spec.name, why)
            self._is_told = True
            return
        self._is_told = False
        self._born_s = now_s

    def bury(self, now_s: float) -> None:
        """Its process has ended: so has the source, or another one is due."""
        if self.child is None:
            return
        status = self.child.exit_status
        self.child.close()
        self.child = None
        if status in {_COMPLETE, _USER_ERROR}:
            self.exit_status = status
            return
        lived_s = now_s - self._born_s
        self.due_s = now_s + self._backoff.next(lived_s if lived_s > _STEADY_S else 0.0)


class ReaderHost:
    """All sources of this host.

    Args:
        hub: Its address.
        keys: Folder of this host's keys; None where the hub has none.
        uris: By the hub's name for the source.
        cores: Of this host, shared by the decoders.
    """

    def __init__(self, hub: str, keys: Path | None, uris: Mapping[str, str], *, cores: int) -> None:
        owner = secrets.token_hex(8)
        self._readings = [
            _Reading(
                RemoteReaderSpec(
                    name=name,
                    identity=f"reader/{name}",
                    endpoint=hub,
                    run_folder=None,
                    supervisor_pid=os.getpid(),
                    uri=uri,
                    keys=None if keys is None else str(keys),
                    decode_threads=max(1, cores // len(uris)),
                    owner=owner,
                )
            )
            for name, uri in uris.items()
        ]
        self._interrupts = 0

    @contextlib.contextmanager
    def interrupts(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM say goodbye to the hub; a second one does not wait for it."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._interrupt) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self) -> int:
        """Read until every source has ended or until interrupted; returns the exit status."""
        try:
            while not self._interrupts and any(r.exit_status is None for r in self._readings):
                self._turn()
                time.sleep(_TURN_S)
        finally:
            self._leave()
        if self._interrupts:
            return _INTERRUPTED
        return max(reading.exit_status or _COMPLETE for reading in self._readings)

    def _interrupt(self, *_: object) -> None:
        self._interrupts += 1

    def _turn(self) -> None:
        now_s = time.monotonic()
        for reading in self._readings:
            child = reading.child
            if child is not None:
                _say(child)
                if not child.is_alive:
                    _say(child)
                    reading.bury(now_s)
            elif reading.exit_status is None and now_s >= reading.due_s:
                reading.start(now_s)

    def _leave(self) -> None:
        children = [r.child for r in self._readings if r.child is not None]
        for child in children:
            child.release()
        deadline_s = time.monotonic() + _LEAVE_S
        while any(child.is_alive for child in children):
            if time.monotonic() > deadline_s or self._interrupts > 1:
                break
            time.sleep(_TURN_S)
        for child in children:
            _say(child)
            if child.is_alive:
                child.kill()
            child.close()


def _say(child: ChildProcess) -> None:
    for line in child.read_log():
        log.info("%s: %s", child.spec.name, hearsay(line, _MAX_LINE))
