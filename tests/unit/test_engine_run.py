"""The engine on toy networks: it computes what it must, nothing else, and answers the same."""

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from dart_stream.engine import Engine, EngineError, StagedModel
from dart_stream.errors import ModelError, PolicyError
from dart_stream.policies import FixedPolicy, FullDepthPolicy, Policy, replay

CLASSES, SIZE = 5, (16, 12)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
STAGE_MACS, HEAD_MACS = (100, 200, 400), (1, 2, 4)
NEVER = FixedPolicy(thresholds=(1.0, 1.0))  # random toys are never that sure


class Block(nn.Module):
    """Convolution, normalisation, rectifier beside a shortcut."""

    def __init__(self, channels, out, *, norm):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(out) if norm else nn.Identity()
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, out, 1))

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)) + self.shortcut(x))


class Toy(nn.Module):
    def __init__(self, *, norm=True):
        super().__init__()
        widths = (3, 8, 12, 16)
        self.stages = nn.ModuleList(Block(a, b, norm=norm) for a, b in pairwise(widths))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))
            for width in widths[1:]
        )

    def forward(self, x):
        logits = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            logits.append(head(x))
        return logits


def toy_model(*, norm=True, **changes):
    torch.manual_seed(3)
    network = Toy(norm=norm).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=2)
    fields = {
        "network": network,
        "num_classes": CLASSES,
        "input_size": SIZE,
        "mean": MEAN,
        "std": STD,
        "temperatures": (0.7, 0.8, 1.3),
        "stage_macs": STAGE_MACS,
        "head_macs": HEAD_MACS,
    }
    return StagedModel(**(fields | changes))


@pytest.fixture(scope="module")
def engine():
    return Engine(toy_model(), device="cpu", precision="fp32")


def pictures(n, seed=0):
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1, (n, *SIZE, 3)) * generator.uniform(5, 90, (n, 1, 1, 1))
    level = generator.uniform(30, 220, (n, 1, 1, 3))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


def no_difficulty(n):
    return np.zeros(n, dtype=np.float32)


def halving_policy(engine, images):
    """Thresholds midway between confidences: about a third leaves at each exit."""
    answers = engine.all_exits(images).max(axis=2)
    thresholds = []
    for k, share in ((0, 0.66), (1, 0.5)):
        ordered = np.sort(answers[:, k])
        cut = int(share * len(ordered))
        thresholds.append(float(ordered[cut - 1 : cut + 1].mean()))
    return FixedPolicy(thresholds=tuple(thresholds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted(Policy):
    """Stops region r (told by its difficulty) at exit `exits[r]`; keeps what it saw."""

    exits: tuple[int, ...]
    watched: tuple[bool, ...] = (True, True)
    seen: list = dataclasses.field(default_factory=list, compare=False)
    kind: ClassVar[str] = "scripted"

    def fires(self, seen):
        self.seen.append(seen)
        return np.array([self.exits[int(r)] == seen.exit_index for r in seen.difficulty], bool)

    def watches(self, exit_index):
        return self.watched[exit_index]

    def require_fit(self, num_exits, num_classes):
        pass

    def to_dict(self):
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, body):
        raise NotImplementedError


def region_numbers(n):
    return np.arange(n, dtype=np.float32)


@pytest.fixture
def calls(engine):
    """How many rows each stage and head is called with, in order."""
    log, handles = [], []
    for name in ("stage", "head"):
        for k, module in enumerate(getattr(engine._network, f"_{name}s")):
            handles.append(
                module.register_forward_hook(
                    lambda _module, inputs, _output, name=name, k=k: log.append(
                        (name, k, len(inputs[0]))
                    )
                )
            )
    yield log
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("n", [1, 7, 64])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("policy", [NEVER, FullDepthPolicy()], ids=["never", "full"])
def test_a_policy_that_never_fires_gives_the_plain_answer_bit_for_bit(n, precision, policy):
    engine = Engine(toy_model(), device="cpu", precision=precision)
    images = pictures(n)
    decisions = engine.run(images, no_difficulty(n), policy)
    plain = engine.plain(images)
    np.testing.assert_array_equal(decisions.confidence, plain.max(axis=1))
    np.testing.assert_array_equal(decisions.label_id, plain.argmax(axis=1))
    np.testing.assert_array_equal(decisions.exit, 2)


@pytest.mark.parametrize("norm", [False, True], ids=["nothing to fold", "folded"])
def test_all_exits_are_the_calibrated_answers_of_the_network_itself(norm):
    model = toy_model(norm=norm)
    images = pictures(9)
    x = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / (
        torch.tensor(STD).view(3, 1, 1)
    )
    with torch.inference_mode():
        expected = [
            torch.softmax(logits / temperature, dim=1).numpy()
            for logits, temperature in zip(model.network(x), model.temperatures, strict=True)
        ]
    answers = Engine(model, device="cpu", precision="fp32").all_exits(images)
    np.testing.assert_allclose(answers, np.stack(expected, axis=1), atol=1e-4)


def test_stages_behind_the_exit_taken_are_not_run(engine, calls):
    engine.run(pictures(6), region_numbers(6), Scripted(exits=(0, 2, 1, 1, 0, 0)))
    assert calls == [
        ("stage", 0, 6),
        ("head", 0, 6),
        ("stage", 1, 3),
        ("head", 1, 3),
        ("stage", 2, 1),
        ("head", 2, 1),
    ]


def test_when_all_have_left_nothing_more_runs(engine, calls):
    decisions = engine.run(pictures(4), region_numbers(4), Scripted(exits=(0, 0, 0, 0)))
    assert calls == [("stage", 0, 4), ("head", 0, 4)]
    np.testing.assert_array_equal(decisions.cost_macs, 101)


def test_the_head_of_an_exit_nobody_watches_is_not_run(engine, calls):
    policy = FixedPolicy(thresholds=(None, 0.0))
    decisions = engine.run(pictures(3), no_difficulty(3), policy)
    assert calls == [("stage", 0, 3), ("stage", 1, 3), ("head", 1, 3)]
    np.testing.assert_array_equal(decisions.cost_macs, 100 + 200 + 2)
    np.testing.assert_array_equal(decisions.exit_label_id[:, 0], -1)
    assert np.isnan(decisions.exit_confidence[:, [0, 2]]).all()


def test_a_region_costs_the_stages_and_heads_that_ran_for_it(engine):
    audit = np.array([False, False, False, True])
    policy = Scripted(exits=(0, 1, 2, 0))
    decisions = engine.run(pictures(4), region_numbers(4), policy, audit)
    np.testing.assert_array_equal(decisions.exit, [0, 1, 2, 0])
    np.testing.assert_array_equal(decisions.cost_macs, [101, 303, 707, 707])


def test_answers_belong_to_their_regions_after_compaction(engine):
    images = pictures(60)
    policy = halving_policy(engine, images)
    decisions = engine.run(images, no_difficulty(60), policy)
    assert set(decisions.exit) == {0, 1, 2}
    expected = engine.all_exits(images)[np.arange(60), decisions.exit]
    np.testing.assert_allclose(decisions.confidence, expected.max(axis=1), atol=1e-5)
    np.testing.assert_array_equal(decisions.label_id, expected.argmax(axis=1))


def test_a_decision_does_not_depend_on_the_batch_beyond_rounding(engine):
    images = pictures(40, seed=1)
    policy = halving_policy(engine, images)
    together = engine.run(images, no_difficulty(40), policy)
    for row in range(40):
        alone = engine.run(images[row : row + 1], no_difficulty(1), policy)
        close = np.abs(np.array(policy.thresholds) - together.exit_confidence[row, :2]) < 1e-3
        if not close.any():
            assert alone.exit[0] == together.exit[row]
            assert alone.label_id[0] == together.label_id[row]
            assert alone.confidence[0] == pytest.approx(together.confidence[row], abs=1e-3)


def test_recorded_answers_replay_to_the_same_decisions(engine):
    images = pictures(50, seed=2)
    policy = halving_policy(engine, images)
    everything = np.ones(50, dtype=bool)  # audits keep the batch whole: the same arithmetic
    decisions = engine.run(images, no_difficulty(50), policy, everything)
    exits = replay(policy, engine.all_exits(images), no_difficulty(50))
    np.testing.assert_array_equal(decisions.exit, exits)
    assert len(set(exits)) == 3


def test_an_audit_keeps_the_deployed_decision_and_adds_the_full_answer(engine):
    images = pictures(60, seed=3)
    policy = halving_policy(engine, images)
    audit = np.arange(60) % 3 == 0
    plain, audited = (engine.run(images, no_difficulty(60), policy, coin) for coin in (None, audit))
    np.testing.assert_array_equal(audited.exit, plain.exit)
    np.testing.assert_array_equal(audited.label_id, plain.label_id)
    np.testing.assert_allclose(audited.confidence, plain.confidence, atol=1e-5)
    full = engine.plain(images)
    np.testing.assert_array_equal(audited.full_label_id[audit], full[audit].argmax(axis=1))
    np.testing.assert_allclose(audited.full_confidence[audit], full[audit].max(axis=1), atol=1e-5)
    np.testing.assert_array_equal(audited.full_label_id[~audit], -1)
    assert np.isnan(audited.full_confidence[~audit]).all()
    assert (audited.exit[audit] < 2).any()


def test_an_audit_records_every_exit_even_those_nobody_watches(engine, calls):
    audit = np.array([False, True, False])
    decisions = engine.run(pictures(3), no_difficulty(3), FullDepthPolicy(), audit)
    assert calls == [
        ("stage", 0, 3),
        ("head", 0, 1),
        ("stage", 1, 3),
        ("head", 1, 1),
        ("stage", 2, 3),
        ("head", 2, 3),
    ]
    assert (decisions.exit_label_id[1] >= 0).all()
    np.testing.assert_array_equal(decisions.exit_label_id[[0, 2], :2], -1)
    np.testing.assert_array_equal(decisions.cost_macs, [704, 707, 704])


def test_a_policy_sees_only_undecided_regions_and_nothing_an_audit_added(engine):
    policy = Scripted(exits=(1, 2, 1), watched=(False, True))
    engine.run(pictures(3), region_numbers(3), policy, np.array([True, True, False]))
    (seen,) = policy.seen
    np.testing.assert_array_equal(seen.difficulty, [0, 1, 2])
    np.testing.assert_array_equal(seen.label_history, -1)

    policy = Scripted(exits=(0, 2, 1))
    decisions = engine.run(pictures(3), region_numbers(3), policy, np.array([True, True, False]))
    _, second = policy.seen
    np.testing.assert_array_equal(second.difficulty, [1, 2])
    np.testing.assert_array_equal(second.label_history[:, 0], decisions.exit_label_id[1:, 0])
    np.testing.assert_allclose(second.probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(second.confidence, second.probabilities.max(axis=1))
    np.testing.assert_array_equal(second.label_id, second.probabilities.argmax(axis=1))


def test_an_empty_batch_has_empty_decisions(engine, calls):
    decisions = engine.run(pictures(0), no_difficulty(0), NEVER)
    assert calls == []
    names = [field.name for field in dataclasses.fields(decisions)]
    for name in (*names, "full_label_id", "full_confidence"):
        assert len(getattr(decisions, name)) == 0
    assert engine.all_exits(pictures(0)).shape == (0, 3, CLASSES)
    assert engine.plain(pictures(0)).shape == (0, CLASSES)


def test_pixels_from_a_message_are_read_only_and_fine(engine):
    images = pictures(2)
    received = np.frombuffer(images.tobytes(), dtype=np.uint8).reshape(images.shape)
    assert not received.flags.writeable
    np.testing.assert_array_equal(engine.plain(received), engine.plain(images))


def test_survivors_stay_channels_last(engine):
    x = torch.rand(6, 8, 5, 4).to(memory_format=torch.channels_last)
    rows = np.array([1, 4])
    chosen = engine._network.select(x, rows)
    assert chosen.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(chosen, x[rows])
    tokens = torch.rand(6, 3, 8)
    assert torch.equal(engine._network.select(tokens, rows), tokens[rows])
    assert engine._network.select(x, np.arange(6)) is x
    assert engine._network.select(x, None) is x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": pictures(3).astype(np.float32)}, r"images: expected uint8 \(n, 16, 12, 3\)"),
        ({"images": pictures(3)[:, :8]}, r"got uint8 \(3, 8, 12, 3\)"),
        ({"difficulty": np.zeros(2, np.float32)}, r"difficulty: expected float32 \(3,\)"),
        ({"difficulty": np.zeros(3)}, "got float64"),
        ({"audit": np.zeros(3, np.int64)}, r"audit: expected bool \(3,\), got int64"),
    ],
)
def test_other_arrays_are_refused_with_what_came(engine, changes, message):
    arguments = {"images": pictures(3), "difficulty": no_difficulty(3), "policy": NEVER}
    with pytest.raises(EngineError, match=message):
        engine.run(**(arguments | changes))


def test_a_policy_of_another_model_is_refused(engine):
    with pytest.raises(PolicyError, match=r"expected 2 .*, got 1"):
        engine.run(pictures(1), no_difficulty(1), FixedPolicy(thresholds=(0.5,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperatures": (1.0, 1.0)}, "temperatures: expected 3 entries, got 2"),
        ({"temperatures": (1.0, 0.0, 1.0)}, "temperatures: expected positive"),
        ({"std": (1.0, -1.0, 1.0)}, "std: expected positive"),
        ({"mean": (1.0,)}, "mean: expected 3"),
        ({"head_macs": ()}, "head_macs: expected 3"),
    ],
)
def test_a_model_that_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        toy_model(**changes)


def test_stage_times_cover_every_stage_and_head(engine):
    times = engine.measure_stage_times((1, 4), repeats=3)
    assert times.batch_sizes == (1, 4)
    assert times.stage_ms.shape == times.head_ms.shape == (2, 3)
    assert (times.stage_ms > 0).all()
    assert (times.head_ms > 0).all()
    parting_ms = engine.measure_parting(4, repeats=3)
    assert parting_ms.shape == (2,)
    assert (parting_ms > 0).all()


def test_warming_up_runs_every_part_at_every_size(engine, calls):
    engine.warm_up(range(1, 4))
    expected = {(name, k, n) for name in ("stage", "head") for k in range(3) for n in (1, 2, 3)}
    assert set(calls) == expected
    assert len(calls) == len(expected)
