"""What measuring a difficulty costs."""

from typing import Final

FLOPS_PER_PIXEL: Final = 38
"""On bytes with numpy, counted by a test: grey 6, variance 12, edges 12, Laplacian 7. Compiled code
takes some five more (counted by hand), for it adds neighbours anew in every window.

The same on numbers takes 43, for it checks their range; mode `dart` adds four look-ups a picture.
"""


def estimator_flops(height: int, width: int) -> int:
    """Floating-point operations of the estimator on one picture (a multiply-add counts as two)."""
    return FLOPS_PER_PIXEL * height * width
