"""Whether a worker's answer can be one, and says what it was asked to say beside it."""

from math import isfinite

from pipeline.errors import PeerError
from pipeline.messages import RegionResult


def check_result(
    result: RegionResult,
    *,
    num_exits: int,
    num_classes: int,
    ran_through: bool,
    observed: bool,
    may_be_late: bool = False,
) -> None:
    """Refuse an answer that cannot be one, or that adaptation could not be told of.

    Args:
        result: of a worker.
        num_exits: of the model.
        num_classes: of the model.
        ran_through: the region was to run to full depth on purpose.
        observed: the worker was to say what exit 0 said, and the parts of the difficulty.
        may_be_late: the region has a deadline, unless it was to run to full depth.

    Raises:
        PeerError: something is missing, too much, or out of range.
    """
    if not 0 <= result.label_id < num_classes:
        raise PeerError(f"result: label_id {result.label_id} of {num_classes} classes")
    if not 0 <= result.exit < num_exits:
        raise PeerError(f"result: exit {result.exit} of {num_exits}")
    if result.late and (ran_through or not may_be_late or result.exit == num_exits - 1):
        raise PeerError(f"result: late at exit {result.exit}, where no deadline stops a region")
    expected = num_exits if ran_through else 0
    if not len(result.exit_label_ids) == len(result.exit_confidences) == expected:
        raise PeerError(
            f"result: answers of {len(result.exit_label_ids)} exits, expected {expected}"
        )
    _check_numbers(result, num_classes, observed=observed)


def _check_numbers(result: RegionResult, num_classes: int, *, observed: bool) -> None:
    labels = list(result.exit_label_ids)
    shares = [result.confidence, result.difficulty, *result.exit_confidences]
    if observed:
        first, sure, parts = result.first_label_id, result.first_confidence, result.parts
        if first is None or sure is None or parts is None:
            raise PeerError("result: expected what exit 0 said and the parts, got neither")
        labels.append(first)
        shares += [sure, *parts]
    for label_id in labels:
        if not 0 <= label_id < num_classes:
            raise PeerError(f"result: label_id {label_id} of {num_classes} classes")
    for share in shares:
        if not (isfinite(share) and 0 <= share <= 1.000001):
            raise PeerError(f"result: expected a share from 0 to 1, got {share}")
