"""What the answers of a table's exits are worth, for methods that choose among settings."""

import numpy as np
from numpy.typing import NDArray

from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.point import Worth


def kind_of_worth(table: ExitTable) -> Worth:
    """What is not to be lost: right answers, or without labels the full network's answers."""
    return "agreement" if table.labels is None else "accuracy"


def worth_of_answers(table: ExitTable) -> NDArray[np.float64]:
    """1 where an exit answers as it should, else 0, [N, exits]; see `kind_of_worth`."""
    wanted = table.agrees if kind_of_worth(table) == "agreement" else table.correct
    return wanted.astype(np.float64)
