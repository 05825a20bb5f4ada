"""Exits on any backbone: a network of a library, or one's own, cut into stages.

The graph is cut and each part is a module of its own, so that what lies behind the exit taken does
not run. The last exit is the backbone's own classifier: full depth answers like the original.
"""

from collections.abc import Sequence
from typing import Any

from torch import fx, nn
from torch.nn import functional

from dart_stream.errors import ModelError
from dart_stream.models.classifier import replace_classifier
from dart_stream.models.cutting import CutPoint, Flow, cut
from dart_stream.models.heads import MakeHead, make_head
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.tracing import TracedBackbone, trace


def cut_points(
    backbone: nn.Module,
    *,
    input_size: Sequence[int],
    in_chans: int = 3,
    enlarge: int = 1,
    opaque: Sequence[type[nn.Module]] = (),
) -> list[CutPoint]:
    """List where a backbone can be cut, in order, with the share of its MACs up to there.

    Args: as of `with_exits`.

    Raises:
        ModelError: it cannot be traced, or does not take pictures of that size.
    """
    return _flow(backbone, input_size, in_chans, enlarge, opaque).points()


def with_exits(  # noqa: PLR0913 - keyword-only configuration, each with a default
    backbone: nn.Module,
    at: Sequence[str],
    *,
    input_size: Sequence[int],
    num_classes: int | None = None,
    heads: str | Sequence[str | MakeHead] = "auto",
    in_chans: int = 3,
    enlarge: int = 1,
    opaque: Sequence[type[nn.Module]] = (),
) -> MultiExitNetwork:
    """Put an exit behind each of some parts of a backbone.

    Args:
        backbone: maps pictures [N, in_chans, H, W] to logits [N, classes]; it is copied. Modules
            that behave differently in training keep doing so.
        at: names from `cut_points`, in order, at least one.
        input_size: (height, width) in pixels.
        num_classes: replaces the classifier where it has another number of outputs; None keeps it.
        heads: kind of the exits' heads, see `make_head`, or one kind or function for each exit.
        in_chans: 1 for a backbone that reads one channel; it gets the mean of the three.
        enlarge: how many times larger the backbone sees pictures in both directions (bilinear), so
            that weights trained on large pictures serve small ones.
        opaque: classes of modules that torch.fx must not look into.

    Raises:
        ModelError: it cannot be traced, or not be cut there; the message names cuts nearby.
    """
    flow = _flow(backbone, input_size, in_chans, enlarge, opaque, num_classes)
    name = flow.traced.name
    nodes = [flow.find(each) for each in at]
    _require_rising(flow, at, nodes)
    classes = _num_classes(flow)
    end = _end_of_features(flow, nodes[-1])
    *stages, classifier = cut(flow, [*nodes, end])
    kinds = [heads] * len(nodes) if isinstance(heads, str) else heads
    if len(kinds) != len(nodes):
        raise ModelError(f"{name}: expected {len(nodes)} heads, one per cut, got {len(kinds)}")
    made = [
        make_head(kind, flow.shape(node), classes)
        if isinstance(kind, str)
        else kind(flow.shape(node), classes)
        for kind, node in zip(kinds, nodes, strict=True)
    ]
    height, width = input_size
    network = MultiExitNetwork(
        stages, [*made, classifier], num_classes=classes, input_size=(height, width)
    )
    return network.train(backbone.training)


def _flow(
    backbone: nn.Module,
    input_size: Sequence[int],
    in_chans: int,
    enlarge: int,
    opaque: Sequence[type[nn.Module]],
    num_classes: int | None = None,
) -> Flow:
    if in_chans not in {1, 3}:
        raise ModelError(f"in_chans: expected 3, or 1 for the mean of the three, got {in_chans}")
    if enlarge < 1:
        raise ModelError(f"enlarge: expected a whole number of at least 1, got {enlarge}")
    traced = trace(backbone, opaque)
    if num_classes is not None:
        replace_classifier(traced, num_classes)
    if in_chans == 1:
        _read_one_channel(traced)
    if enlarge > 1:
        _read_enlarged(traced, enlarge)
    height, width = input_size
    return Flow(traced, (height, width))


def _read_one_channel(traced: TracedBackbone) -> None:
    graph = traced.module.graph
    (pictures,) = graph.find_nodes(op="placeholder")
    with graph.inserting_after(pictures):
        gray = graph.call_method("mean", (pictures, 1, True))
    pictures.replace_all_uses_with(gray, delete_user_cb=lambda user: user is not gray)
    traced.module.recompile()


def _read_enlarged(traced: TracedBackbone, times: int) -> None:
    graph = traced.module.graph
    (pictures,) = graph.find_nodes(op="placeholder")
    how: dict[str, Any] = {"scale_factor": float(times), "mode": "bilinear", "align_corners": False}
    with graph.inserting_after(pictures):
        large = graph.call_function(functional.interpolate, (pictures,), how)
    pictures.replace_all_uses_with(large, delete_user_cb=lambda user: user is not large)
    traced.module.recompile()


def _require_rising(flow: Flow, at: Sequence[str], nodes: list[fx.Node]) -> None:
    if not nodes:
        raise ModelError(f"{flow.traced.name}: at: expected at least one cut point, got none")
    for k in range(1, len(nodes)):
        if nodes[k - 1] not in flow.before(nodes[k]) - {nodes[k]}:
            raise ModelError(
                f"{flow.traced.name}: at: expected cut points in order, each once, "
                f"got {at[k]!r} after {at[k - 1]!r}"
            )


def _num_classes(flow: Flow) -> int:
    result = flow.output.args[0]
    shape = flow.shape(result) if isinstance(result, fx.Node) else ()
    if len(shape) != 1:
        raise ModelError(
            f"{flow.traced.name}: expected one tensor of logits [N, classes] as output, got "
            f"{list(shape) or result}"
        )
    return shape[0]


def _end_of_features(flow: Flow, last_exit: fx.Node) -> fx.Node:
    """Where the last stage ends and the backbone's own classifier begins."""
    end = list(flow.valid)[-1]
    if end is last_exit:
        raise ModelError(
            f"{flow.traced.name}: at: {flow.valid[end]!r} is where the classifier begins: an exit "
            "there saves nothing"
        )
    return end
