"""What a run said of its own disagreement while it ran, and which answers it said it of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline.verify.run_files import Answers, Ints, keys_of

FULL: Final = "full"


@dataclass(frozen=True, slots=True)
class Claim:
    """One snapshot's evidence.

    Attributes:
        estimate: share of the early answers that differ.
        upper: its bound.
        confidence: of the bound.
        begin: the evidence begins with this one of `Claims.rows`.
        end: and ends before this one.
    """

    estimate: float
    upper: float
    confidence: float
    begin: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """All that a recording says.

    Attributes:
        rows: of the answers in the order in which adaptation learned from them; -1 for one that
            the results lack. Sources that always run to full depth are not among them.
        claims: in order; snapshots at full depth claim nothing.
        full_versions: numbers of the policies that send everything to full depth.
        adapted: whether anything promised to keep the limit.
    """

    rows: Ints
    claims: list[Claim]
    full_versions: frozenset[int]
    adapted: bool


def read_claims(
    telemetry: Iterable[dict[str, Any]], answers: Answers, always_full: frozenset[int]
) -> Claims:
    """Read the claims out of a recording.

    Args:
        telemetry: its records.
        answers: of the run.
        always_full: numbers of the sources that adaptation does not see.
    """
    learned: list[list[int]] = []
    claims: list[Claim] = []
    full: set[int] = set()
    adapted = False
    for note in telemetry:
        if note["kind"] == "batch":
            learned += [region for region in note["regions"] if region[0] not in always_full]
        elif note["kind"] == "adapter":
            adapted = True
        elif note["kind"] == "policy":
            body = note["body"]
            if body.get("policy", body).get("kind") == FULL:
                full.add(note["version"])
        elif note["kind"] == "snapshot":
            said = note["snapshot"].get("adaptation") or {}
            if said.get("upper") is not None and said.get("estimate") is not None:
                end = len(learned)
                begin = max(0, end - said["window"])
                claims.append(
                    Claim(said["estimate"], said["upper"], said["confidence"], begin, end)
                )
    return Claims(_rows_of(learned, answers), claims, frozenset(full), adapted)


def _rows_of(learned: list[list[int]], answers: Answers) -> Ints:
    if not learned:
        return np.empty(0, np.int64)
    source, frame, region = np.array(learned, np.int64).T
    keys, known = keys_of(source, frame, region), answers.keys
    order = np.argsort(known)
    place = np.searchsorted(known, keys, sorter=order).clip(max=len(known) - 1)
    rows = order[place]
    return np.where(known[rows] == keys, rows, -1)
