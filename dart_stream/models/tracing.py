"""The graph of a backbone, the same in training and in evaluation.

Reference: Reed et al., "torch.fx: Practical Program Capture and Transformation for Deep Learning
in Python", 2022.

A trace follows one mode only. Modules that do something else in the other mode (stochastic depth,
dropout by function) are found by tracing both, and stay whole: they keep looking at their mode.
"""

import copy
import inspect
import operator
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from dart_stream.errors import ModelError

ModuleTypes = tuple[type[nn.Module], ...]

_WHOLE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)  # noqa: SLF001 - the only common bases; libraries derive from them
_IN_PLACE = {operator.setitem, operator.iadd, operator.isub, operator.imul, operator.itruediv}


@dataclass(frozen=True)
class TracedBackbone:
    """A backbone as a graph.

    Attributes:
        name: of the backbone's class, for messages.
        module: runs the graph; a copy of the backbone's weights.
        names: where the graph may be cut, if only one tensor passes there: a module's path for
            what the module returns, a node's own name for what `forward` itself computes.
    """

    name: str
    module: fx.GraphModule
    names: dict[str, fx.Node]


def trace(backbone: nn.Module, opaque: Iterable[type[nn.Module]] = ()) -> TracedBackbone:
    """Trace a copy of a backbone.

    Args:
        backbone: takes one batch of pictures.
        opaque: classes of modules that are kept whole and not looked into.

    Raises:
        ModelError: it cannot be traced, or its own `forward` depends on the mode.
    """
    name = type(backbone).__name__
    kept = (*opaque, *_WHOLE, *_untraceable_in_timm()[0])
    whole = _differing_scopes(name, backbone, kept)
    tracer = _Tracer(kept, whole)
    root = copy.deepcopy(backbone).eval()
    graph = _traced(name, tracer, root)
    _require_cuttable(name, graph)
    names = {path: node for path, node in tracer.returned.items() if path}
    for node in graph.nodes:
        if node.op == "call_function" and not _scope(node):
            names.setdefault(node.name, node)
    module = fx.GraphModule(root, graph, class_name=name)
    # The graph module works on a copy of the graph.
    own = {node.name: node for node in module.graph.nodes}
    kept_names = {path: own[node.name] for path, node in names.items() if node.name in own}
    return TracedBackbone(name, module.train(backbone.training), kept_names)


class _Tracer(fx.Tracer):
    """Remembers which node each module's output is."""

    def __init__(self, kept: ModuleTypes, whole: frozenset[str]) -> None:
        super().__init__(autowrap_functions=tuple(_untraceable_in_timm()[1]))
        self._kept = kept
        self._whole = whole
        self.returned: dict[str, fx.Node] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether a module is one call and not looked into."""
        if isinstance(m, self._kept) or module_qualified_name in self._whole:
            return True
        return super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Trace a module's call."""
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            # A module that is called again (a shared rectifier) is named by its first call.
            self.returned.setdefault(self.path_of_module(m), output.node)
        return output


def _traced(name: str, tracer: fx.Tracer, root: nn.Module) -> fx.Graph:
    try:
        graph = tracer.trace(root, concrete_args=_other_arguments(root))
    except (
        fx.proxy.TraceError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        LookupError,
        AssertionError,
    ) as error:
        # Python that depends on sizes or data fails on symbolic values in whatever it does first.
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"{name}: torch.fx cannot follow its forward ({type(error).__name__}: {reason}); name "
            "the modules that decide by sizes in `opaque`, or build MultiExitNetwork(stages, "
            "heads, ...) by hand"
        ) from error
    _drop_unread(graph)
    return graph


def _other_arguments(root: nn.Module) -> dict[str, Any]:
    """Return what the arguments after the pictures are when nobody gives them."""
    _pictures, *others = inspect.signature(root.forward).parameters.values()
    return {other.name: other.default for other in others if other.default is not other.empty}


def _differing_scopes(name: str, backbone: nn.Module, kept: ModuleTypes) -> frozenset[str]:
    """Paths of the innermost modules that do something else in training than in evaluation."""
    contents = []
    for training in (True, False):
        root = copy.deepcopy(backbone).train(training)
        graph = _traced(name, _Tracer(kept, frozenset()), root)
        contents.append(_contents(graph))
    paths = contents[0].keys() | contents[1].keys()
    differing = {path for path in paths if contents[0][path] != contents[1][path]}
    innermost = {
        path
        for path in differing
        if not any(other != path and _inside(other, path) for other in differing)
    }
    if "" in innermost:
        raise ModelError(
            f"{name}: its own forward does something else in training than in evaluation; move "
            "that part into a module, or switch it off (such as drop_rate=0)"
        )
    return frozenset(innermost)


def _contents(graph: fx.Graph) -> defaultdict[str, list[str]]:
    """What the nodes in each module do, without their names, which differ from trace to trace."""
    contents = defaultdict[str, list[str]](list)
    for node in graph.nodes:
        constants = fx.node.map_arg((node.args, node.kwargs), lambda _node: None)
        does = f"{node.op} {node.target} {constants}"
        for path in {"", *_scope(node)}:
            contents[path].append(does)
    return contents


def _scope(node: fx.Node) -> list[str]:
    """Paths of the modules that a node is in, a called module itself not among them."""
    paths = [path for path, _type in node.meta.get("nn_module_stack", {}).values() if path]
    return [path for path in paths if node.op != "call_module" or path != node.target]


def _inside(path: str, outer: str) -> bool:
    return not outer or path.startswith(f"{outer}.")


def _drop_unread(graph: fx.Graph) -> None:
    """Remove assertions, and what nobody reads once they are gone.

    Pictures have one size, which is tried out once; a check in a later stage would need the
    picture there.
    """
    _pictures, *others = graph.nodes
    for node in reversed(others):
        if not node.users and node.op != "output" and not changes_in_place(node):
            graph.erase_node(node)


def _require_cuttable(name: str, graph: fx.Graph) -> None:
    others = graph.find_nodes(op="placeholder")[1:]
    if others:
        raise ModelError(f"{name}: expected a forward of one argument, it also needs {others}")
    for node in graph.nodes:
        if changes_in_place(node) and not node.users:
            raise ModelError(
                f"{name}: {node} changes a tensor in place and nobody reads what it returns; a "
                "graph cannot be cut around that: use the returned tensor"
            )


def changes_in_place(node: fx.Node) -> bool:
    """Tell whether an operation's name says that it changes its first argument."""
    if node.op not in {"call_method", "call_function"}:
        return False
    if node.target in _IN_PLACE:
        return True
    name = getattr(node.target, "__name__", str(node.target))
    return name.endswith("_") and not name.endswith("__")


def _untraceable_in_timm() -> tuple[list[type[nn.Module]], list[Callable[..., Any]]]:
    """Return timm's own lists of what torch.fx cannot follow; empty unless timm is in use."""
    layers: Any = sys.modules.get("timm.layers")
    if layers is None:
        return [], []
    return layers.get_notrace_modules(), layers.get_notrace_functions()
