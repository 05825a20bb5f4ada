"""The stretches of a stream, and where the world changes."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.perturb import Choice, Phase, parse_schedule


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of regions of one phase.

    Attributes:
        begin: number of its first region in the stream.
        count: regions.
        phase: what happens to them.
        changes: whether the world is another than just before; False for the first.
    """

    begin: int
    count: int
    phase: Phase
    changes: bool

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return self.phase.name

    @property
    def end(self) -> int:
        """Number of the region after its last."""
        return self.begin + self.count

    @property
    def is_clean(self) -> bool:
        """Whether pictures come as they are and in no particular order or mix."""
        return self.phase.is_clean and not self.phase.choices

    def choice(self, name: str) -> Choice | None:
        """The choice of pictures of that name, if the phase has it."""
        return next((choice for choice in self.phase.choices if choice.name == name), None)


def read_segments(schedule: str, classes: Sequence[str]) -> tuple[Segment, ...]:
    """Cut a stream into segments.

    Args:
        schedule: see `pipeline.perturb`; here every phase needs its count.
        classes: of the model.

    Raises:
        ConfigError: the schedule cannot be read, its last phase has no count, or it names a class
            that the model does not know.
    """
    segments: list[Segment] = []
    begin, before = 0, None
    for phase in parse_schedule(schedule):
        if phase.count is None:
            raise ConfigError(
                f"--schedule: expected a count of regions in {phase.name!r}, got none; "
                f"write {phase.name}:4000"
            )
        for choice in phase.choices:
            _require_classes(choice, classes)
        what = (phase.alternatives, phase.choices)
        segments.append(Segment(begin, phase.count, phase, before not in (None, what)))
        begin, before = begin + phase.count, what
    return tuple(segments)


def _require_classes(choice: Choice, classes: Sequence[str]) -> None:
    for name in choice.arguments:
        if name not in classes:
            near = difflib.get_close_matches(name, classes, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            shown = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
            raise ConfigError(
                f"--schedule: expected classes of the model in {choice.name}(...), {shown}; "
                f"got {name!r}{hint}"
            )
