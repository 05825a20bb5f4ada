"""Whether an interval decides between two methods."""

from typing import Final, Literal

from dart_stream.evaluation.paired import Difference

Verdict = Literal["ahead", "behind", "even"]

WORDS: Final[dict[Verdict, str]] = {
    "ahead": "\N{BLACK UP-POINTING TRIANGLE} ahead",
    "behind": "\N{BLACK DOWN-POINTING TRIANGLE} behind",
    "even": "open",
}


def verdict(difference: Difference) -> Verdict:
    """Ahead or behind where the 95 % interval leaves out 0, even where it holds it."""
    low, high = difference.ci95
    if low > 0:
        return "ahead"
    return "behind" if high < 0 else "even"
