"""The registry, the families' default networks, and the cost that is counted for them.

What every family promises stands in tests/contracts/test_model_contract.py.
"""

from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from dart_stream.errors import ModelError
from dart_stream.models import (
    MultiExitNetwork,
    count_macs,
    create_model,
    create_pretrained,
    list_models,
    register,
)
from dart_stream.training import load_recipe
from dart_stream.training.freezing import freeze

TINY = {"stages": [[4], [8]], "strides": [1, 2], "stem": [4], "stem_strides": [2], "heads": []}


def tiny(**config):
    return create_model("dartnet", **{"num_classes": 3, "input_size": (16, 16), **TINY} | config)


def test_pictures_that_are_not_square_or_even_are_taken():
    network = tiny(input_size=(17, 26)).eval()
    assert network(torch.randn(2, 3, 17, 26))[-1].shape == (2, 3)
    assert count_macs(network).plain() > 0


def test_counting_leaves_the_network_alone():
    network = tiny()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count_macs(network)
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert network.training


def test_macs_are_those_counted_by_hand():
    macs = count_macs(tiny())
    stem = 16 * 16 * 4 * (3 * 3 * 3)  # halved behind it
    first_layer = 8 * 8 * 4 * (3 * 3 * 4)
    second_layer = 8 * 8 * 8 * (3 * 3 * 4)
    assert macs.stages == [stem + first_layer, second_layer]
    assert macs.heads == [4 * 2 * 2 * 3, 8 * 2 * 2 * 3]
    first = macs.stages[0] + macs.heads[0]
    assert macs.cumulative() == [first, first + macs.stages[1] + macs.heads[1]]
    assert macs.plain() == sum(macs.stages) + macs.heads[1]


def test_convolutions_inside_a_head_halve_the_map_and_are_counted():
    macs = count_macs(tiny(heads=[[5, 6]], grids=[1]))
    assert macs.heads == [4 * 4 * 5 * (9 * 4) + 2 * 2 * 6 * (9 * 5) + 6 * 3, 8 * 3]
    assert macs.stages == count_macs(tiny()).stages


@pytest.mark.parametrize(
    ("family", "first_share", "millions", "megabytes"),
    [
        ("dartnet", 0.15, (60, 70), 5),
        ("dartnet-tiny", 0.15, (10, 12), 1),
        ("dartnet-64", 0.12, (60, 70), 5),
        ("alexnet", 0.12, (30, 45), 8),
        ("resnet18", 0.15, (555, 556), 23),
        ("vgg16", 0.15, (313, 314), 30),
        ("levit", 0.30, (295, 310), 15),
    ],
)
def test_default_networks_keep_their_budget(family, first_share, millions, megabytes):
    network = create_model(family)
    macs = count_macs(network)
    assert len(network.heads) >= 3
    assert macs.cumulative()[0] <= first_share * macs.plain()
    assert millions[0] * 1e6 < macs.plain() < millions[1] * 1e6
    assert 2 * sum(p.numel() for p in network.parameters()) <= megabytes * 1e6
    # Exits behind all the work only cost: the last but one leaves at least a quarter of it out.
    assert macs.cumulative()[-2] < 0.75 * macs.plain()


def test_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match=r"expected one of alexnet, .*, got 'resnet9000'"):
        create_model("resnet9000")


@pytest.mark.parametrize(
    ("family", "config", "reason"),
    [
        ("dartnet", {"depth": 3}, "unexpected keyword argument 'depth'"),
        ("dartnet", {"strides": [1, 2, 1]}, "stages and strides of one length.* got 4, 3"),
        ("dartnet", {"stages": [[4], [], [8], [8]]}, r"expected stages of at least 1 each"),
        (
            "dartnet",
            {"stages": [[0], [8], [8], [8]]},
            r"expected stages of at least 1 each, got \[0",
        ),
        ("dartnet", {"stages": 4}, "refuses its configuration"),
        ("dartnet", {"stem": []}, "stem and stem_strides of one length, at least 1, got 0, 2"),
        (
            "dartnet",
            {"stem": [4, [8, 5]]},
            "windows of 3, or even ones .* even stride, got 5 at str",
        ),
        ("dartnet", {"stem": [[8, 2]], "stem_strides": [4]}, "got 2 at stride 4"),
        ("dartnet", {"stem": [[8]]}, "refuses its configuration"),
        ("dartnet", {"stem": [[0, 4]], "stem_strides": [2]}, r"stem of at least 1 each, got \[0\]"),
        ("dartnet", {"stages": ["a", "b", "c", "d"]}, "refuses its configuration"),
        ("alexnet", {"widths": [8, 8]}, "expected 5 widths"),
        ("alexnet", {"exits": 4}, "1 to 3 exits"),
        ("resnet18", {"blocks": [1, 1]}, "expected 4 widths and 4 blocks, got 4 and 2"),
        ("resnet18", {"stem": "tiny"}, "expected auto, small or large, got 'tiny'"),
        ("vgg16", {"widths": [8]}, "as many widths as blocks, got 1 and 5"),
        ("levit", {"variant": "levit_1"}, "expected one of levit_128s, .*, got 'levit_1'"),
        ("levit", {"input_size": (60, 64)}, r"multiples of 16 pixels, got \[60, 64\]"),
        ("torchvision", {"at": ["x"]}, "missing 1 required keyword-only argument: 'backbone'"),
        (
            "torchvision",
            {"backbone": "resnet81", "at": ["layer1"]},
            "expected a model of torchvision, got 'resnet81'; nearest: resnet18",
        ),
        ("timm", {"backbone": "hf-hub:a/b", "at": ["x"]}, "expected a model of timm"),
        (
            "timm",
            {"backbone": "test_vit", "at": ["x"], "options": {"checkpoint_path": "/w.pt"}},
            "options: 'checkpoint_path' is not taken: it would fetch weights",
        ),
        (
            "torchvision",
            {"backbone": "resnet18", "at": ["x"], "options": {"weights": "DEFAULT"}},
            "options: 'weights' is not taken",
        ),
    ],
)
def test_configuration_that_does_not_fit_is_refused(family, config, reason):
    with pytest.raises(ModelError, match=reason):
        create_model(family, **config)


def test_a_family_name_is_taken_once():
    with pytest.raises(ValueError, match="'dartnet' is registered twice"):
        register("dartnet")(MultiExitNetwork)


def test_stages_without_a_head_each_are_refused():
    with pytest.raises(ValueError, match="got 2 stages and 1 heads"):
        MultiExitNetwork(
            [nn.Identity(), nn.Identity()], [nn.Identity()], num_classes=2, input_size=(4, 4)
        )


@pytest.mark.parametrize(("exits", "first_stage"), [(3, "conv1"), (2, "conv2"), (1, "all")])
def test_alexnet_without_some_exits_is_the_same_backbone(exits, first_stage):
    network = create_model("alexnet", exits=exits, widths=[4, 4, 4, 4, 4])
    convolutions = [
        sum(isinstance(m, nn.Conv2d) for m in stage.modules()) for stage in network.stages
    ]
    assert convolutions == {"conv1": [1, 1, 3], "conv2": [2, 3], "all": [5]}[first_stage]
    assert len(network(torch.randn(2, 3, 28, 28))) == exits


@pytest.fixture
def offline_torchvision(monkeypatch):
    """torchvision's models with weights drawn here, as if they had been downloaded."""
    library = {}
    for name in ("resnet18", "vgg16_bn"):
        make = getattr(models, name)

        def trained(*, weights=None, make=make, name=name):
            assert weights is not None
            torch.manual_seed(4)
            library[name] = make(weights=None).eval()
            return library[name]

        monkeypatch.setattr(models, name, trained)
    return library


@torch.inference_mode()
def test_a_pretrained_resnet_answers_like_the_library(offline_torchvision):
    network = create_pretrained("resnet18", num_classes=1000, input_size=(64, 64), stem="large")
    x = torch.randn(2, 3, 64, 64)
    expected = offline_torchvision["resnet18"](x)
    torch.testing.assert_close(network.eval()(x)[-1], expected)


def test_a_pretrained_small_stem_takes_the_middle_of_the_kernel(offline_torchvision):
    network = create_pretrained("resnet18")
    library = offline_torchvision["resnet18"].state_dict()
    own = network.state_dict()
    assert torch.equal(own["stages.0.conv1.weight"], library["conv1.weight"][:, :, 2:5, 2:5])
    deep = "layer4.1.conv2.weight"
    assert torch.equal(own[f"stages.3.{deep}"], library[deep])


def test_weights_of_another_width_are_refused(offline_torchvision):
    with pytest.raises(
        ModelError, match=r"'stages\.0.*expected shape .*the width, depth and input"
    ):
        create_pretrained("resnet18", widths=[32, 64, 128, 256])


@torch.inference_mode()
def test_pretrained_vgg_features_are_the_library_s(offline_torchvision):
    network = create_pretrained("vgg16").eval()
    x = torch.randn(1, 3, 32, 32)
    expected = offline_torchvision["vgg16_bn"].features(x)
    for stage in network.stages:
        x = stage(x)
    torch.testing.assert_close(x.flatten(), expected.flatten())


def test_attention_biases_of_levit_are_interpolated_to_another_size(monkeypatch):
    make = timm.create_model

    def trained(name, *, pretrained=False, **config):
        network = make(name, **config)
        for parameter_name, parameter in network.named_parameters():
            if pretrained and parameter_name.endswith("attention_biases"):
                side = round(parameter.shape[1] ** 0.5)
                rows = torch.linspace(0, 1, side)[:, None].expand(side, side)
                parameter.data.copy_(rows.reshape(1, -1))
        return network

    monkeypatch.setattr(timm, "create_model", trained)
    network = create_pretrained("levit", input_size=(96, 128))
    biases = network.state_dict()["stages.0.stages.0.blocks.0.attn.attention_biases"]
    grid = biases.reshape(-1, 6, 8)
    torch.testing.assert_close(
        grid[0], torch.linspace(0, 1, 6)[:, None].expand(6, 8), atol=0.05, rtol=0
    )


def test_weights_that_cannot_be_downloaded_are_named_in_one_line(monkeypatch):
    def fail(*_arguments, **_keywords):
        raise OSError("no route to host\nlong story")

    monkeypatch.setattr(models, "resnet18", fail)
    expected = (
        r"^pretrained weights of 'resnet18' cannot be downloaded \(OSError: no route to host\); "
        r"try again with a connection to the internet, or train without them$"
    )
    with pytest.raises(ModelError, match=expected):
        create_pretrained("resnet18")


def test_a_family_that_no_library_trained_says_so():
    with pytest.raises(ModelError, match="'dartnet': no library has weights for it, only for levi"):
        create_pretrained("dartnet")


RECIPES = sorted(
    path
    for family in ("alexnet", "resnet18", "vgg16", "levit")
    for path in (Path(__file__).parents[2] / "configs" / "train").glob(f"{family}-*.yaml")
)


ALL_RECIPES = sorted(RECIPES[0].parent.glob("*.yaml"))


@pytest.mark.parametrize("path", ALL_RECIPES, ids=lambda path: path.stem)
def test_every_recipe_s_network_can_be_built(path):
    recipe = load_recipe(path)
    named = [family for family in list_models() if path.stem.startswith(f"{family}-")]
    family = max(named, key=len, default="timm")  # the teacher is of no family of ours
    network = create_model(family, input_size=recipe.input_size, **recipe.model)
    assert count_macs(network).plain() > 0
    assert recipe.cutout < min(recipe.input_size) / 2


def test_the_teacher_s_recipe_freezes_weights_that_are_there():
    recipe = load_recipe(RECIPES[0].parent / "teacher-cifar10.yaml")
    network = create_model("timm", input_size=recipe.input_size, **recipe.model)
    freeze(network, recipe.frozen)
    trained = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert "heads.1.classifier.weight" in trained
    assert not {name for name in trained if "conv_dw" in name or "blocks.2" in name}


def test_every_family_of_the_paper_has_a_recipe():
    assert len(RECIPES) == 4
    assert len(ALL_RECIPES) >= 9
