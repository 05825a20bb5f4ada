"""Entry point of a child process: `python -m pipeline.child ROLE NAME`.

The first line on standard input is the child's spec. Standard input then stays open for as long as
the supervisor lives: when it closes, the child ends, so nothing is ever orphaned.
"""

import logging
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec

from pipeline.errors import StageError, UserError
from pipeline.heap import tidy_until
from pipeline.roles.registry import role_of, run_role
from pipeline.specs import AnySpec
from pipeline.transport import new_context

_GRACE_S = 3.0
"""From the supervisor's death to a hard end; a stuck decoder cannot hold the child longer."""

_ORPHANED_WITHIN_S = 0.5
"""Standard input closes a moment before the operating system names another parent."""

log = logging.getLogger("pipeline.child")


def main() -> int:
    """Run one role; the exit status is 0, 1 if it failed, 2 if what the user gave is wrong."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C reaches the whole terminal; the supervisor alone decides what it means.
        signal.signal(number, signal.SIG_IGN)
    # Classes of the user's own come from there, and never shadow ours or the library's.
    sys.path.append(str(Path.cwd()))
    line = sys.stdin.buffer.readline()
    if not line:
        return 1  # the supervisor died before it said what to do
    spec = msgspec.json.decode(line, type=AnySpec)
    stopping = threading.Event()
    threading.Thread(target=_watch_parent, args=(spec, stopping), daemon=True).start()
    threading.Thread(target=tidy_until, args=(stopping,), daemon=True).start()
    context = new_context()
    try:
        run_role(spec, context, stopping)
    except UserError as error:
        log.error("%s", error)  # noqa: TRY400  # a line for a person
        return 2
    except StageError as error:
        log.error("%s", error)  # noqa: TRY400  # likewise
        return 1
    except Exception:
        log.exception("%s %s failed", role_of(spec), spec.name)
        return 1
    finally:
        context.destroy()  # every socket was closed with a linger of its own
        if stopping.is_set():
            _remove_sockets_of_the_dead(spec)
            os._exit(0)  # to unload torch in good order takes longer than a killed run may
    return 0


def _watch_parent(spec: AnySpec, stopping: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    stopping.set()
    timer = threading.Timer(_GRACE_S, os._exit, args=(3,))
    timer.daemon = True
    timer.start()
    _remove_sockets_of_the_dead(spec)


def _remove_sockets_of_the_dead(spec: AnySpec) -> None:
    """A supervisor that was killed cannot do it; one that lives and lets go will."""
    deadline_s = time.monotonic() + _ORPHANED_WITHIN_S
    while os.getppid() == spec.supervisor_pid:
        if time.monotonic() > deadline_s:
            return
        time.sleep(0.01)
    for folder in (spec.run_folder, spec.frames_folder):
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
