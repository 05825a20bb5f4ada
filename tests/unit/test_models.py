"""Contract of every registered family, and the cost that is counted for it."""

import pytest
import torch
from torch import nn

from dart_stream.errors import ModelError
from dart_stream.models import (
    MultiExitNetwork,
    count_macs,
    create_model,
    list_models,
    register,
)

TINY = {"dartnet": {"widths": [4, 8], "blocks": [1, 1], "strides": [1, 2], "first_inner": 4}}


def tiny(family, **config):
    return create_model(
        family, **{"num_classes": 3, "input_size": (16, 16), **TINY[family]} | config
    )


def test_every_registered_family_has_a_tiny_configuration_to_be_tested_with():
    assert list_models() == sorted(TINY)
    assert len(list_models()) == 1


@pytest.mark.parametrize("family", sorted(TINY))
class TestEveryFamily:
    def test_every_exit_answers_every_picture(self, family):
        network = tiny(family).eval()
        logits = network(torch.randn(5, 3, *network.input_size))
        assert [tuple(each.shape) for each in logits] == [(5, 3)] * len(network.stages)

    def test_stages_and_heads_run_one_by_one_give_the_same_answers(self, family):
        network = tiny(family).eval()
        x = torch.randn(2, 3, *network.input_size)
        expected = network(x)
        for stage, head, logits in zip(network.stages, network.heads, expected, strict=True):
            x = stage(x)
            assert torch.equal(head(x), logits)

    def test_an_answer_does_not_depend_on_the_other_pictures_of_the_batch(self, family):
        network = tiny(family).eval()
        x = torch.randn(4, 3, *network.input_size)
        for together, alone in zip(network(x), network(x[:1]), strict=True):
            torch.testing.assert_close(together[:1], alone)

    def test_pictures_that_are_not_square_or_even_are_taken(self, family):
        network = tiny(family, input_size=(17, 26)).eval()
        assert network(torch.randn(2, 3, 17, 26))[-1].shape == (2, 3)
        assert count_macs(network).plain() > 0

    def test_every_weight_learns(self, family):
        network = tiny(family)
        # The last normalisation of a block starts at zero, which hides what is before it.
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
        sum(logits.square().sum() for logits in network(torch.randn(8, 3, 16, 16))).backward()
        dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert dead == []

    def test_counting_leaves_the_network_alone(self, family):
        network = tiny(family)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        count_macs(network)
        after = network.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert network.training


def test_macs_are_those_counted_by_hand():
    macs = count_macs(tiny("dartnet"))
    stem = 8 * 8 * 4 * (4 * 4 * 3)
    first_block = 2 * (8 * 8 * 4 * (3 * 3 * 4))
    second_block = 4 * 4 * 8 * (3 * 3 * 4) + 4 * 4 * 8 * (3 * 3 * 8) + 4 * 4 * 8 * 4
    assert macs.stages == [stem + first_block, second_block]
    assert macs.heads == [4 * 2 * 2 * 3, 8 * 3]
    first = macs.stages[0] + macs.heads[0]
    assert macs.cumulative() == [first, first + macs.stages[1] + macs.heads[1]]
    assert macs.plain() == sum(macs.stages) + macs.heads[1]


def test_default_network_keeps_its_budget():
    network = create_model("dartnet")
    macs = count_macs(network)
    assert len(network.heads) >= 3
    assert macs.cumulative()[0] <= 0.15 * macs.plain()
    assert 60e6 < macs.plain() < 70e6
    assert 2 * sum(p.numel() for p in network.parameters()) <= 5e6


def test_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match=r"expected one of dartnet, got 'resnet9000'"):
        create_model("resnet9000")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"depth": 3}, "unexpected keyword argument 'depth'"),
        ({"widths": [4, 8, 8]}, "of one length, got 3, 2 and 2"),
        ({"widths": [4, -8]}, "negative"),
        ({"widths": ["a", "b"]}, "refuses its configuration"),
    ],
)
def test_configuration_that_does_not_fit_is_refused(config, reason):
    with pytest.raises(ModelError, match=reason):
        tiny("dartnet", **config)


def test_a_family_name_is_taken_once():
    with pytest.raises(ValueError, match="'dartnet' is registered twice"):
        register("dartnet")(MultiExitNetwork)


def test_stages_without_a_head_each_are_refused():
    with pytest.raises(ValueError, match="got 2 stages and 1 heads"):
        MultiExitNetwork(
            [nn.Identity(), nn.Identity()], [nn.Identity()], num_classes=2, input_size=(4, 4)
        )
