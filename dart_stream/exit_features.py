"""What an exit's answer looks like: numbers from which its worth may be learned.

All come from what a running engine has at hand at an exit: its probabilities, the answer of the
exit before, and the picture's difficulty.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import PART_NAMES
from dart_stream.exit_table import ExitTable

Floats = NDArray[np.float64]

OF_AN_ANSWER: Final = ("log_odds", "margin", "entropy", "agrees_with_exit_before")
OF_A_PICTURE: Final = ("difficulty",)

_LOG_ODDS_LIMIT: Final = 40.0  # of a confidence that is 1 within double precision


def feature_names(table: ExitTable) -> tuple[str, ...]:
    """Names of the features that a table has; those of the parts if they were measured."""
    parts = () if table.parts is None else PART_NAMES
    return OF_AN_ANSWER + OF_A_PICTURE + parts


def exit_features(table: ExitTable) -> Floats:
    """Features of each early exit's answers, [N, early exits, features], as `feature_names` says.

    Log-odds of the answer, from logits, so that they tell apart what float32 confidences call 1;
    margin between the two likeliest classes; entropy over its maximum; 1 where the exit before
    gave the same answer, else 0, and 0 at exit 0; difficulty; the three parts.
    """
    early = table.num_exits - 1
    pictures = [table.difficulty[:, None]]
    pictures += [] if table.parts is None else [table.parts]
    of_picture = np.concatenate(pictures, axis=1, dtype=np.float64)[:, None]
    repeated = np.broadcast_to(of_picture, (len(table), early, of_picture.shape[2]))
    return np.concatenate([_of_answers(table), repeated], axis=2)


def log_odds_of_answers(table: ExitTable) -> Floats:
    """Log-odds of the calibrated confidence of each early exit, [N, early exits]."""
    others = _relative_chances(table)[..., :-1].sum(axis=2)
    return _log_odds(others)


def _of_answers(table: ExitTable) -> Floats:
    chances = _relative_chances(table)
    others = chances[..., :-1].sum(axis=2)
    answer = 1 / (1 + others)
    margin = (1 - chances[..., -2]) * answer
    before = np.pad(table.answers[:, :-2], ((0, 0), (1, 0)), constant_values=-1)
    agrees = table.answers[:, :-1] == before
    return np.stack([_log_odds(others), margin, _entropy(chances), agrees], axis=2)


def _relative_chances(table: ExitTable) -> Floats:
    """Chance of each class over that of the answer, [N, early exits, classes], rising to 1."""
    scale = np.asarray(table.temperatures[:-1], np.float64)[:, None]
    scaled = np.sort(table.logits[:, :-1] / scale, axis=2)
    chances: Floats = np.exp(scaled - scaled[..., -1:])
    return chances


def _log_odds(others: Floats) -> Floats:
    """Log-odds of an answer from the sum of the other classes' relative chances."""
    return -np.log(np.maximum(others, np.exp(-_LOG_ODDS_LIMIT)))


def _entropy(chances: Floats) -> Floats:
    """Entropy over that of a uniform distribution, in [0, 1]."""
    total = chances.sum(axis=2)
    logarithms = np.log(np.maximum(chances, np.finfo(np.float64).tiny))
    nats = np.log(total) - (chances * logarithms).sum(axis=2) / total
    entropy: Floats = nats / np.log(chances.shape[2])
    return entropy
