"""Exits on one's own backbone: where it can be cut, what is refused, and that nothing changes."""

import copy
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from dart_stream.errors import ModelError
from dart_stream.models import count_macs, cut_points, with_exits
from dart_stream.models.heads import ConvHead, PooledHead, TokenHead, make_head, mean_over_grid

SIZE = (12, 8)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return x + self.conv(self.act(x))


class Backbone(nn.Module):
    """Small, residual, with in-place rectifiers and its own functional steps."""

    def __init__(self, channels=3, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(channels, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.blocks = nn.Sequential(Block(6), Block(6), Block(6))
        self.last = nn.Conv2d(6, 10, 3, stride=2)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(10, classes)

    def forward(self, x):
        x = self.norm(self.stem(x)) * 2
        x = self.blocks(x)
        x = functional.relu(self.last(x))
        return self.fc(self.drop(x.mean((2, 3))))


def backbone(**arguments):
    torch.manual_seed(0)
    return Backbone(**arguments)


def pictures(n=3, size=SIZE):
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(1))


def test_cut_points_are_named_by_modules_and_by_what_forward_computes():
    points = cut_points(backbone(), input_size=SIZE)
    assert [point.name for point in points] == [
        "stem",
        "norm",
        "mul",
        "blocks.0",
        "blocks.1",
        "blocks",
        "last",
        "relu",
    ]
    assert [point.shape for point in points][-3:] == [(6, 12, 8), (10, 5, 3), (10, 5, 3)]
    stem, block, last = 12 * 8 * 6 * 27, 12 * 8 * 6 * 54, 5 * 3 * 10 * 54
    total = stem + 3 * block + last + 40
    shares = {point.name: point.macs_share for point in points}
    assert shares["mul"] == pytest.approx(stem / total)
    assert shares["blocks.1"] == pytest.approx((stem + 2 * block) / total)
    assert shares["relu"] == pytest.approx((total - 40) / total)


@pytest.mark.parametrize("at", [["stem"], ["mul"], ["norm", "blocks.0"], ["blocks.0", "last"]])
def test_full_depth_is_the_backbone_bit_for_bit_whatever_the_cuts(at):
    original = backbone().eval()
    network = with_exits(original, at, input_size=SIZE)
    assert not network.training
    with torch.inference_mode():
        answers = network(pictures())
        assert torch.equal(answers[-1], original(pictures()))
    assert [tuple(each.shape) for each in answers] == [(3, 4)] * (len(at) + 1)


@pytest.mark.parametrize("at", ["mul", "blocks.0"])
def test_a_rectifier_in_place_behind_a_cut_leaves_what_the_head_read(at):
    network = with_exits(backbone(), [at], input_size=SIZE)
    sum(answer.sum() for answer in network(pictures())).backward()
    x = network.stages[0](pictures())
    before = x.clone()
    network.stages[1](x)
    assert torch.equal(x, before)


def test_the_backbone_given_is_copied_and_stays_as_it_was():
    original = backbone().train()
    before = copy.deepcopy(original.state_dict())
    network = with_exits(original, ["blocks.0"], input_size=SIZE, num_classes=7)
    assert network.training
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    network(pictures())
    after = original.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert original.blocks[0].act.inplace


def test_weights_keep_their_names_behind_the_stage_they_went_to():
    names = with_exits(backbone(), ["blocks.0"], input_size=SIZE).state_dict().keys()
    assert {"stages.0.stem.weight", "stages.1.blocks.1.conv.bias", "heads.1.fc.weight"} <= names


def test_copies_answer_alike_and_keep_to_themselves():
    network = with_exits(backbone(), ["mul"], input_size=SIZE).eval()
    twin = copy.deepcopy(network)
    expected = network(pictures())
    with torch.no_grad():
        network.heads[0].linear.bias += 1
        network.stages[0].stem.bias += 1
    for got, answer in zip(twin(pictures()), expected, strict=True):
        assert torch.equal(got, answer)


@pytest.mark.parametrize(("classes", "kept"), [(4, True), (7, False)])
def test_the_classifier_is_made_anew_for_another_number_of_classes(classes, kept):
    original = backbone()
    network = with_exits(original, ["blocks.0"], input_size=SIZE, num_classes=classes)
    assert network.num_classes == classes
    assert [tuple(each.shape) for each in network(pictures())] == [(3, classes)] * 2
    assert (network.heads[-1].fc.weight.shape == original.fc.weight.shape) == kept
    if kept:
        assert torch.equal(network.heads[-1].fc.weight, original.fc.weight)


class Fully(nn.Module):
    """Classifies by a 1x1 convolution and averages two answers, as some networks do."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.deeper = nn.Conv2d(6, 6, 3, padding=1)
        self.a = nn.Conv2d(6, 4, 1)
        self.b = nn.Linear(6, 4)

    def forward(self, x):
        x = torch.relu(self.deeper(self.features(x)))
        return (self.a(x).mean((2, 3)) + self.b(x.mean((2, 3)))) / 2


def test_every_layer_that_makes_the_logits_is_made_anew():
    network = with_exits(Fully(), ["features"], input_size=SIZE, num_classes=9)
    assert network(pictures())[-1].shape == (3, 9)


def test_a_backbone_that_ends_in_something_else_keeps_its_classes():
    odd = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(128, 5), nn.LayerNorm(5)
    )
    network = with_exits(odd, ["0"], input_size=SIZE)
    assert network(pictures())[-1].shape == (3, 5)
    with pytest.raises(ModelError, match="expected a linear layer before the output, found _4"):
        with_exits(odd, ["0"], input_size=SIZE, num_classes=3)


def test_a_backbone_of_one_channel_reads_the_mean_of_three():
    original = backbone(channels=1).eval()
    network = with_exits(original, ["blocks.0"], input_size=SIZE, in_chans=1)
    x = pictures()
    with torch.inference_mode():
        assert torch.equal(network(x)[-1], original(x.mean(1, keepdim=True)))
    with pytest.raises(ModelError, match=r"do not pass .* in_chans=1 if it reads one channel"):
        with_exits(original, ["blocks.0"], input_size=SIZE)
    with pytest.raises(ModelError, match="in_chans: expected 3, or 1 for the mean"):
        with_exits(original, ["blocks.0"], input_size=SIZE, in_chans=4)


def test_a_backbone_may_see_pictures_enlarged():
    original = backbone().eval()
    network = with_exits(original, ["blocks.0"], input_size=SIZE, enlarge=2)
    x = pictures()
    large = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    with torch.inference_mode():
        assert torch.equal(network(x)[-1], original(large))
    assert network.input_size == SIZE
    plain = with_exits(original, ["blocks.0"], input_size=SIZE)
    assert count_macs(network).stages[0] == 4 * count_macs(plain).stages[0]
    with pytest.raises(ModelError, match="enlarge: expected a whole number of at least 1, got 0"):
        with_exits(original, ["blocks.0"], input_size=SIZE, enlarge=0)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (["block.1"], "Backbone: cut point 'block.1': no such part, nearest is 'blocks.1'"),
        (
            ["blocks.0.conv"],
            r"one tensor may pass a cut, also mul -> add would; valid nearby: .*norm, mul, blocks",
        ),
        (["fc"], r"expected a tensor \[N, C, H, W\] or .* got \[5, 4\] for N=5; valid nearby"),
        (["blocks.1", "blocks.0"], "cut points in order, each once, got 'blocks.0' after 'blocks."),
        (["stem", "stem"], "each once, got 'stem' after 'stem'"),
        (["relu"], "'relu' is where the classifier begins: an exit there saves nothing"),
        ([], "at least one cut point, got none"),
    ],
)
def test_cuts_that_are_not_possible_are_refused_with_what_is(at, reason):
    with pytest.raises(ModelError, match=reason):
        with_exits(backbone(), at, input_size=SIZE)


class Returning(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.more = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.Identity()
        self.fc = nn.Linear(4, 2)
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


def by_data(net, x):
    return net.fc(net.more(net.conv(x)).mean((2, 3))) if float(x.sum()) > 0 else x


def by_mode(net, x):
    x = functional.dropout(net.more(net.conv(x)), 0.5, net.training)
    return net.fc(x.mean((2, 3)))


def unread_change(net, x):
    x = net.conv(x)
    x.mul_(2)
    return net.fc(net.more(x).mean((2, 3)))


def twice(net, x):
    return net.fc(net.more(torch.relu(net.more(net.conv(x)))).mean((2, 3)))


def two_answers(net, x):
    x = net.fc(net.more(net.conv(x)).mean((2, 3)))
    return x, x


@pytest.mark.parametrize(
    ("forward", "at", "reason"),
    [
        (
            by_data,
            ["conv"],
            r"Returning: torch.fx cannot follow its forward \((TypeError|TraceError)",
        ),
        (by_mode, ["conv"], "something else in training than in evaluation; move that part"),
        (unread_change, ["conv"], "mul_ changes a tensor in place and nobody reads what it ret"),
        (twice, ["more"], "'more.weight' is used on both sides of a cut"),
        (two_answers, ["conv"], "expected one tensor of logits"),
    ],
)
def test_backbones_that_cannot_be_cut_say_why(forward, at, reason):
    with pytest.raises(ModelError, match=reason):
        with_exits(Returning(forward), at, input_size=SIZE)


def test_pictures_of_a_size_that_does_not_pass_are_refused():
    rigid = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(100, 2))
    with pytest.raises(
        ModelError, match=r"pictures \[N, 3, 12, 8\] do not pass .*input_size it wa"
    ):
        with_exits(rigid, ["0"], input_size=SIZE)


class Halving(nn.Module):
    """Does something else in training, by a function: a trace would freeze one of the two."""

    def forward(self, x):
        return x / 2 if self.training else x


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.shape[2] > 4 else x * 0


def test_modules_that_look_at_their_mode_keep_looking():
    original = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.Sequential(Halving()),
        nn.Conv2d(4, 4, 3),
        nn.Flatten(2),
        nn.Flatten(),
    )
    original.append(nn.Linear(128, 2))
    network = with_exits(original, ["0"], input_size=SIZE)
    x = pictures()
    for training in (True, False, True):
        network.train(training)
        original.train(training)
        torch.testing.assert_close(network(x)[-1], original(x), rtol=0, atol=0)


def test_opaque_modules_are_not_looked_into():
    parts = [nn.Conv2d(3, 4, 3), Deciding(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(128, 2)]
    with pytest.raises(ModelError, match="name the modules that decide by sizes in `opaque`"):
        cut_points(nn.Sequential(*parts), input_size=SIZE)
    names = [
        p.name
        for p in cut_points(nn.Sequential(*parts), input_size=SIZE, opaque=[nn.Flatten, Deciding])
    ]
    assert names == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("kind", "shape", "made", "macs"),
    [
        ("auto", (6, 4, 4), PooledHead, 6 * 3),
        ("auto", (9, 6), TokenHead, 6 * 6 + 6 * 3),
        ("pooled", (6, 5, 7), PooledHead, 6 * 3),
        ("conv", (6, 4, 4), ConvHead, 2 * 2 * 32 * 54 + 32 * 3),
        ("token", (9, 6), TokenHead, 6 * 6 + 6 * 3),
        ("token", (4, 4, 6), TokenHead, 6 * 6 + 6 * 3),
    ],
)
def test_heads_map_what_a_stage_hands_on_to_logits(kind, shape, made, macs):
    head = make_head(kind, shape, 3).eval()
    assert isinstance(head, made)
    assert head(torch.randn(2, *shape)).shape == (2, 3)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        head(torch.randn(1, *shape))
    assert counter.get_total_flops() // 2 == macs


@pytest.mark.parametrize(
    ("kind", "shape", "reason"),
    [
        ("pooled", (9, 6), r"expected a map \[C, H, W\], got \[9, 6\]"),
        ("big", (6, 4, 4), "got 'big'"),
    ],
)
def test_heads_that_do_not_fit_are_refused(kind, shape, reason):
    with pytest.raises(ModelError, match=reason):
        make_head(kind, shape, 3)


def test_each_exit_may_have_its_own_head():
    network = with_exits(
        backbone(),
        ["blocks.0", "blocks.1"],
        input_size=SIZE,
        heads=["conv", lambda shape, classes: PooledHead(shape[0], classes, grid=2)],
    )
    assert isinstance(network.heads[0], ConvHead)
    assert network.heads[1].grid == 2
    assert count_macs(network).heads[1] == 6 * 4 * 4
    with pytest.raises(ModelError, match="expected 1 heads, one per cut, got 2"):
        with_exits(backbone(), ["blocks.0"], input_size=SIZE, heads=["auto", "auto"])


@pytest.mark.parametrize(("size", "grid"), [((8, 6), 2), ((7, 6), 2), ((5, 3), 1)])
def test_the_mean_over_a_grid_is_the_adaptive_one(size, grid):
    x = torch.randn(2, 4, *size)
    torch.testing.assert_close(mean_over_grid(x, grid), functional.adaptive_avg_pool2d(x, grid))


def test_the_documented_example_runs(capsys):
    page = Path(__file__).parents[2] / "docs" / "models.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    found = {}
    exec(code, found)  # our own page
    assert found["full"].shape == (8, 10)
    assert "features.3" in capsys.readouterr().out
