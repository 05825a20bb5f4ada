"""What every registered family promises to the engine, the trainer and the model directory."""

import copy
import inspect
import json
import math
from itertools import accumulate, pairwise

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision import models

from dart_stream.engine import Engine, StagedModel
from dart_stream.macs import Macs
from dart_stream.model_dir import (
    Architecture,
    ModelInfo,
    PixelStatistics,
    load_network,
    write_model_dir,
)
from dart_stream.model_weights import stored_state
from dart_stream.models import count_macs, create_model, full_config, list_models
from dart_stream.models.registry import _families
from dart_stream.models.resnet18 import ResNet
from dart_stream.models.vgg16 import Vgg
from dart_stream.policies import FixedPolicy

CLASSES = 3
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)

# Beside its configuration each family that cuts a backbone says how to build that backbone.
FAMILIES = {
    "dartnet": (
        (18, 16),
        {"stem": [4], "stem_strides": [2], "stages": [[4], [8]], "strides": [1, 2], "heads": [[4]]},
        None,
    ),
    "dartnet-tiny": ((16, 18), {"stages": [[4], [4], [8, 8], [8]]}, None),
    "dartnet-64": ((20, 18), {"stages": [[4], [4], [8], [8]], "heads": [[4, 4]]}, None),
    "alexnet": ((20, 17), {"widths": [8, 8, 12, 8, 8], "hidden": [16], "first_inner": 2}, None),
    "resnet18": (
        (16, 19),
        {"widths": [8, 8, 12, 16], "blocks": [2, 1, 1, 1]},
        lambda: ResNet(CLASSES, [8, 8, 12, 16], [2, 1, 1, 1], small_stem=True),
    ),
    "vgg16": (
        (20, 16),
        {"widths": [8, 8, 12, 16], "blocks": [1, 2, 1, 1], "hidden": [16]},
        lambda: Vgg(CLASSES, [8, 8, 12, 16], [1, 2, 1, 1], [16]),
    ),
    "levit": (
        (80, 96),
        {},
        lambda: timm.create_model("levit_128s", num_classes=CLASSES, img_size=(80, 96)),
    ),
    "torchvision": (
        (32, 40),
        {
            "backbone": "mobilenet_v2",
            "at": ["features.3", "features.7"],
            "heads": ["conv", "pooled"],
            "options": {"width_mult": 0.2},
        },
        lambda: models.mobilenet_v2(num_classes=CLASSES, width_mult=0.2),
    ),
    "timm": (
        (64, 48),
        {"backbone": "test_vit", "at": ["blocks.1"], "options": {"drop_path_rate": 0.2}},
        lambda: timm.create_model(
            "test_vit", num_classes=CLASSES, img_size=(64, 48), drop_path_rate=0.2
        ),
    ),
}


def test_every_registered_family_is_held_to_the_contract():
    assert list_models() == sorted(FAMILIES)
    assert len(FAMILIES) == 9


def build(family):
    input_size, config, _original = FAMILIES[family]
    torch.manual_seed(1)
    return create_model(family, num_classes=CLASSES, input_size=input_size, **config)


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def fresh(family):
    return build(family)


@pytest.fixture
def untrained(fresh):
    return copy.deepcopy(fresh)


@pytest.fixture(scope="module")
def network(fresh):
    """Normalisations have seen data, so that folding has something to do; nothing starts at 0."""
    network = copy.deepcopy(fresh).train()
    torch.manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(4, 3, *network.input_size))
    return network.eval()


@pytest.fixture(scope="module")
def macs(network):
    return count_macs(network)


@pytest.fixture(scope="module")
def engine(network, macs):
    return Engine(staged(network, macs), device="cpu", precision="fp32")


def staged(network, macs):
    return StagedModel(
        network=network,
        num_classes=CLASSES,
        input_size=network.input_size,
        mean=MEAN,
        std=STD,
        temperatures=[1.0] * len(network.stages),
        stage_macs=macs.stages,
        head_macs=macs.heads,
    )


def pictures(network, n):
    return torch.randn(n, 3, *network.input_size, generator=torch.Generator().manual_seed(n))


def pixels(network, n):
    shape = (n, *network.input_size, 3)
    return np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8)


@torch.inference_mode()
def logits(network, x):
    return network.eval()(x)


@pytest.mark.parametrize("n", [1, 5])
def test_every_exit_answers_every_picture(network, n):
    answers = logits(network, pictures(network, n))
    assert [tuple(each.shape) for each in answers] == [(n, CLASSES)] * len(network.stages)
    assert len(network.stages) >= 2


def test_stages_and_heads_run_one_by_one_give_the_same_answers(network):
    x = pictures(network, 5)
    expected = logits(network, x)
    with torch.inference_mode():
        for stage, head, answer in zip(network.stages, network.heads, expected, strict=True):
            x = stage(x)
            torch.testing.assert_close(head(x), answer, rtol=0, atol=0)


def test_a_head_leaves_alone_what_the_next_stage_reads_and_a_stage_what_its_head_read(network):
    x = pictures(network, 2)
    with torch.inference_mode():
        for stage, head in zip(network.stages, network.heads, strict=True):
            before = x.clone()
            after = stage(x)
            assert torch.equal(x, before)
            before, x = after.clone(), after
            head(x)
            assert torch.equal(x, before)


def test_an_answer_does_not_depend_on_the_other_pictures_of_the_batch(network):
    x = pictures(network, 5)
    for together, alone in zip(logits(network, x), logits(network, x[:1]), strict=True):
        torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


def test_full_depth_is_the_original_backbone_bit_for_bit(family, fresh):
    make = FAMILIES[family][2]
    if make is None:
        assert family.startswith(("dartnet", "alexnet"))  # built of stages in the first place
        return
    torch.manual_seed(1)
    original = make().eval()
    x = pictures(fresh, 4)
    with torch.inference_mode():
        expected = original(x)
    network = copy.deepcopy(fresh)
    torch.testing.assert_close(logits(network, x)[-1], expected, rtol=0, atol=0)


def test_stages_behind_the_exit_taken_are_not_run(engine, network, macs):
    calls, handles = [], []
    for k, stage in enumerate(engine._network._stages):
        handles.append(stage.register_forward_hook(lambda *_ignored, k=k: calls.append(k)))
    try:
        for k in range(len(network.stages)):
            calls.clear()
            early = [None] * (len(network.stages) - 1)
            early[k : k + 1] = [0.0] * (k < len(early))
            decisions = engine.run(
                pixels(network, 3), np.zeros(3, np.float32), FixedPolicy(thresholds=tuple(early))
            )
            assert calls == list(range(k + 1))
            assert set(decisions.exit) == {k}
            assert set(decisions.cost_macs) == {sum(macs.stages[: k + 1]) + macs.heads[k]}
    finally:
        for handle in handles:
            handle.remove()


def test_survivors_answer_as_they_do_among_the_others(engine, network):
    """The first exit keeps half of the pictures; those that go on are gathered."""
    images = pixels(network, 6)
    answers = engine.all_exits(images)
    cut = float(np.median(answers[:, 0].max(axis=1)))
    policy = FixedPolicy(thresholds=(cut, *[None] * (len(network.stages) - 2)))
    decisions = engine.run(images, np.zeros(6, np.float32), policy)
    assert sorted(np.unique(decisions.exit)) == [0, len(network.stages) - 1]
    chosen = answers[np.arange(6), decisions.exit].max(axis=1)
    np.testing.assert_allclose(decisions.confidence, chosen, atol=1e-5)


def test_an_audited_picture_keeps_its_answer_and_runs_to_full_depth(engine, network):
    images, early = pixels(network, 5), (0.0, *[None] * (len(network.stages) - 2))
    audit = np.array([False, True, False, False, True])
    answers = engine.all_exits(images)
    decisions = engine.run(images, np.zeros(5, np.float32), FixedPolicy(thresholds=early), audit)
    assert set(decisions.exit) == {0}
    np.testing.assert_allclose(decisions.confidence, answers[:, 0].max(axis=1), atol=1e-5)
    full = answers[audit, -1].max(axis=1)
    np.testing.assert_allclose(decisions.full_confidence[audit], full, atol=1e-5)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.05)])
def test_the_engine_answers_like_the_network(network, macs, precision, tolerance):
    images = pixels(network, 4)
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    expected = torch.stack(logits(network, x), dim=1).softmax(2).numpy()
    prepared = Engine(staged(network, macs), device="cpu", precision=precision)
    np.testing.assert_allclose(prepared.all_exits(images), expected, atol=tolerance)


def test_every_normalisation_folds_and_every_convolution_is_packed(engine, network):
    norms = sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
    convolutions = sum(isinstance(m, nn.Conv2d) for m in network.modules())
    assert f"{norms} of {norms} batch norms folded" in engine.description
    assert f"{convolutions} of {convolutions} convolutions packed" in engine.description


class MacCounter(TorchFunctionMode):
    """Counts from the shapes of what each operation is called with."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunction():
            output = function(*args, **(kwargs or {}))
        if function is torch.conv2d:
            self.total += output.numel() * math.prod(args[1].shape[1:])
        elif function is functional.linear:
            self.total += output.numel() * args[1].shape[1]
        elif function in {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__}:
            self.total += output.numel() * args[0].shape[-1]
        elif function is functional.scaled_dot_product_attention:
            query, key, value = args[:3]
            weights = math.prod(query.shape[:-1]) * key.shape[-2]
            self.total += weights * (query.shape[-1] + value.shape[-1])
        return output


@torch.inference_mode()
def counted(module, x):
    with MacCounter() as counter:
        output = module(x)
    return counter.total, output


def test_macs_are_those_of_every_convolution_and_product_that_runs(network, macs):
    x, stages, heads = pictures(network, 1), [], []
    for stage, head in zip(network.stages, network.heads, strict=True):
        spent, x = counted(stage, x)
        stages.append(spent)
        heads.append(counted(head, x)[0])
    assert macs == Macs(stages, heads)
    assert min(stages) > 0
    assert min(heads) > 0


def test_every_exit_costs_more_than_the_one_before_and_the_first_less_than_the_whole(macs):
    cumulative = macs.cumulative()
    assert all(b > a for a, b in pairwise(cumulative))
    assert cumulative[0] < macs.plain()
    assert list(accumulate(map(sum, zip(macs.stages, macs.heads, strict=True)))) == cumulative


def test_its_configuration_can_be_written_out_in_full(family, fresh):
    """What is passed on unseen would have defaults that nobody can write out."""
    input_size, config, _original = FAMILIES[family]
    parameters = inspect.signature(_families[family]).parameters.values()
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters)
    full = full_config(family, config)
    names = {each.name for each in parameters} - {"num_classes", "input_size"}
    assert full.keys() == names
    assert json.loads(json.dumps(full)) == full
    made = create_model(family, num_classes=CLASSES, input_size=input_size, **full)
    shapes = {name: weight.shape for name, weight in made.state_dict().items()}
    assert shapes == {name: weight.shape for name, weight in fresh.state_dict().items()}


def test_a_model_directory_gives_the_network_back_without_running_code(
    family, network, macs, tmp_path, monkeypatch
):
    def fail(*_arguments, **_keywords):
        raise AssertionError("a model directory is data")

    input_size, config, _original = FAMILIES[family]
    info = ModelInfo(
        name="m",
        architecture=Architecture(family, config),
        classes=[f"c{k}" for k in range(CLASSES)],
        input_size=input_size,
        resize="stretch",
        normalisation=PixelStatistics(MEAN, STD),
        temperatures=[1.0] * len(network.stages),
        difficulty=None,
        macs=macs,
        data="none",
        recipe={},
        figures={},
    )
    write_model_dir(tmp_path, info, network.state_dict(), policy=None)
    monkeypatch.setattr(torch, "load", fail)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    loaded = load_network(tmp_path)
    kept = copy.deepcopy(network)
    kept.load_state_dict(stored_state(kept.state_dict()))
    x = pictures(network, 3)
    for got, expected in zip(logits(loaded, x), logits(kept, x), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_new_weights_are_used_even_after_a_run_in_evaluation_mode(untrained, network):
    x = pictures(network, 2)
    logits(untrained, x)
    untrained.load_state_dict(network.state_dict())
    for got, expected in zip(logits(untrained, x), logits(network, x), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_every_weight_learns_at_every_precision_of_training(untrained):
    # Normalisations that start at zero hide what is before them.
    for module in untrained.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.ones_(module.weight)
    untrained.train()
    torch.manual_seed(3)
    for precision in (torch.float32, torch.bfloat16):
        untrained.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
            answers = untrained(pictures(untrained, 8))
        sum(answer.float().square().sum() for answer in answers).backward()
        dead = [n for n, p in untrained.named_parameters() if p.grad is None or not p.grad.any()]
        assert dead == []


def test_training_mode_differs_and_a_seed_repeats_it(untrained):
    x = pictures(untrained, 4)
    untrained.eval()
    plain = untrained(x)[-1]
    runs = []
    for _ in range(2):
        torch.manual_seed(5)
        network = copy.deepcopy(untrained).train()
        runs.append(network(x)[-1])
    assert torch.equal(*runs)
    assert not torch.equal(runs[0], plain)


def test_the_same_seed_gives_the_same_weights(family, fresh):
    again, expected = build(family).state_dict(), fresh.state_dict()
    assert again.keys() == expected.keys()
    assert all(torch.equal(again[name], value) for name, value in expected.items())
