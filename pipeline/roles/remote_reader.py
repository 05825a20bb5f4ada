"""A reader whose hub is on another host: asks what to do, then reads as any other."""

import logging
import os
import secrets
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import cv2
import msgspec

from pipeline.config import CustomRegions, SourceConfig
from pipeline.curve import ReaderKeys
from pipeline.errors import ConfigError, SourceError, StageError, UserError
from pipeline.messages import Assignment, Counters, Hello, Join, SourceEnded, TurnedAway
from pipeline.one_line import one_line, visible
from pipeline.readers import Backoff, check_source, open_reader
from pipeline.remote_address import lookup_trouble
from pipeline.remote_transport import HubLostError, RemoteLink
from pipeline.roles.reader import ReaderLoop, end_confirmed
from pipeline.specs import ReaderSpec, RemoteReaderSpec
from pipeline.transport import Context

_JOIN_TIMEOUT_S: Final = 10.0
_PATIENCE_MS: Final = 200
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 5.0
_Joined = tuple[RemoteLink, Assignment, str]
"""A connection, what it was told to do, and its name."""

log = logging.getLogger(__name__)


def run_remote_reader(spec: RemoteReaderSpec, context: Context, stopping: threading.Event) -> None:
    """Read one source to its end for a hub that may come and go until this incarnation begins.

    Args:
        spec: Which source, and where the hub is.
        context: ZeroMQ context to connect with.
        stopping: Leave; another reader may come for the source.

    Raises:
        UserError: The hub refuses this source, or it cannot be read here, and the hub knows.
        StageError: The hub was lost, or wants no more; its successor may be wanted again.
    """
    # OpenCV would otherwise cut one region with all cores, which the other readers need.
    cv2.setNumThreads(1)
    joined = _join(spec, context, stopping)
    if joined is None:
        return
    link = joined[0]
    try:
        link.send(Hello("reader", spec.name, os.getpid()))
        is_end_confirmed = _read(joined, spec, stopping)
    except HubLostError as error:
        link.close(hub_listens=False)
        raise StageError(f"hub {spec.endpoint} is lost: {error}") from error
    except BaseException:
        link.leave()
        raise
    link.leave()
    if link.ended is None:
        return
    if link.ended.reason == "stopped":
        raise StageError(f"source {spec.name} has ended: stopped by its hub")
    if not is_end_confirmed:
        raise StageError(f"hub {spec.endpoint} has not confirmed the end of {spec.name}")


def _read(joined: _Joined, spec: RemoteReaderSpec, stopping: threading.Event) -> bool:
    """Read to the end; whether the hub has confirmed it.

    Raises:
        UserError: As for `run_remote_reader`.
    """
    link, answer, identity = joined
    with ExitStack() as until_all_is_said:
        try:
            task = reader_spec(spec, answer, identity, ahead_ns=link.ahead_ns)
            loop = until_all_is_said.enter_context(closing(ReaderLoop(task, link, stopping)))
            loop.run()
        except UserError as error:
            _give_up(link, spec, answer, error, stopping)
            raise
    return loop.is_end_confirmed


def _give_up(
    link: RemoteLink,
    spec: RemoteReaderSpec,
    answer: Assignment,
    error: UserError,
    stopping: threading.Event,
) -> None:
    """Tell the hub that the source has ended: no other reader of it would do better.

    Raises:
        StageError: The hub does not confirm it.
    """
    account = _account_before(answer) if link.account is None else link.account
    link.send(SourceEnded(spec.name, visible(str(error)), account, ok=False))
    if not end_confirmed(link, stopping):
        raise StageError(f"{error}; hub {spec.endpoint} has not confirmed this end") from error


def _account_before(answer: Assignment) -> Counters:
    """What the hub has of the source."""
    try:
        return msgspec.convert(answer.spec.get("counters", []), Counters)
    except msgspec.ValidationError:
        return Counters()


def _join(spec: RemoteReaderSpec, context: Context, stopping: threading.Event) -> _Joined | None:
    """Try until the hub gives us the source; None if we are to leave or the source has ended.

    What is in the way is said once, and again when it is something else.
    """
    keys = None if spec.keys is None else ReaderKeys.load(Path(spec.keys))
    is_live = open_reader(SourceConfig(uri=spec.uri)).live
    said, backoff = "", Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
    while not stopping.is_set():
        trouble = lookup_trouble(spec.endpoint)
        if trouble is None:
            identity = f"reader/{spec.name}#{secrets.token_hex(8)}"
            link = RemoteLink(context, spec.endpoint, identity, keys)
            joined = _try(link, spec, identity, stopping, is_live=is_live)
            if not isinstance(joined, str):
                return joined
            trouble = joined
        if trouble != said:
            log.warning("hub %s: %s; trying again", spec.endpoint, trouble)
            said = trouble
        stopping.wait(backoff.next(0.0))
    return None


def _try(
    link: RemoteLink,
    spec: RemoteReaderSpec,
    identity: str,
    stopping: threading.Event,
    *,
    is_live: bool,
) -> _Joined | str | None:
    """Join once; words if another connection may do better, None as for `_join`.

    Raises:
        UserError: As for `_join`.
    """
    try:
        answer = _ask(link, Join(spec.name, spec.owner, is_live), stopping)
        if isinstance(answer, Assignment):
            # From here on times can be told by the hub's clock.
            link.timeout_s = answer.timeout_s
            link.settle_clock(_JOIN_TIMEOUT_S, stopping)
            log.info("reading for hub %s", spec.endpoint)
            return link, answer, identity
    except HubLostError as error:
        link.close(hub_listens=False)
        return str(error)
    except BaseException:
        link.leave()
        raise
    link.close(hub_listens=False)
    if answer is None or (answer.kind == "ended" and not is_live):
        return None
    # What another host says must not steer the terminal here, nor fill a disk.
    trouble = one_line(answer.reason)
    if answer.kind == "refused":
        raise ConfigError(f"hub {spec.endpoint}: {trouble}")
    return trouble


def _ask(link: RemoteLink, join: Join, stopping: threading.Event) -> Assignment | TurnedAway | None:
    """The hub's answer; None if we are to leave.

    Raises:
        HubLostError: There is none.
    """
    link.send(join)
    deadline_s = time.monotonic() + _JOIN_TIMEOUT_S
    while not stopping.is_set():
        received = link.receive(_PATIENCE_MS)
        if received is not None and isinstance(received[0], Assignment | TurnedAway):
            return received[0]
        if time.monotonic() > deadline_s:
            raise HubLostError("no answer")
    return None


def reader_spec(
    spec: RemoteReaderSpec, answer: Assignment, identity: str, *, ahead_ns: int = 0
) -> ReaderSpec:
    """What the hub wants, with what is this host's own matter.

    Args:
        spec: Of this host.
        answer: The hub's.
        identity: Of the connection.
        ahead_ns: How far the hub's monotonic clock is ahead of ours.

    Raises:
        UserError: The hub asks for what only this host may decide, or for what this source cannot.
    """
    own = {
        "name": spec.name,
        "identity": identity,
        "endpoint": spec.endpoint,
        "run_folder": None,
        "supervisor_pid": spec.supervisor_pid,
        "decode_threads": spec.decode_threads,
        # Whoever has taken over the hub's host could otherwise have files written here.
        "frames_folder": None,
        "ring_slots": 0,
    }
    try:
        task = msgspec.convert({**answer.spec, **own, "type": "ReaderSpec"}, ReaderSpec)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"hub {spec.endpoint}: expected settings that this version knows, got "
            f"{one_line(str(error))}; install the same version on both hosts"
        ) from error
    source = task.source
    is_class = source.reader is not None or isinstance(source.regions, CustomRegions)
    if is_class or source.options:
        # Whoever has taken over the hub's host would otherwise choose what is imported here, or
        # how large pictures are made.
        raise ConfigError(
            f"hub {spec.endpoint}: expected regions `frame` or `zones`, and no reader or options "
            f"for {spec.name}, got {'a class' if is_class else 'options'}; a hub names none on "
            "other hosts"
        )
    source = msgspec.structs.replace(source, uri=spec.uri, live=None)
    _check_here(source)
    last_ns = task.resume_mono_ns
    return msgspec.structs.replace(
        task, source=source, resume_mono_ns=None if last_ns is None else last_ns - ahead_ns
    )


def _check_here(source: SourceConfig) -> None:
    try:
        check_source(source)
    except SourceError:
        if not open_reader(source).live:
            raise
        # A camera that was there at the command's start is awaited, as by any reader of a run.
