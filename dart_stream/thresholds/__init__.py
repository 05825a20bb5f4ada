"""Exit table -> thresholds that are jointly optimal, the frontier behind them, a certificate."""

from dart_stream.thresholds.certificate import Bound, Certificate, Decisions, certify
from dart_stream.thresholds.exact import GridOutcomes, score_all
from dart_stream.thresholds.frontier import find_frontier
from dart_stream.thresholds.grid import Grid, quantile_grid
from dart_stream.thresholds.objectives import (
    CostBudget,
    MaxDisagreement,
    MaxExitGap,
    Objective,
    PaperObjective,
)
from dart_stream.thresholds.point import FrontierPoint, full_depth
from dart_stream.thresholds.scores import exit_scores
from dart_stream.thresholds.sensitivity import Sensitivity, choose_sensitivity

__all__ = [
    "Bound",
    "Certificate",
    "CostBudget",
    "Decisions",
    "FrontierPoint",
    "Grid",
    "GridOutcomes",
    "MaxDisagreement",
    "MaxExitGap",
    "Objective",
    "PaperObjective",
    "Sensitivity",
    "certify",
    "choose_sensitivity",
    "exit_scores",
    "find_frontier",
    "full_depth",
    "quantile_grid",
    "score_all",
]
