"""What a run said of its own disagreement while it ran, and which answers it said it of."""

import dataclasses
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.messages import Count
from pipeline.recording.source_names import source_names
from pipeline.verify.run_files import Answers, Ints, key_of

FULL: Final = "full"
_UNCHECKED: Final = -2
_NOWHERE: Final = 1 << 16
"""Number of a source that no answer is of."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One snapshot's evidence.

    Attributes:
        upper: bound on the share of the early answers that differ.
        confidence: of the bound.
        begin: the evidence begins with this one of `Claims.rows`.
        end: and ends before this one.
    """

    upper: float
    confidence: float
    begin: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """All that a recording says.

    Attributes:
        rows: of the answers in the order in which adaptation learned from them; -1 for one that
            the results lack, -2 for one that was not checked. Sources that always run to full depth
            are not among them.
        claims: in order; snapshots at full depth claim nothing.
        unplaced: further claims, of answers that the recording does not hold.
        whole_since: from this one of `rows` on, nothing is missing.
        early: for each answer, whether an exit may have given it: no policy, and no setting of its
            source, sent it to full depth.
        by_hand: for each answer, whether a person held or chose the policy that decided.
        adapted: whether anything promised to keep the limit.
        limits: on the share of answers that differ, that were in force, rising; empty without
            adaptation.
    """

    rows: Ints
    claims: list[Claim]
    unplaced: int
    whole_since: int
    early: NDArray[np.bool_]
    by_hand: NDArray[np.bool_]
    adapted: bool
    limits: list[float]

    def place(self, window: int) -> slice | None:
        """Where in `rows` the evidence of the last `window` regions lies; None if not all is there.

        Args:
            window: regions since it began, at the end of the run.
        """
        begin = len(self.rows) - window
        return None if begin < self.whole_since else slice(begin, len(self.rows))

    def only(self, checked: NDArray[np.bool_], *, are_all: bool = True) -> "Claims":
        """The same claims beside some of the answers.

        Args:
            checked: for each answer, whether it is one of them.
            are_all: the results are whole, so that what they lack was never answered.
        """
        place = np.where(checked, np.cumsum(checked) - 1, _UNCHECKED)
        lacking = self.rows if are_all else _UNCHECKED
        rows = np.where(self.rows >= 0, place[self.rows], lacking)
        early, by_hand = self.early[checked], self.by_hand[checked]
        return dataclasses.replace(self, rows=rows, early=early, by_hand=by_hand)

    @property
    def is_unchecked(self) -> NDArray[np.bool_]:
        """For each of `rows`, whether its answer was not checked."""
        unchecked: NDArray[np.bool_] = self.rows == _UNCHECKED
        return unchecked


def no_claims(answers: Answers) -> Claims:
    """Of a run without a recording."""
    return read_claims((), answers, [], {})


def read_claims(
    telemetry: Iterable[dict[str, Any]],
    answers: Answers,
    sources: Sequence[str],
    always_full: Mapping[str, Sequence[range]],
    complaints: Sequence[str] = (),
) -> Claims:
    """Read the claims out of a recording.

    Args:
        telemetry: its records.
        answers: of the run.
        sources: names by the number that answers have, in the order of the configuration as far
            as this has them.
        always_full: by name, the frames that adaptation does not see; what policies say of a name
            counts where this says nothing.
        complaints: grow while records are taken, where some cannot be read.
    """
    reading = _Reading(sources, always_full)
    known = 0
    for note in telemetry:
        if len(complaints) > known:
            known = len(complaints)
            reading.break_off()
        reading.take(note)
    if len(complaints) > known:
        reading.break_off()
    return reading.claims(answers)


class _Said(msgspec.Struct, frozen=True):
    """What of a snapshot's `adaptation` is a claim."""

    window: Count = 0
    estimate: float | None = None
    upper: Annotated[float, Meta(ge=0, le=1)] | None = None
    confidence: Annotated[float, Meta(gt=0, lt=1)] = 0.95


class _Snapshot(msgspec.Struct, frozen=True):
    adaptation: _Said | None = None


class _Reading:
    """Follows a recording as the adapter went: what it learned from, who decided, what was said."""

    def __init__(self, sources: Sequence[str], always_full: Mapping[str, Sequence[range]]) -> None:
        self._numbers = {name: number for number, name in enumerate(sources)}
        self._unseen = {
            self._numbers[name]: stretches
            for name, stretches in always_full.items()
            if name in self._numbers
        }
        self._recorded = list(range(len(sources)))
        """Numbers of sources by the number that the recording has by now."""
        self._learned, self._steered = array("q"), array("q")
        self._claims: list[Claim] = []
        self._unplaced = self._whole_since = 0
        self._counted: int | None = None
        """Regions that the controller has learned from, as it counts them."""
        self._full: set[int] = set()
        self._full_rows: dict[int, set[int]] = {}
        self._limits: set[float] = set()
        self._adapted = self._is_held = False
        self._in_force = -1
        self._chosen_by_hand: set[int] = set()

    def take(self, note: dict[str, Any]) -> None:
        """Take the next record."""
        names = source_names(note)
        if names is not None:
            self._recorded = [self._numbers.get(name, _NOWHERE) for name in names]
        match note["kind"]:
            case "batch":
                self._take_batch(note["policy_version"], note["regions"])
            case "adapter":
                self._take_adapter(note["state"])
            case "policy":
                self._take_policy(note)
            case "snapshot":
                self._take_snapshot(note.get("snapshot"))
            case "retune":
                self._limits.add(note["settings"]["epsilon"])
            case "hold":
                self._is_held = True
                self._chosen_by_hand.add(self._in_force)
            case "reset" if note.get("source") is None:
                self._is_held = False
            case "gap":
                self.break_off()

    def break_off(self) -> None:
        """Records are missing here."""
        self._whole_since = len(self._learned)

    def claims(self, answers: Answers) -> Claims:
        """All of it, once everything is read."""
        by_hand = np.zeros(len(answers), np.bool_)
        steered = _rows_of(self._steered, answers)
        by_hand[steered[steered >= 0]] = True
        return Claims(
            _rows_of(self._learned, answers),
            self._claims,
            self._unplaced,
            self._whole_since,
            self._early(answers),
            by_hand,
            self._adapted,
            sorted(self._limits),
        )

    def _take_batch(self, version: int, regions: list[list[int]]) -> None:
        if not self._is_held and version == self._in_force:
            self._chosen_by_hand.discard(version)  # it was let go on and kept this one
        by_hand = version in self._chosen_by_hand
        keys = self._keys_of_seen(regions)
        if by_hand:
            self._steered.extend(keys)
        if self._is_held and version != self._in_force:
            return  # they say nothing about the policy that is held
        self._learned.extend(keys)
        if self._counted is not None and not self._is_held:
            self._counted += len(keys)

    def _keys_of_seen(self, regions: list[list[int]]) -> list[int]:
        keys = []
        for recorded, frame, region in regions:
            known = recorded < len(self._recorded)
            source = self._recorded[recorded] if known else _NOWHERE
            if not any(frame in stretch for stretch in self._unseen.get(source, ())):
                keys.append(key_of(source, frame, region))
        return keys

    def _take_adapter(self, state: dict[str, Any] | None) -> None:
        """A segment, or a part of a run that was resumed, begins with where the adapter stood."""
        self._adapted, self._is_held = True, False
        state = state or {}
        if "settings" in state:
            self._limits.add(state["settings"]["epsilon"])
        counted = _regions_of(state)
        if counted is None or counted != self._counted:
            self.break_off()
        self._counted = counted

    def _take_policy(self, note: dict[str, Any]) -> None:
        version = note["version"]
        if _is_full(note["body"]):
            self._full.add(version)
        for name, body in note.get("rows", {}).items():
            number = self._numbers.get(name, _NOWHERE)
            if _is_full(body) and number not in self._unseen:
                self._full_rows.setdefault(number, set()).add(version)
        if self._is_held:
            self._chosen_by_hand.add(version)
        self._in_force = version

    def _take_snapshot(self, body: Any) -> None:
        try:
            said = msgspec.convert(body, _Snapshot).adaptation
        except msgspec.ValidationError:
            return  # of another version
        if said is None or said.upper is None or said.estimate is None:
            return
        end = len(self._learned)
        begin = end - said.window
        if begin < self._whole_since:
            self._unplaced += 1
        else:
            self._claims.append(Claim(said.upper, said.confidence, begin, end))

    def _early(self, answers: Answers) -> NDArray[np.bool_]:
        early = ~np.isin(answers.policy_version, sorted(self._full))
        for number, stretches in self._unseen.items():
            for frames in stretches:
                inside = (answers.frame >= frames.start) & (answers.frame < frames.stop)
                early &= ~(inside & (answers.source == number))
        for number, versions in self._full_rows.items():
            row = np.isin(answers.policy_version, sorted(versions))
            early &= ~(row & (answers.source == number))
        return early


def _is_full(body: dict[str, Any]) -> bool:
    inner = body.get("policy") or body  # what decides where no class is always full
    return bool(inner["kind"] == FULL)


def _regions_of(state: dict[str, Any]) -> int | None:
    """How many regions a controller says that it has learned from."""
    for key in ("controller", "memory", "regions"):
        found = state.get(key)
        if key == "regions" and isinstance(found, int):
            return found
        state = found if isinstance(found, dict) else {}
    return None


def _rows_of(learned: "array[int]", answers: Answers) -> Ints:
    if not learned:
        return np.empty(0, np.int64)
    keys, known = np.frombuffer(learned, np.int64), answers.keys
    order = np.argsort(known)
    place = np.searchsorted(known, keys, sorter=order).clip(max=len(known) - 1)
    rows = order[place]
    return np.where(known[rows] == keys, rows, -1)
