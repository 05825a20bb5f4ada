"""How likely each exit's answer is right, in place of whether it was.

A search over hundreds of thousands of vectors finds the one whose mistakes happen to fall well on
its few thousand pictures, and is disappointed by others. Chances vary less than outcomes and have
about the same mean, so that fewer vectors look better than they are.

Two estimates are averaged, each wrong in its own way:

- what answers that look alike were worth: a logistic regression of being right on the confidence of
  this exit and of all before it, and on whether those gave the same answer;
- what the full network thinks of the answer: the calibrated probability that it gives that class.

Chosen on validation pictures alone, thresholds from one half judged on the other
(`tools/expected_halvings.py`): the mean of both gains 0.03 to 0.07 points against counts on each of
three models. Each estimate alone, either mixed with counts, and regressions that see later exits
gained no more.

Reference: the full network's probabilities as labels, Hinton et al., "Distilling the Knowledge in a
Neural Network", 2015.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from dart_stream.exit_table import ExitTable
from dart_stream.logistic import drawn_in, fit_logistic, logistic
from dart_stream.thresholds.grid import Floats

_ENDS: Final = 1e-6
"""Distance to 0 and 1 at which confidences are cut off, before their logit is taken."""

_RIDGE: Final = 1e-4
_ROUNDING: Final = 1e-9


@lru_cache(maxsize=1)  # searches ask again for each sensitivity to difficulty
def expected_accuracy(table: ExitTable) -> Floats:
    """Chance that each exit's answer is right, [N, exits], not to be written to.

    Args:
        table: of labelled pictures that the model was not trained on.

    Raises:
        DataError: nobody knows the labels.
    """
    chances: Floats = (_of_answers_alike(table) + _of_the_full_network(table)) / 2
    chances.flags.writeable = False
    return chances


def _of_answers_alike(table: ExitTable) -> Floats:
    p = np.clip(table.confidence.astype(np.float64), _ENDS, 1 - _ENDS)
    log_odds = np.log(p) - np.log1p(-p)
    chances = []
    for k in range(table.num_exits):
        same = table.answers[:, :k] == table.answers[:, k : k + 1]
        seen = _scaled(np.column_stack([log_odds[:, : k + 1], same]))
        inputs = np.column_stack([np.ones(len(table)), seen])
        ridge = np.full(inputs.shape[1], _RIDGE)
        fitted = fit_logistic(inputs, drawn_in(table.correct[:, k]), ridge)
        chances.append(logistic(inputs @ fitted))
    return np.stack(chances, axis=1)


def _of_the_full_network(table: ExitTable) -> Floats:
    last = table.probabilities[:, -1].astype(np.float64)
    return np.take_along_axis(last, table.answers, axis=1)


def _scaled(columns: Floats) -> Floats:
    """Of mean 0 and standard deviation 1 each, so that one ridge suits all; constant ones are 0."""
    deviation = columns.std(axis=0)
    varies = deviation > _ROUNDING
    scaled: Floats = np.where(varies, columns - columns.mean(axis=0), 0.0)
    return scaled / np.where(varies, deviation, 1.0)
