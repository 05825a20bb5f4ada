"""A traced module without what does nothing in inference, so that its layers stand side by side.

Libraries write the same layers in many ways. Folding and packing look for layers that read one
another directly; this brings a graph into that form.
"""

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

_INERT = (nn.Identity, nn.modules.dropout._DropoutNd)  # noqa: SLF001 - the only common base
_TENSOR_ARGUMENTS = ("running_mean", "running_var", "weight", "bias")


class _FunctionalNorm(nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - the base of all of them
    """`functional.batch_norm` as a layer: like that, it takes any number of dimensions."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        del input


def normalise_graph(traced: fx.GraphModule) -> None:
    """Bring the graph of a module in evaluation mode into normal form, in place.

    Dropout, identities and assertions go; batch normalisations that are called as functions become
    layers; what is computed from weights alone is computed once.
    """
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(_module(traced, node), _INERT):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
        elif node.target is torch._assert and not node.users:  # noqa: SLF001 - of libraries
            traced.graph.erase_node(node)
        elif node.target is nn.functional.batch_norm:
            _make_layer(traced, node)
    _compute_constants(traced)
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()


def _make_layer(traced: fx.GraphModule, node: fx.Node) -> None:
    given = node.normalized_arguments(traced, normalize_to_only_use_kwargs=True)
    arguments: dict[str, Any] = {} if given is None else dict(given.kwargs)
    tensors = {name: arguments.get(name) for name in _TENSOR_ARGUMENTS}
    if arguments.get("training") or not all(
        isinstance(each, fx.Node) and each.op == "get_attr" for each in tensors.values()
    ):
        return
    values = {name: _attribute(traced, str(each.target)) for name, each in tensors.items()}  # type: ignore[union-attr] # nodes, as checked
    layer = _FunctionalNorm(len(values["weight"]), eps=arguments["eps"]).eval()
    layer.load_state_dict(values, strict=False)  # no count of batches is needed
    name = f"batch_norm_{node.name}"
    traced.add_submodule(name, layer)
    with traced.graph.inserting_before(node):
        call = traced.graph.call_module(name, (arguments["input"],))
    node.replace_all_uses_with(call)
    traced.graph.erase_node(node)


def _compute_constants(traced: fx.GraphModule) -> None:
    """Replace what is picked out of weights by its value, such as biases of an attention."""
    for node in list(traced.graph.nodes):
        if node.target is not operator.getitem:
            continue
        inputs = node.all_input_nodes
        if not all(each.op == "get_attr" for each in inputs):
            continue
        with torch.no_grad():
            source, index = fx.node.map_arg(
                node.args, lambda each: _attribute(traced, str(each.target))
            )
            value = source[index]
        if not isinstance(value, Tensor):
            continue
        name = f"constant_{node.name}"
        traced.register_buffer(name, value.detach().clone())
        with traced.graph.inserting_before(node):
            constant = traced.graph.get_attr(name)
        node.replace_all_uses_with(constant)
        traced.graph.erase_node(node)


def _attribute(traced: fx.GraphModule, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    value = getattr(traced.get_submodule(owner), name)
    assert isinstance(value, Tensor)
    return value


def _module(traced: fx.GraphModule, node: fx.Node) -> nn.Module:
    return traced.get_submodule(str(node.target))
