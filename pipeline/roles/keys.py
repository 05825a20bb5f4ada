"""What keys mean."""

from typing import Final

from pipeline.commands import AnyCommand, Freeze, Pause, Resume, Rollback, Set, Unfreeze
from pipeline.snapshot import Snapshot

QUIT: Final = "q"
HELP: Final = "?"
LIMITS: Final = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2)
"""Steps of the limit on disagreement."""


def command_for(key: str, snapshot: Snapshot) -> AnyCommand | None:
    """What a key asks of the run in the state it is in; None if it asks nothing."""
    adaptation = snapshot.adaptation
    match key:
        case "p":
            return Resume() if snapshot.state == "paused" else Pause()
        case "f":
            held = adaptation is not None and adaptation.held is not None
            return Unfreeze() if held else Freeze()
        case "r":
            return Rollback()
        case "+" | "=" | "-":
            if adaptation is None:
                return Freeze()  # refused by the run with the reason, as any change would be
            return Set("policy.max_disagreement", next_limit(adaptation.epsilon, up=key != "-"))
    return None


def next_limit(epsilon: float, *, up: bool) -> float:
    """The next step above or below; where there is none, the limit stays."""
    if up:
        return next((limit for limit in LIMITS if limit > epsilon * 1.001), epsilon)
    return next((limit for limit in reversed(LIMITS) if limit < epsilon * 0.999), epsilon)
