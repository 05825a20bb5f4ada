"""Where a traced backbone can be cut into stages, and the cutting.

A stage hands one tensor on. So a cut lies behind a value through which everything passes: behind a
residual block, not inside it.
"""

import copy
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils.flop_counter import FlopCounterMode

from dart_stream.errors import ModelError
from dart_stream.models.tracing import TracedBackbone, changes_in_place

_PROBE_BATCH = 5  # a prime, so that no window or token count is taken for it
_NEARBY = 4


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A value behind which a backbone can be cut.

    Attributes:
        name: for `with_exits(at=[...])`.
        macs_share: of the backbone's multiply-accumulates, spent up to here.
        shape: of the value for one picture: (channels, height, width) or (tokens, channels).
    """

    name: str
    macs_share: float
    shape: tuple[int, ...]


class Flow:
    """What flows where in a traced backbone, for pictures of one size.

    Args:
        traced: the backbone.
        input_size: (height, width) in pixels.

    Raises:
        ModelError: such pictures do not pass.
    """

    def __init__(self, traced: TracedBackbone, input_size: tuple[int, int]) -> None:
        self.traced = traced
        (self.picture,) = traced.module.graph.find_nodes(op="placeholder")
        (self.output,) = traced.module.graph.find_nodes(op="output")
        self.data = _fed_by(self.picture)
        self._order = {node: index for index, node in enumerate(traced.module.graph.nodes)}
        self._before = dict[fx.Node, set[fx.Node]]()
        self._probe = _Probe.run_on(traced, input_size)

    def before(self, node: fx.Node) -> set[fx.Node]:
        """Return all that a node is computed from, the node included, constants left out."""
        if node not in self._before:
            found, pending = {node}, [node]
            while pending:
                for source in pending.pop().all_input_nodes:
                    if source in self.data and source not in found:
                        found.add(source)
                        pending.append(source)
            self._before[node] = found
        return self._before[node]

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Shape of a node's tensor for one picture; () if it is something else."""
        shape = self._probe.shapes.get(node.name, ())
        return shape[1:] if shape[:1] == (_PROBE_BATCH,) else ()

    def macs_share(self, node: fx.Node) -> float:
        """Share of the backbone's MACs spent on a node and all before it."""
        macs = self._probe.macs
        spent = sum(macs.get(each.name, 0) for each in self.before(node))
        return spent / max(1, sum(macs.values()))

    def crossing(self, node: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
        """(from, to) of everything but the node's own value that passes a cut behind it."""
        inside = self.before(node)
        return [
            (source, user)
            for source in sorted(inside - {node}, key=self._order.__getitem__)
            for user in source.users
            if user not in inside
        ]

    @cached_property
    def valid(self) -> dict[fx.Node, str]:
        """Nodes behind which a cut is possible, in order, each with the shortest of its names."""
        named = dict[fx.Node, str]()
        for name, node in sorted(self.traced.names.items(), key=lambda item: len(item[0])):
            possible = (
                node in self.data
                and node is not self.picture
                and len(self.shape(node)) in {2, 3}
                and not self.crossing(node)
            )
            if possible:
                named.setdefault(node, name)
        return dict(sorted(named.items(), key=lambda item: self._order[item[0]]))

    def points(self) -> list[CutPoint]:
        """Return all valid cuts in order."""
        return [
            CutPoint(name, self.macs_share(node), self.shape(node))
            for node, name in self.valid.items()
        ]

    def find(self, name: str) -> fx.Node:
        """Return the node of a valid cut.

        Raises:
            ModelError: unknown, or not possible there.
        """
        node = self.traced.names.get(name)
        where = f"{self.traced.name}: cut point {name!r}"
        if node is None:
            close = difflib.get_close_matches(name, self.traced.names, n=1, cutoff=0)
            raise ModelError(f"{where}: no such part, nearest is {close[0]!r}; see cut_points()")
        if node in self.valid:
            return node
        nearby = f"valid nearby: {', '.join(self._nearby(node)) or 'none'}"
        crossing = self.crossing(node)
        if crossing:
            edges = ", ".join(f"{source} -> {user}" for source, user in crossing[:_NEARBY])
            raise ModelError(f"{where}: one tensor may pass a cut, also {edges} would; {nearby}")
        raise ModelError(
            f"{where}: expected a tensor [N, C, H, W] or [N, tokens, C] there, got "
            f"{list(self._probe.shapes.get(node.name, ()))} for N={_PROBE_BATCH}; {nearby}"
        )

    def _nearby(self, node: fx.Node) -> list[str]:
        distance = {each: abs(self._order[each] - self._order[node]) for each in self.valid}
        nearest = sorted(distance, key=distance.__getitem__)[:_NEARBY]
        return [self.valid[each] for each in sorted(nearest, key=self._order.__getitem__)]


def cut(flow: Flow, at: Sequence[fx.Node]) -> list[fx.GraphModule]:
    """Cut behind each node: one stage up to each, and last the rest.

    Args:
        flow: of the backbone; its modules move into the stages.
        at: valid cuts, each behind the one before.

    Raises:
        ModelError: two stages would share weights.
    """
    parts, done = list[fx.GraphModule](), set[fx.Node]()
    source = flow.picture
    for end in [*at, flow.output]:
        inside = flow.before(end)
        nodes = [node for node in flow.traced.module.graph.nodes if node in inside - done]
        parts.append(_stage(flow, nodes, source, end))
        source, done = end, done | inside
    _refuse_shared_weights(flow.traced.name, parts)
    return parts


def _stage(flow: Flow, nodes: list[fx.Node], source: fx.Node, end: fx.Node) -> fx.GraphModule:
    module = flow.traced.module
    graph = fx.Graph()
    copies = {source: graph.placeholder("x")}

    def copied(node: fx.Node) -> fx.Node:
        if node not in copies:  # constants are computed anew where they are needed
            copies[node] = graph.node_copy(node, copied)
        return copies[node]

    for node in nodes:
        if node is not source and node.op != "output":
            copies[node] = graph.node_copy(node, copied)
    result = end.args[0] if end.op == "output" else end
    graph.output(fx.node.map_arg(result, copied))
    _keep_input(module, copies[source])
    graph.lint()
    return fx.GraphModule(module, graph, class_name="Stage").train(module.training)


def _keep_input(module: fx.GraphModule, x: fx.Node) -> None:
    """Copy a stage's input if its first steps would change it: the head before reads it too."""
    if any(_changes_argument(module, user) for user in x.users):
        with x.graph.inserting_after(x):
            own = x.graph.call_method("clone", (x,))
        x.replace_all_uses_with(own, delete_user_cb=lambda user: user is not own)


def _changes_argument(module: fx.GraphModule, user: fx.Node) -> bool:
    if user.op == "call_module":
        return bool(getattr(module.get_submodule(str(user.target)), "inplace", False))
    return bool(user.kwargs.get("inplace")) or changes_in_place(user)


def _refuse_shared_weights(name: str, parts: list[fx.GraphModule]) -> None:
    owners = dict[int, int]()
    for index, part in enumerate(parts):
        for path, tensor in [*part.named_parameters(), *part.named_buffers()]:
            if owners.setdefault(id(tensor), index) != index:
                raise ModelError(
                    f"{name}: {path!r} is used on both sides of a cut; cut behind its last use"
                )


def _fed_by(node: fx.Node) -> set[fx.Node]:
    found, pending = {node}, [node]
    while pending:
        for user in pending.pop().users:
            if user not in found:
                found.add(user)
                pending.append(user)
    return found


class _Probe(fx.Interpreter):
    """Shapes and MACs of every node, from a run on tensors without data."""

    def __init__(self, module: fx.GraphModule, counter: FlopCounterMode) -> None:
        super().__init__(module)
        self._counter = counter
        self.shapes = dict[str, tuple[int, ...]]()
        self.macs = dict[str, int]()

    @classmethod
    def run_on(cls, traced: TracedBackbone, input_size: tuple[int, int]) -> "_Probe":
        """Run a copy on the `meta` device."""
        shadow = copy.deepcopy(traced.module).to("meta").eval()
        pictures = torch.empty(_PROBE_BATCH, 3, *input_size, device="meta")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            probe = cls(shadow, counter)
            try:
                probe.run(pictures)
            except (RuntimeError, ValueError, TypeError, AssertionError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise ModelError(
                    f"{traced.name}: pictures [N, 3, {input_size[0]}, {input_size[1]}] do not "
                    f"pass ({reason}); give the input_size it was built for and in_chans=1 if "
                    "it reads one channel; no part may decide by the pixels"
                ) from error
        return probe

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and write down what it did."""
        before = self._counter.get_total_flops()
        result = super().run_node(n)
        self.macs[n.name] = (self._counter.get_total_flops() - before) // 2 // _PROBE_BATCH
        if isinstance(result, Tensor):
            self.shapes[n.name] = tuple(result.shape)
        return result
