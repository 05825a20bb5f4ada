"""What `calibrate` says about a budget that later pictures do not keep."""

import pytest

from dart_stream.thresholds import CostBudget, MaxDisagreement
from dart_stream.thresholds.certificate import Bound, Certificate
from pipeline.cli.calibrate_report import over_budget


def certificate(cost_share):
    return Certificate(
        distribution="pictures",
        n=100,
        confidence=0.95,
        disagreement=Bound(estimate=0.01, upper=0.02),
        exit_gap=None,
        cost_share=cost_share,
        candidates=3,
    )


def test_more_than_was_asked_is_said():
    (line,) = over_budget(certificate(0.312), CostBudget(0.25))
    assert "at most 25.0% of the MACs, got 31.2% with the cheapest of 3 policies" in line


@pytest.mark.parametrize("objective", [CostBudget(0.312), CostBudget(0.5), MaxDisagreement(0.02)])
def test_a_budget_that_is_kept_or_none_needs_no_words(objective):
    assert over_budget(certificate(0.312), objective) == []
