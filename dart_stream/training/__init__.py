"""Training of multi-exit networks: joint loss over all exits, resumable at every epoch."""

from dart_stream.training.finish import FinishedModel, Origin, finish_model
from dart_stream.training.loop import EpochRecord, LabelledImages, StepProgress, Trainer
from dart_stream.training.recipe import Recipe, load_recipe

__all__ = [
    "EpochRecord",
    "FinishedModel",
    "LabelledImages",
    "Origin",
    "Recipe",
    "StepProgress",
    "Trainer",
    "finish_model",
    "load_recipe",
]
