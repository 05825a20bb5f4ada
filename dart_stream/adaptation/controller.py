"""What every way to adapt is: told of each region, asked for the policy of the next."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from dart_stream.adaptation.alarm import Alarm
from dart_stream.adaptation.observation import Observation
from dart_stream.policies import Policy


class Controller(ABC):
    """Adapts the policy to the stream.

    It is deterministic: the same observations in the same order give the same policies, alarms and
    audit probabilities. It knows no time, no source but by name, and no pixels.

    Attributes:
        name: in the registry.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """Decides the next region; when it changes, a new object with a higher version."""

    @property
    @abstractmethod
    def audit_probability(self) -> float:
        """Of the next region's coin, in [0, 1]; it depends on the past alone."""

    @property
    @abstractmethod
    def forces_full_depth(self) -> bool:
        """A burst: every region runs to full depth, all heads, as an audit of probability 1."""

    @property
    @abstractmethod
    def alarms(self) -> Sequence[Alarm]:
        """The last thousand or so, in order."""

    @abstractmethod
    def update(self, observation: Observation) -> None:
        """Learn from one finished region, in the order in which they finish."""

    def reset(self, words: str) -> None:
        """Take what follows for another stream than what came before.

        Somebody else knows: a camera was cut, opened anew, or shows another size. Who holds no
        evidence has nothing to forget and does nothing.

        Args:
            words: why, for a person.
        """
        del words

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """Return all that `from_state` needs: dicts, lists, strings and numbers."""

    @abstractmethod
    def from_state(self, state: Mapping[str, Any]) -> Self:
        """Return a controller of the same calibration that goes on where `state` was taken.

        Args:
            state: of a controller of the same name, made from the same calibration table.

        Raises:
            DataError: the state is damaged, of another kind of controller, or of another model.
        """
