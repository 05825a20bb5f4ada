"""Pictures for training and measuring: read once into memory, split, augmented in batches."""

from dart_stream.data.decode import decode_picture
from dart_stream.data.imagefolder import Pictures, Skipped, load_split
from dart_stream.data.split import stratified_split

__all__ = ["Pictures", "Skipped", "decode_picture", "load_split", "stratified_split"]
