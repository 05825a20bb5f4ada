"""What every multi-exit network looks like to the engine, the trainer and the exit table."""

from collections.abc import Iterable

from torch import Tensor, nn


class MultiExitNetwork(nn.Module):
    """A chain of stages with one classifier head behind each.

    Stage k reads the output of stage k - 1, head k reads the output of stage k. Running stages
    0..k and head k gives the answer of exit k; the last exit is the full network.

    Attributes:
        stages: modules run in order; stage 0 reads normalised pictures, [N, 3, H, W].
        heads: `heads[k]` maps the output of `stages[k]` to logits, [N, num_classes].
        num_classes: number of classes, at least 2.
        input_size: (height, width) of the pictures in pixels.
    """

    def __init__(
        self,
        stages: Iterable[nn.Module],
        heads: Iterable[nn.Module],
        *,
        num_classes: int,
        input_size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.heads = nn.ModuleList(heads)
        self.num_classes = num_classes
        self.input_size = input_size
        if len(self.stages) != len(self.heads):
            raise ValueError(
                f"expected one head per stage, got {len(self.stages)} stages "
                f"and {len(self.heads)} heads"
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logits of every exit, each [N, num_classes], for normalised pictures [N, 3, H, W]."""
        logits = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            logits.append(head(x))
        return logits
