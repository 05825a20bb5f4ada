"""Regions that show the same as the one before: they are one scene and count once.

A still camera sends the same picture a hundred times; a hundred audits of it know no more than one.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation.observation import Observation
from dart_stream.exit_table import ExitTable

_CONFIDENCE: Final = 0.02
_RELATIVE, _ABSOLUTE = 0.02, 0.002
"""How far parts may lie apart: 2 % of themselves and a little, which is a camera's noise."""

_MEMORY: Final = 500.0
"""Regions over which the share of repeats is averaged."""


class Scene(msgspec.Struct, forbid_unknown_fields=True):
    """The first region of a scene.

    Attributes:
        label_id: of exit 0.
        confidence: of exit 0.
        parts: of the pixels.
        audited: whether some region of the scene has been audited.
    """

    label_id: int
    confidence: float
    parts: tuple[float, float, float]
    audited: bool = False


class Scenes(msgspec.Struct, forbid_unknown_fields=True):
    """The scene that each source shows.

    Attributes:
        shown: by source.
        repeats: share of regions of late that showed nothing new.
    """

    shown: dict[str, Scene] = {}
    repeats: float = 0.0

    def is_new(self, seen: Observation) -> bool:
        """Say whether the region begins a scene."""
        scene = self.shown.get(seen.source)
        shown = Scene(seen.first_label_id, seen.first_confidence, seen.parts)
        if scene is not None and _alike(scene, shown):
            self.repeats += (1.0 - self.repeats) / _MEMORY
            return False
        self.repeats -= self.repeats / _MEMORY
        self.shown[seen.source] = shown
        return True

    def is_first_audit(self, source: str) -> bool:
        """Say whether the scene had no audit yet; from now on it has."""
        scene = self.shown[source]
        first = not scene.audited
        scene.audited = True
        return first


def scene_starts(table: ExitTable) -> NDArray[np.bool_]:
    """Tell which pictures of footage begin a scene, (N,).

    Args:
        table: of pictures of one source in the order of time, with `parts`.
    """
    assert table.parts is not None, "recorded from pixels"
    starts = np.ones(len(table), np.bool_)
    shown: Scene | None = None
    labels, confidences = table.answers[:, 0].tolist(), table.confidence[:, 0].tolist()
    for index, parts in enumerate(table.parts.tolist()):
        new = Scene(labels[index], confidences[index], tuple(parts))
        starts[index] = shown is None or not _alike(shown, new)
        if starts[index]:
            shown = new
    return starts


def _alike(scene: Scene, other: Scene) -> bool:
    if scene.label_id != other.label_id:
        return False
    if abs(scene.confidence - other.confidence) > _CONFIDENCE:
        return False
    old, new = scene.parts, other.parts
    return (
        abs(old[0] - new[0]) <= _RELATIVE * old[0] + _ABSOLUTE
        and abs(old[1] - new[1]) <= _RELATIVE * old[1] + _ABSOLUTE
        and abs(old[2] - new[2]) <= _RELATIVE * old[2] + _ABSOLUTE / 10
    )
