"""What a controller is made of at the start of a stream."""

from collections.abc import Callable
from dataclasses import dataclass

from dart_stream.adaptation.controller import Controller
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What all controllers are told; each takes what it needs.

    Attributes:
        calibration: pictures that the network was not trained on.
        costs: of its parts.
        epsilon: largest share of answers that may differ from full depth, in (0, 1).
        delta: chance of ever releasing a policy above it, in (0, 1).
        seed: of the controller's own random choices.
        target_cost_share: choose by this mean cost on the calibration pictures, a share of the full
            network, and not by epsilon; only `static` and `paper` can.
    """

    calibration: ExitTable
    costs: Costs
    epsilon: float
    delta: float = 0.05
    seed: int = 0
    target_cost_share: float | None = None


@dataclass(frozen=True, slots=True)
class ControllerFactory:
    """Makes controllers of one kind.

    Attributes:
        make: one.
    """

    make: Callable[[Start], Controller]

    def __call__(
        self,
        calibration: ExitTable,
        costs: Costs,
        *,
        epsilon: float,
        delta: float = 0.05,
        seed: int = 0,
        target_cost_share: float | None = None,
    ) -> Controller:
        """Make one; see `Start`.

        Raises:
            DataError: the calibration table cannot serve.
        """
        return self.make(
            Start(
                calibration=calibration,
                costs=costs,
                epsilon=epsilon,
                delta=delta,
                seed=seed,
                target_cost_share=target_cost_share,
            )
        )
