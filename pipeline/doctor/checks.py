"""All checks, in the order in which they are shown."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.doctor import compute, limits, machine, media, software
from pipeline.doctor.check import Check


def examine(model: str) -> Iterator[Check]:
    """Look at one thing after the other; the slow ones come last.

    Args:
        model: Zoo name or directory of the model that must load.
    """
    looks: list[tuple[str, Callable[[], Check]]] = [
        ("python", software.python),
        ("packages", software.packages),
        ("cores", machine.cores),
        ("memory", machine.memory),
        ("memory limit", limits.memory_limit),
        ("processes", limits.processes),
        ("shared memory", machine.shared_memory),
        ("shared frames", limits.shared_frames),
        ("open files", machine.open_files),
        ("sockets", machine.sockets),
        ("disk", lambda: machine.disk(Path.cwd())),
        ("clock", machine.clock),
        ("clock sync", limits.clock_sync),
        ("terminal", machine.terminal),
        ("codecs", media.codecs),
        ("webcams", media.webcams),
        ("power", media.power),
        ("torch", compute.torch_device),
        ("bf16", compute.bf16),
        ("model", lambda: compute.model_runs(model)),
    ]
    for what, look in looks:
        yield _guarded(what, look)


def _guarded(what: str, look: Callable[[], Check]) -> Check:
    """A look that breaks is a finding, too; the others still count."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  # a broken library may raise anything
        return Check(what, f"{type(error).__name__}: {error}", "fail", "-")
