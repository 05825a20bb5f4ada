"""Training of multi-exit networks: joint loss over all exits, resumable at every epoch."""

from dart_stream.training.loop import EpochRecord, StepProgress, Trainer
from dart_stream.training.recipe import Recipe, load_recipe

__all__ = ["EpochRecord", "Recipe", "StepProgress", "Trainer", "load_recipe"]
