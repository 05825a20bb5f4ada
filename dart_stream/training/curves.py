"""Training curves: `curves.json`, and `curves.png` where matplotlib is installed."""

import json
from collections.abc import Sequence
from pathlib import Path

from dart_stream.training.events import EpochRecord

MATPLOTLIB_HINT = "curves.png needs matplotlib: pip install 'dart-stream[report]'"


def write_curves(directory: Path, history: Sequence[EpochRecord]) -> None:
    """Write `curves.json`: a column per figure, `accuracy` one column per exit."""
    body = {
        "epoch": [record.epoch for record in history],
        "loss": [record.loss for record in history],
        "accuracy": [list(column) for column in _by_exit(history)],
        "learning_rate": [record.learning_rate for record in history],
        "duration_s": [record.duration_s for record in history],
    }
    (directory / "curves.json").write_text(json.dumps(body) + "\n", encoding="utf-8")


def draw_curves(directory: Path, history: Sequence[EpochRecord]) -> bool:
    """Draw `curves.png`: validation accuracy of each exit, training loss and learning rate.

    Returns:
        False where matplotlib is missing; nothing is drawn then (`MATPLOTLIB_HINT`).
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return False
    epochs = [record.epoch for record in history]
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    for index, column in enumerate(_by_exit(history)):
        percent = [100 * share for share in column]
        accuracy.plot(epochs, percent, label=f"exit {index}: {percent[-1]:.1f} %")
    accuracy.set(xlabel="epoch", ylabel="validation accuracy in %")
    accuracy.grid(visible=True, alpha=0.3)
    accuracy.legend(loc="lower right")
    loss.plot(epochs, [record.loss for record in history], color="black")
    loss.set(xlabel="epoch", ylabel="training loss, mean of the epoch")
    loss.grid(visible=True, alpha=0.3)
    rate = loss.twinx()
    rate.plot(epochs, [record.learning_rate for record in history], color="grey", linestyle=":")
    rate.set_ylabel("learning rate at the epoch's end (dotted)")
    rate.set_ylim(bottom=0)
    figure.savefig(directory / "curves.png", dpi=120)
    return True


def _by_exit(history: Sequence[EpochRecord]) -> list[tuple[float, ...]]:
    return list(zip(*(record.accuracy for record in history), strict=True))
