"""Pictures for training and measuring: read once into memory, split, augmented in batches."""

from dart_stream.data.class_balance import class_weights, imbalance
from dart_stream.data.dataset import Dataset, Pictures, Skipped
from dart_stream.data.decode import decode_picture
from dart_stream.data.duplicates import contradictions, same_pictures
from dart_stream.data.registry import open_dataset
from dart_stream.data.split import stratified_split

__all__ = [
    "Dataset",
    "Pictures",
    "Skipped",
    "class_weights",
    "contradictions",
    "decode_picture",
    "imbalance",
    "open_dataset",
    "same_pictures",
    "stratified_split",
]
