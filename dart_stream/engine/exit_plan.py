"""What one policy means for one model, worked out once and not for every batch."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.engine.staged_model import StagedModel
from dart_stream.policies import Policy


@dataclass(frozen=True, slots=True, eq=False)
class ExitPlan:
    """Which heads run under a policy, and what stopping at each exit costs.

    Attributes:
        policy: the policy.
        watched: (exits,) whether a region could stop there; the last always.
        visits: exits whose head runs without audits, rising.
        cost_macs: (exits,) stages and watched heads up to each exit.
        audit_cost_macs: all stages and all heads.
        head_macs: (exits,) of each head, watched or not.
    """

    policy: Policy
    watched: tuple[bool, ...]
    visits: tuple[int, ...]
    cost_macs: NDArray[np.int64]
    audit_cost_macs: int
    head_macs: tuple[int, ...]

    @classmethod
    def of(cls, policy: Policy, model: StagedModel) -> Self:
        """Make the plan. Raises PolicyError if the policy does not fit the model."""
        policy.require_fit(model.num_exits, model.num_classes)
        watched = (*map(policy.watches, range(model.num_exits - 1)), True)
        heads = np.multiply(model.head_macs, watched)
        return cls(
            policy=policy,
            watched=watched,
            visits=tuple(k for k, is_watched in enumerate(watched) if is_watched),
            cost_macs=np.cumsum(np.add(model.stage_macs, heads), dtype=np.int64),
            audit_cost_macs=sum(model.stage_macs) + sum(model.head_macs),
            head_macs=tuple(model.head_macs),
        )
