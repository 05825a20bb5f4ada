"""What controllers have in common that ask for no audit and raise no alarm."""

from collections.abc import Sequence

from dart_stream.adaptation.alarm import Alarm
from dart_stream.adaptation.controller import Controller


class SilentController(Controller):
    """Promises nothing, and so has nothing to watch over."""

    @property
    def audit_probability(self) -> float:
        """Nothing would be learned from one."""
        return 0.0

    @property
    def forces_full_depth(self) -> bool:
        """Never."""
        return False

    @property
    def alarms(self) -> Sequence[Alarm]:
        """None."""
        return ()
