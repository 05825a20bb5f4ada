"""Exit tables recorded from a model: the answers that the engine gives."""

import numpy as np
import pytest
import torch

from dart_stream.difficulty import DifficultyTables, estimator_flops
from dart_stream.engine import Engine, staged_model
from dart_stream.engine.prepared_network import FoldedStages, PreparedNetwork
from dart_stream.engine.recording import record_exits
from dart_stream.model_dir import load_network, read_info, resolve
from dart_stream.policies import FixedPolicy, replay

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def default():
    directory = resolve("default")
    info = read_info(directory)
    return info, staged_model(info, load_network(directory, info))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def table(default, images):
    info, staged = default
    network = PreparedNetwork(staged, FoldedStages(staged), CPU, "fp32")
    labels = np.arange(len(images)) % len(info.classes)
    done = []
    made = record_exits(info, network, images, labels, "noise", done.append)
    assert done == [250, 300]
    return made


def test_it_holds_what_the_model_says(default, images, table):
    info, _ = default
    assert table.logits.shape == (300, info.num_exits, len(info.classes))
    assert table.macs.plain() == info.macs.plain()
    assert table.macs.estimator == estimator_flops(32, 32) / 2
    np.testing.assert_array_equal(
        table.difficulty, DifficultyTables.from_dict(info.difficulty).score(images)
    )


def test_a_policy_leaves_where_the_engine_does(default, images, table):
    info, staged = default
    # Between two confidences, so that rounding in another batch decides nothing.
    ranked = np.sort(table.confidence[:, :-1], axis=0)
    widest = np.diff(ranked, axis=0)[100:200].argmax(0) + 100
    between = (ranked[widest, range(3)] + ranked[widest + 1, range(3)]) / 2
    policy = FixedPolicy(thresholds=tuple(between.tolist()))
    decided = Engine(staged, device="cpu", precision="fp32", threads=1).run(
        images, table.difficulty, policy
    )
    expected = replay(policy, table.probabilities, table.difficulty)
    np.testing.assert_array_equal(decided.exit, expected)
    rows = np.arange(len(images))
    np.testing.assert_array_equal(decided.label_id, table.answers[rows, expected])
    np.testing.assert_allclose(decided.confidence, table.confidence[rows, expected], atol=1e-5)
    assert len(set(expected.tolist())) > 1
    assert decided.cost_macs.tolist() == [info.macs.cumulative()[k] for k in expected]
