"""Every method under its name."""

from collections.abc import Mapping
from types import MappingProxyType

from dart_stream.methods.branchynet import BranchyNetMethod
from dart_stream.methods.dart import DartMethod
from dart_stream.methods.dart_paper import DartPaperMethod
from dart_stream.methods.dynamic import DynamicMethod
from dart_stream.methods.fixed import FixedMethod
from dart_stream.methods.method import Method
from dart_stream.methods.oracle import OracleMethod
from dart_stream.methods.patience import PatienceMethod
from dart_stream.methods.random_exit import RandomExitMethod
from dart_stream.methods.shared import SharedThresholdMethod
from dart_stream.methods.single import SingleExitMethod
from dart_stream.methods.static import StaticMethod

_METHODS: tuple[Method, ...] = (
    StaticMethod(),
    SingleExitMethod(),
    FixedMethod(),
    SharedThresholdMethod(),
    BranchyNetMethod(),
    PatienceMethod(),
    DartPaperMethod(),
    DartMethod(),
    DynamicMethod(),
    RandomExitMethod(),
    OracleMethod(),
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _METHODS})


def methods_for(early_exits: int) -> list[str]:
    """Names of the methods that a network with this many early exits can be fitted with."""
    return [
        name
        for name, method in METHODS.items()
        if method.most_early_exits is None or early_exits <= method.most_early_exits
    ]
