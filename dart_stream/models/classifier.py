"""The last layer of a backbone, made anew for another number of classes."""

from torch import fx, nn

from dart_stream.errors import ModelError
from dart_stream.models.tracing import TracedBackbone


def replace_classifier(traced: TracedBackbone, num_classes: int) -> None:
    """Give the last linear layer, or 1x1 convolution, `num_classes` outputs and fresh weights.

    Where several are averaged, as in networks distilled with a token, all are replaced. Layers
    that have that many outputs already keep their weights.

    Raises:
        ModelError: the backbone ends in something else.
    """
    (output,) = traced.module.graph.find_nodes(op="output")
    for path in sorted(_last_layers(traced, output)):
        layer = traced.module.get_submodule(path)
        if isinstance(layer, nn.Linear) and layer.out_features != num_classes:
            bias = layer.bias is not None
            traced.module.set_submodule(path, nn.Linear(layer.in_features, num_classes, bias))
        elif isinstance(layer, nn.Conv2d) and layer.out_channels != num_classes:
            bias = layer.bias is not None
            traced.module.set_submodule(
                path, nn.Conv2d(layer.in_channels, num_classes, 1, bias=bias)
            )


def _last_layers(traced: TracedBackbone, output: fx.Node) -> set[str]:
    """Go back from the output, through what has no weights."""
    found, pending = set[str](), list(output.all_input_nodes)
    while pending:
        node = pending.pop()
        weights = 0
        if node.op == "call_module":
            layer = traced.module.get_submodule(str(node.target))
            weights = sum(1 for _ in layer.parameters())
            if isinstance(layer, nn.Linear) or _is_pointwise(layer):
                found.add(str(node.target))
                continue
        if weights or node.op == "placeholder":
            raise ModelError(
                f"{traced.name}: expected a linear layer before the output, found {node}; replace "
                "the classifier yourself and leave num_classes out"
            )
        pending += node.all_input_nodes
    return found


def _is_pointwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1
