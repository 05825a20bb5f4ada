"""Exits calibrated on the pictures that reach them."""

import numpy as np
import pytest

from dart_stream.calibration import fit_temperatures
from dart_stream.macs import Macs
from dart_stream.training.exit_calibration import ExitAnswers, calibrate_exits, calibration_error

MACS = Macs(stages=[10, 90], heads=[1, 1])


def two_exits(count, *, hard_share):
    """A cheap exit that knows the easy pictures, and a last one that boasts on the hard ones."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 4, count)
    hard = np.arange(count) < hard_share * count
    right = np.eye(4)[labels]
    early = right * np.where(hard, 0.0, 9.0)[:, None] + generator.normal(0, 0.5, (count, 4))
    noise = generator.gumbel(size=(count, 4))
    honest = generator.normal(0, 2, (count, 4))
    drawn = (honest + noise).argmax(1)
    labels = np.where(hard, drawn, labels)
    last = np.where(hard[:, None], honest * 3, right * 9)
    return ExitAnswers(np.stack([early, last]).astype(np.float32), labels)


def test_last_exit_is_fitted_on_the_hard_pictures_that_reach_it():
    answers = two_exits(4_000, hard_share=0.5)
    found = calibrate_exits(answers, MACS, max_disagreement=0.02)
    on_all = fit_temperatures(answers.logits, answers.labels)
    assert found.figures["fitted_on"] == ["survivors", "survivors"]
    assert found.figures["temperatures_on_all"] == on_all
    assert found.figures["survivors"][1] == pytest.approx(2_000, rel=0.05)
    assert found.temperatures[0] == on_all[0]
    assert found.temperatures[1] == pytest.approx(3.0, rel=0.1)
    assert abs(found.temperatures[1] - 3) < abs(on_all[1] - 3)


def test_calibration_lowers_the_error_of_an_exit_on_its_survivors():
    answers = two_exits(4_000, hard_share=0.5)
    found = calibrate_exits(answers, MACS, max_disagreement=0.02)
    reached = np.arange(4_000)[None].repeat(2, 0) < 2_000
    before = calibration_error(answers.calibrated([1.0, 1.0]), answers.labels, reached)
    after = calibration_error(answers.calibrated(found.temperatures), answers.labels, reached)
    assert before[1] > 0.1
    assert after[1] < 0.03


def test_figures_compare_with_a_sigmoid_exit_by_exit():
    found = calibrate_exits(two_exits(4_000, hard_share=0.5), MACS, max_disagreement=0.02)
    assert found.figures["shipped"] == "temperature"
    assert [row["n"] for row in found.figures["exits"]] == found.figures["survivors"]
    for row in found.figures["exits"]:
        assert row["chosen"] in {"temperature", "platt"}
        assert row["temperature"]["nll"] <= row["none"]["nll"]
        assert row["sigmoid"].keys() == {"slope", "offset"}


def test_an_exit_that_hardly_any_picture_reaches_is_fitted_on_all():
    answers = two_exits(1_000, hard_share=0.05)
    found = calibrate_exits(answers, MACS, max_disagreement=0.02)
    assert found.figures["fitted_on"] == ["survivors", "all"]
    assert found.temperatures == found.figures["temperatures_on_all"]
    assert found.figures["exits"][1]["n"] == 1_000


def test_an_exit_that_no_picture_reaches_has_no_error():
    probabilities = np.array([[[0.9, 0.1]], [[0.8, 0.2]]])
    reached = np.array([[True], [False]])
    assert calibration_error(probabilities, np.array([0]), reached) == [0.1, None]
