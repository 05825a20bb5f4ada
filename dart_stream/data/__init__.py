"""Pictures for training and measuring: read once into memory, split, augmented in batches."""

from dart_stream.data.decode import decode_picture
from dart_stream.data.imagefolder import Pictures, Skipped, has_split, load_split
from dart_stream.data.split import stratified_split

__all__ = ["Pictures", "Skipped", "decode_picture", "has_split", "load_split", "stratified_split"]
