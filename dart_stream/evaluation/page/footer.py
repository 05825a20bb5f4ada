"""What the words on the page mean."""

from typing import Final

_MEANINGS: Final = {
    "accuracy": "share of the pictures whose answer is right.",
    "exit gap": "accuracy that the full network has more, on the same pictures, in percentage "
    "points; below 0 the early exits are right more often. Its interval is paired.",
    "MACs": "mean multiply-accumulates of a picture as a share of the full network's; heads count, "
    "and so does the difficulty estimator for a method that reads difficulty.",
    "time": "wall clock of a picture, everything included; a dash where a method was not run.",
    "disagreement": "share of the pictures answered unlike the full network, right or wrong.",
    "average exit depth": "mean of (exit + 1) / exits; 1 where every picture runs to the end.",
    "difficulty": "0 to 1, a rank among training pictures: easy below 0.3, hard from 0.7.",
    "ECE": "expected calibration error, 15 bins of equal width.",
    "DAES": "difficulty-aware efficiency score (Eq. 9 of the DART paper): accuracy, times speedup, "
    "times the full network's energy over the method's, over 1 + mean difficulty. Left out where "
    "energy was not measured and nothing was to stand for it; time counts twice in it, so never "
    "alone.",
    "\N{EM DASH}": "not measured. An estimate never stands in its place.",
}


def footer() -> str:
    """A line for each column."""
    items = [f"<div><dt>{name}</dt><dd>{means}</dd></div>" for name, means in _MEANINGS.items()]
    return "<footer>\n<h2>Words</h2>\n<dl>\n" + "\n".join(items) + "\n</dl>\n</footer>"
