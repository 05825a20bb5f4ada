"""What adaptation is told of a batch, as bytes: the same ones are recorded and acted on.

An observation is made from the bytes and from nothing else, so that a recording gives the same
policies bit for bit. One region takes 36 bytes, and an audit six more per exit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from dart_stream.adaptation import Audit, Observation
from pipeline.messages import RegionResult

_REGION: Final = np.dtype(
    [
        ("source", "<u2"),
        ("exit", "u1"),
        ("audited", "u1"),
        ("label_id", "<u2"),
        ("first_label_id", "<u2"),
        ("confidence", "<f4"),
        ("first_confidence", "<f4"),
        ("difficulty", "<f4"),
        ("edges", "<f4"),
        ("variance", "<f4"),
        ("gradient", "<f4"),
        ("cost_share", "<f4"),
    ]
)
_LABEL, _CONFIDENCE = np.dtype("<u2"), np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Seen:
    """One batch.

    Attributes:
        regions: one entry a region, in the order of the batch.
        audit_label_ids: every exit's answer, of each audited region in turn.
        audit_confidences: likewise.
        probability: of the coin that chose the audits, in (0, 1]; 1 in a burst.
        time_ms: that one region took on average.
    """

    regions: bytes
    audit_label_ids: bytes
    audit_confidences: bytes
    probability: float
    time_ms: float

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[int, RegionResult]],
        *,
        probability: float,
        time_ms: float,
        full_macs: int,
    ) -> Self:
        """Pack the results of a batch.

        Args:
            rows: number of the source and answer, of each region. All answers say what exit 0 said.
            probability: of the coin.
            time_ms: of one region.
            full_macs: of the plain network.
        """
        packed = np.array(
            [
                (
                    source,
                    result.exit,
                    bool(result.exit_label_ids),
                    result.label_id,
                    result.first_label_id,
                    result.confidence,
                    result.first_confidence,
                    result.difficulty,
                    *(result.parts or ()),
                    result.macs / full_macs,
                )
                for source, result in rows
            ],
            dtype=_REGION,
        )
        audits = [result for _, result in rows if result.exit_label_ids]
        return cls(
            packed.tobytes(),
            np.array([result.exit_label_ids for result in audits], _LABEL).tobytes(),
            np.array([result.exit_confidences for result in audits], _CONFIDENCE).tobytes(),
            probability,
            time_ms,
        )

    def observations(self, sources: Sequence[str], num_exits: int) -> Iterator[Observation]:
        """Yield one observation a region, in the order of the batch.

        Args:
            sources: names by number.
            num_exits: of the model.
        """
        label_ids = np.frombuffer(self.audit_label_ids, _LABEL).reshape(-1, num_exits).tolist()
        confidences = (
            np.frombuffer(self.audit_confidences, _CONFIDENCE).reshape(-1, num_exits).tolist()
        )
        audits = iter(zip(label_ids, confidences, strict=True))
        for row in np.frombuffer(self.regions, _REGION).tolist():
            source, exit_index, audited, label, first_label, p, first_p, d, *parts, cost = row
            audit = None
            if audited:
                answers, sure = next(audits)
                audit = Audit(self.probability, tuple(answers), tuple(sure))
            yield Observation(
                sources[source],
                exit_index,
                label,
                p,
                first_p,
                first_label,
                d,
                (parts[0], parts[1], parts[2]),
                cost,
                audit,
                self.time_ms,
            )

    def to_note(self) -> dict[str, Any]:
        """What the recording keeps."""
        return {
            "kind": "seen",
            "regions": self.regions,
            "audit_label_ids": self.audit_label_ids,
            "audit_confidences": self.audit_confidences,
            "probability": self.probability,
            "time_ms": self.time_ms,
        }

    @classmethod
    def from_note(cls, note: dict[str, Any]) -> Self:
        """Read what `to_note` wrote."""
        return cls(
            note["regions"],
            note["audit_label_ids"],
            note["audit_confidences"],
            note["probability"],
            note["time_ms"],
        )
