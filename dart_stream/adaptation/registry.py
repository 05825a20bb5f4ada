"""Every controller under its name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from dart_stream.adaptation.controller import Controller
from dart_stream.adaptation.dart import DartController
from dart_stream.adaptation.fixed_controllers import FixedController
from dart_stream.adaptation.paper import paper_controller
from dart_stream.adaptation.plan import plan_for
from dart_stream.adaptation.settings import DartSettings
from dart_stream.adaptation.state import fingerprint
from dart_stream.adaptation.static_choice import static_policy
from dart_stream.adaptation.terms import Terms
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import FullDepthPolicy


class ControllerFactory(Protocol):
    """Makes a controller at the start of a stream."""

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
        """Make one.

        Args:
            calibration: pictures that the network was not trained on.
            costs: of its parts.
            epsilon: largest share of answers that may differ from full depth, in (0, 1).
            delta: chance of ever releasing a policy above it, in (0, 1).
            seed: of the controller's own random choices.
            target_cost_share: choose by this mean cost on the calibration pictures, a share of the
                full network, and not by epsilon; only `static` and `paper` can.

        Raises:
            DataError: the calibration table cannot serve.
        """


ABLATIONS: Final[Mapping[str, DartSettings]] = MappingProxyType(
    {
        "dart": DartSettings(),
        "dart-no-pixels": DartSettings(pixels=False),
        "dart-no-confidence": DartSettings(confidence=False),
        "dart-no-difficulty-ends": DartSettings(difficulty_ends=False),
        "dart-no-audit-detector": DartSettings(audit_detector=False),
        "dart-no-burst": DartSettings(burst=False),
        "dart-no-home": DartSettings(home=False),
        "dart-no-coefficients": DartSettings(coefficients=False),
        "dart-no-label-shift": DartSettings(label_shift=False),
        "dart-no-scenes": DartSettings(scenes=False),
        "dart-no-caution": DartSettings(caution=False),
        "dart-with-ucb": DartSettings(ucb=True),
    }
)
"""The whole and the whole with one part switched: what `bench shift` compares."""


def dart_controller(  # noqa: PLR0913 - see ControllerFactory
    name: str,
    settings: DartSettings,
    calibration: ExitTable,
    costs: Costs,
    *,
    epsilon: float,
    delta: float = 0.05,
    seed: int = 0,
) -> DartController:
    """Make a controller of mode `dart` with settings of one's own."""
    plan = plan_for(calibration, costs, epsilon, settings.rungs, settings.pseudo_label_confidence)
    home = plan.home(pixels=settings.pixels, confidence=settings.confidence)
    return DartController(name, Terms(plan, settings, epsilon, delta, seed, home))


def _dart(name: str) -> ControllerFactory:
    def make(
        calibration: ExitTable,
        costs: Costs,
        *,
        epsilon: float,
        delta: float = 0.05,
        seed: int = 0,
        target_cost_share: float | None = None,
    ) -> Controller:
        del target_cost_share
        return dart_controller(
            name, ABLATIONS[name], calibration, costs, epsilon=epsilon, delta=delta, seed=seed
        )

    return make


def _full(
    calibration: ExitTable,
    costs: Costs,
    *,
    epsilon: float,
    delta: float = 0.05,
    seed: int = 0,
    target_cost_share: float | None = None,
) -> Controller:
    del costs, epsilon, delta, seed, target_cost_share
    return FixedController("full", FullDepthPolicy(), fingerprint(calibration))


def _static(
    calibration: ExitTable,
    costs: Costs,
    *,
    epsilon: float,
    delta: float = 0.05,
    seed: int = 0,
    target_cost_share: float | None = None,
) -> Controller:
    del delta, seed
    policy = static_policy(calibration, costs, epsilon, target_cost_share)
    return FixedController("static", policy, fingerprint(calibration))


CONTROLLERS: Mapping[str, ControllerFactory] = MappingProxyType(
    {"full": _full, "static": _static, "paper": paper_controller}
    | {name: _dart(name) for name in ABLATIONS}
)
