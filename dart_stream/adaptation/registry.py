"""Every controller under its name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from dart_stream.adaptation.controller import Controller
from dart_stream.adaptation.dart import DartController
from dart_stream.adaptation.fixed_controllers import FixedController
from dart_stream.adaptation.paper import paper_controller
from dart_stream.adaptation.plan import plan_for
from dart_stream.adaptation.settings import DartSettings
from dart_stream.adaptation.start import ControllerFactory, Start
from dart_stream.adaptation.state import fingerprint
from dart_stream.adaptation.static_choice import static_policy
from dart_stream.adaptation.terms import Terms
from dart_stream.policies import FullDepthPolicy

ABLATIONS: Final[Mapping[str, DartSettings]] = MappingProxyType(
    {
        "dart": DartSettings(),
        "dart-no-pixels": DartSettings(pixels=False),
        "dart-no-confidence": DartSettings(confidence=False),
        "dart-no-audit-detector": DartSettings(audit_detector=False),
        "dart-no-burst": DartSettings(burst=False),
        "dart-no-home": DartSettings(home=False),
        "dart-no-coefficients": DartSettings(coefficients=False),
        "dart-no-label-shift": DartSettings(label_shift=False),
        "dart-no-scenes": DartSettings(scenes=False),
        "dart-with-difficulty-ends": DartSettings(difficulty_ends=True),
        "dart-with-ucb": DartSettings(ucb=True),
    }
)
"""The whole and the whole with one part switched: what `bench shift` compares."""


def dart_controller(name: str, settings: DartSettings, start: Start) -> DartController:
    """Make a controller of mode `dart` with settings of one's own."""
    plan = plan_for(
        start.calibration,
        start.costs,
        start.epsilon,
        settings.rungs,
        settings.pseudo_label_confidence,
    )
    home = plan.home(pixels=settings.pixels, confidence=settings.confidence)
    terms = Terms(plan, settings, start.epsilon, start.delta, start.seed, home)
    return DartController(name, terms)


def _dart(name: str) -> Callable[[Start], Controller]:
    return lambda start: dart_controller(name, ABLATIONS[name], start)


def _full(start: Start) -> Controller:
    return FixedController("full", FullDepthPolicy(), fingerprint(start.calibration))


def _static(start: Start) -> Controller:
    policy = static_policy(start.calibration, start.costs, start.epsilon, start.target_cost_share)
    return FixedController("static", policy, fingerprint(start.calibration))


_MAKERS: Final[Mapping[str, Callable[[Start], Controller]]] = {
    "full": _full,
    "static": _static,
    "paper": paper_controller,
    **{name: _dart(name) for name in ABLATIONS},
}

CONTROLLERS: Final[Mapping[str, ControllerFactory]] = MappingProxyType(
    {name: ControllerFactory(make) for name, make in _MAKERS.items()}
)
