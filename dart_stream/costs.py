"""What a model's parts cost, in multiply-accumulates or in time, for choosing thresholds."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from dart_stream.difficulty import estimator_flops
from dart_stream.macs import Macs

NotNegative = Annotated[float, Meta(ge=0)]


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cost of one picture's way through a network, part by part.

    Attributes:
        stages: `stages[k]` of stage k.
        heads: `heads[k]` of the head behind it.
        estimator: of the difficulty, before stage 0; paid where difficulty is read, see `paid`.
        unit: of all of them: `macs`, or `ms` measured on some machine.
    """

    stages: list[NotNegative]
    heads: list[NotNegative]
    estimator: NotNegative = 0.0
    unit: Literal["macs", "ms"] = "macs"

    def __post_init__(self) -> None:
        if len(self.stages) != len(self.heads) or not self.stages:
            raise ValueError(
                "expected as many heads as stages, at least one, "
                f"got {len(self.stages)} stages and {len(self.heads)} heads"
            )
        if not self.plain() > 0:
            raise ValueError("expected a network that costs something, got 0")

    def plain(self) -> float:
        """The network without early exits: all stages and the last head."""
        return sum(self.stages) + self.heads[-1]

    def paid(self, *, reads_difficulty: bool) -> Self:
        """What a policy pays: the estimator only where it reads difficulty."""
        return self if reads_difficulty else msgspec.structs.replace(self, estimator=0.0)

    def up_to_exit(self, watched: Sequence[bool] | None = None) -> NDArray[np.float64]:
        """Spent by a picture that leaves at exit k, for each k.

        Args:
            watched: for each early exit whether its head runs; None runs all.
        """
        runs = [True] * (len(self.heads) - 1) if watched is None else list(watched)
        heads = np.where([*runs, True], self.heads, 0.0)
        spent: NDArray[np.float64] = self.estimator + np.cumsum(np.asarray(self.stages) + heads)
        return spent


def costs_of(macs: Macs, input_size: tuple[int, int]) -> Costs:
    """Multiply-accumulates of a model's parts, and of the difficulty estimator beside them.

    Its floating-point operations count as half a multiply-accumulate each.
    """
    return Costs(
        stages=[float(each) for each in macs.stages],
        heads=[float(each) for each in macs.heads],
        estimator=estimator_flops(*input_size) / 2,
    )
