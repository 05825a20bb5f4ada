"""Multiply-accumulates of a model's parts, and what leaving at an exit costs."""

import msgspec


class Macs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Multiply-accumulates for one region, per stage and per head.

    Attributes:
        stages: `stages[k]` of stage k.
        heads: `heads[k]` of the head behind it.
    """

    stages: list[int]
    heads: list[int]

    def cumulative(self) -> list[int]:
        """MACs spent by a region that leaves at exit k: stages 0..k and every head on the way.

        The heads of earlier exits count: they ran before the region could be sent on.
        """
        spent, total = [], 0
        for stage, head in zip(self.stages, self.heads, strict=True):
            total += stage + head
            spent.append(total)
        return spent

    def plain(self) -> int:
        """MACs of the network without early exits: all stages and the last head."""
        return sum(self.stages) + self.heads[-1]
