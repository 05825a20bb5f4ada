"""Write `calibration.safetensors` into a model directory that lacks it or has another model's.

    python tools/write_calibration.py dart_stream/zoo/dartnet-cifar10 --data cifar10.zip

Held-out pictures are the split `validation` of the data, else the part of `train` that the model's
own recipe holds back. Nothing else of the directory changes.
"""

import argparse
from pathlib import Path

from dart_stream.data import open_dataset
from dart_stream.model_calibration import CALIBRATION, read_calibration, write_calibration
from pipeline.bench.subject import Subject
from pipeline.cli.model_data import held_out


def main() -> None:
    """Record, write, read back."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory", metavar="MODEL_DIR", type=Path)
    parser.add_argument("--data", metavar="DATA", required=True, help="as `train` takes it")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    args = parser.parse_args()
    subject = Subject.load(f"{args.directory.resolve()}", "cpu", "fp32", threads=1)
    found = held_out(subject.info, open_dataset(args.data, args.data_root), lambda _a, _b: None)
    pictures = found.pictures
    table = subject.record(pictures.images, pictures.labels, found.described)
    write_calibration(table, args.directory)
    written = read_calibration(args.directory, subject.info)
    assert written is not None, "just written"
    size = (args.directory / CALIBRATION).stat().st_size
    print(f"{args.directory / CALIBRATION}: {len(written)} pictures, {size:,} bytes")
    print(f"accuracy of each exit: {written.correct.mean(0).round(4).tolist()}")


if __name__ == "__main__":
    main()
