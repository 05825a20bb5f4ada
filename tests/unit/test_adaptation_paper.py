"""Adaptation as printed feeds on its own opinion."""

from dataclasses import replace

import numpy as np
import pytest
from shifting_table import COSTS, Stream, observe, shifting_table

from dart_stream.adaptation import CONTROLLERS
from dart_stream.adaptation.paper_rules import PaperCoefficients, self_accuracy
from dart_stream.errors import DataError


def paper(**options):
    return CONTROLLERS["paper"](shifting_table(1200), COSTS, epsilon=0.02, **options)


def test_accuracy_by_ones_own_label_is_1_or_unknown():
    assert self_accuracy([(0, 0.9), (2, 0.5), (2, 0.99)], 3) == [1.0, None, 1.0]


def test_eq_13_and_14_by_hand():
    c = PaperCoefficients([1.0, 1.0], [1.0, 1.0])
    c.temporal([1.0, None])
    c.class_aware([None, 0.5])
    assert c.exits == pytest.approx([0.95 + 0.05 * 0.85, 1.0])
    assert c.classes == pytest.approx([1.0, 1.0 + 0.01 * 0.35])


def test_coefficients_only_ever_fall_until_they_are_clipped():
    c = PaperCoefficients([1.0], [1.0])
    course = []
    for _ in range(1000):
        c.class_aware([1.0])
        course.append(c.classes[0])
    assert (np.diff(course) <= 0).all()
    assert course[-1] == 0.1


def test_it_drifts_on_a_stream_that_never_changes():
    controller = paper()
    stream = Stream(controller).resample(shifting_table(1200, 1), 6000)
    early, late = np.mean(stream.differs[:1000]), np.mean(stream.differs[-1000:])
    assert late > early + 0.005
    assert np.mean(stream.costs[-1000:]) < np.mean(stream.costs[:1000])
    assert max(controller.coefficients.classes) < 1


def test_all_three_strategies_are_tried():
    controller = paper()
    seen = observe(shifting_table(1200), 0, 0)
    for _ in range(400):
        controller.update(seen)
    assert min(controller.to_state()["memory"]["ucb"]["trials"]) >= 1


def test_it_can_be_made_for_a_cost():
    cheap, dear = paper(target_cost_share=0.35), paper(target_cost_share=0.9)
    table = shifting_table(1200, 1)
    costs = [np.mean(Stream(one).resample(table, 40).costs) for one in (cheap, dear)]
    assert costs[0] < costs[1]


def test_a_table_without_alpha_is_refused():
    with pytest.raises(DataError, match="alpha"):
        CONTROLLERS["paper"](replace(shifting_table(400), alpha=None), COSTS, epsilon=0.02)
