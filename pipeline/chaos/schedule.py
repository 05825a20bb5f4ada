"""Which faults strike whom, when and how long: a pure function of a seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.chaos.stages import Stage

_MOST_PAUSE_S = 1.5
_IN_HASTE = 0.2
"""Share of faults that the next one follows at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a kind of fault can strike, and for how long."""

    stage: Stage | None
    """None: the run as a whole."""
    seconds: tuple[float, float]
    """Least and most; (0, 0) for what happens in an instant."""

    @property
    def role(self) -> str:
        """Of its stage."""
        return "run" if self.stage is None else self.stage.role


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault of a plan."""

    number: int
    kind: str
    stage: Stage | None
    seconds: float
    pause_s: float
    """Rest before it."""
    in_haste: bool
    """The next one strikes while the run still recovers from this."""
    seed: int
    """Of whatever else is random about it."""

    @property
    def target(self) -> str:
        """Whom it strikes, for a person."""
        return "run" if self.stage is None else str(self.stage)


def draw(seed: int, count: int, targets: Mapping[str, Sequence[Target]]) -> list[Strike]:
    """So many faults.

    Every kind and role comes once before any comes again, in an order that changes: a few hundred
    faults so reach each of them often. Which worker, reader or sink it is, is drawn.

    Args:
        seed: The same seed and targets give the same faults.
        count: 0 or more.
        targets: Of each kind, at least one.
    """
    chance = random.Random(seed)
    pairs = sorted({(kind, each.role) for kind, found in targets.items() for each in found})
    deck: list[tuple[str, str]] = []
    strikes = []
    for number in range(count):
        if not deck:
            deck = chance.sample(pairs, len(pairs))
        kind, role = deck.pop()
        target = chance.choice([each for each in targets[kind] if each.role == role])
        strikes.append(
            Strike(
                number=number,
                kind=kind,
                stage=target.stage,
                seconds=round(chance.uniform(*target.seconds), 2),
                pause_s=round(chance.uniform(0, _MOST_PAUSE_S), 2),
                in_haste=chance.random() < _IN_HASTE,
                seed=chance.getrandbits(32),
            )
        )
    return strikes
