"""Training of multi-exit networks: joint loss over all exits, resumable at every step."""

from dart_stream.training.batches import LabelledImages
from dart_stream.training.events import EpochRecord, Remark, StepProgress, TrainingEvent
from dart_stream.training.finish import FinishedModel, Origin, finish_model
from dart_stream.training.loop import Trainer
from dart_stream.training.recipe import Recipe, load_recipe
from dart_stream.training.teacher import Teacher
from dart_stream.training.teachers import Teachers

__all__ = [
    "EpochRecord",
    "FinishedModel",
    "LabelledImages",
    "Origin",
    "Recipe",
    "Remark",
    "StepProgress",
    "Teacher",
    "Teachers",
    "Trainer",
    "TrainingEvent",
    "finish_model",
    "load_recipe",
]
