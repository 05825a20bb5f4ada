"""Controllers that do not adapt: what adaptation is measured against."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import msgspec

from dart_stream.adaptation.observation import Observation
from dart_stream.adaptation.silent_controller import SilentController
from dart_stream.adaptation.state import read_state, write_state
from dart_stream.policies import Policy


class FixedMemory(msgspec.Struct, forbid_unknown_fields=True):
    """All there is to remember.

    Attributes:
        regions: seen.
    """

    regions: int = 0


class FixedController(SilentController):
    """One policy for ever, and no audits."""

    name: ClassVar[str]

    def __init__(self, name: str, policy: Policy, calibration: int, regions: int = 0) -> None:
        self.name = name  # type: ignore[misc]  # one class serves several entries
        self._policy = policy.with_version(1)
        self._calibration = calibration
        self._memory = FixedMemory(regions)

    @property
    def policy(self) -> Policy:
        """Always the same."""
        return self._policy

    def update(self, observation: Observation) -> None:
        """Count."""
        del observation
        self._memory.regions += 1

    def to_state(self) -> dict[str, Any]:
        """Return the count."""
        return write_state(self._memory, self.name, self._calibration)

    def from_state(self, state: Mapping[str, Any]) -> Self:
        """Return a controller with that count."""
        memory = read_state(state, FixedMemory, self.name, self._calibration)
        return type(self)(self.name, self._policy, self._calibration, memory.regions)
