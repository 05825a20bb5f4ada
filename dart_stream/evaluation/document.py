"""`evaluation.json`: everything that was compared, on what, and with which command."""

from typing import Any, Literal

import msgspec

from dart_stream.evaluation.evaluate import Breakdown
from dart_stream.evaluation.halvings import Halvings
from dart_stream.evaluation.method_row import MethodRow


class FullDepth(msgspec.Struct, frozen=True, kw_only=True):
    """The network without early exits."""

    accuracy: float
    macs: float
    time_ms: float | None
    energy_j: float | None = None


class Estimator(msgspec.Struct, frozen=True, kw_only=True):
    """The difficulty estimator.

    Attributes:
        flops: of a picture.
        time_us: of a picture, at the batch size of the evaluation.
        auroc_error: how well difficulty tells the pictures on which each exit is wrong; 0.5 is
            chance, None where an exit is always right or always wrong.
    """

    flops: int
    time_us: float | None
    auroc_error: list[float | None]


class ExitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exit on all pictures.

    Attributes:
        accuracy: if every picture were answered there.
        macs_share: spent up to there with all heads on the way and the estimator, as a share of
            the network without early exits; so the last one's is above 1.
    """

    accuracy: float
    macs_share: float


class FrontierRow(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the frontier on the pictures that thresholds are chosen on."""

    cost_share: float
    accuracy: float
    disagreement: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of the file.

    Attributes:
        command: that made it.
        model: its name.
        dataset: in words.
        split: that everything is measured on.
        n: pictures of it.
        chosen_on: what thresholds were chosen on, in words.
        chosen_n: pictures of that.
        classes: their names.
        device: that times were measured on.
        host: see `doctor`.
        precision: of the network's arithmetic.
        threads: of torch.
        torch: its version.
        batch: pictures handed over at once when times were measured.
        energy_source: sensor that measured joules; None where there is none.
        energy_proxy: what stands for joules in DAES: `time`, or None where they were measured or
            nothing was to stand for them.
        mean_alpha: the paper's difficulty (Eq. 8) as its program has it, mean of the pictures,
            which are normalised as the model's are.
        full_depth: the network without early exits.
        exits: accuracy and cumulative share of multiply-accumulates of each exit.
        estimator: of difficulty.
        methods: all settings of all methods but the oracle.
        oracle: first exit that is right: a limit that nobody reaches.
        frontier: on the pictures that choose.
        breakdown: our method at half the cost, taken apart.
        halvings: the comparison repeated on halves of the pictures that choose.
    """

    command: str
    model: str
    dataset: str
    split: str
    n: int
    chosen_on: str
    chosen_n: int
    classes: list[str]
    device: str
    host: dict[str, Any]
    precision: str
    threads: int
    torch: str
    batch: int
    energy_source: str | None = None
    energy_proxy: Literal["time"] | None = None
    mean_alpha: float | None = None
    full_depth: FullDepth
    exits: list[ExitRow]
    estimator: Estimator
    methods: list[MethodRow]
    oracle: MethodRow | None
    frontier: list[FrontierRow]
    breakdown: Breakdown | None
    halvings: Halvings | None
