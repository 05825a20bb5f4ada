"""The pipeline's two costly parts by themselves: `python -m pipeline.bench.alone`.

A process of its own, so that torch and its threads are nowhere else, and so that its processor time
is the part's and nothing else's. The first line on standard input is an `AloneSpec`, answered by an
`AloneHello`; then each line is a batch size, answered by an `AloneTimes`. It ends with its input.
"""

import sys
import time
from collections.abc import Iterator

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.engine.placement import choose_device
from pipeline.bench.alone_messages import AloneHello, AloneSpec, AloneTimes
from pipeline.messages import Batch, PolicyBody
from pipeline.readers import open_reader
from pipeline.regions import Cropper, build_region_finder
from pipeline.roles.worker import Classifier

_POLICY_VERSION = 1


class Parts:
    """Decoding and cropping as a reader does it, difficulty and inference as a worker does it."""

    def __init__(self, spec: AloneSpec) -> None:
        self._spec = spec
        self._finder = build_region_finder(spec.reader.source.regions)
        self._cropper = Cropper(spec.reader.input_size, spec.reader.resize)
        self._classifier = Classifier(spec.worker)
        self._classifier.learn_policy(PolicyBody(_POLICY_VERSION, spec.policy))
        cv2.setNumThreads(1)

    def hello(self) -> AloneHello:
        """Describe what the arithmetic runs on."""
        import torch

        engine = self._classifier.engine
        return AloneHello(
            device=str(choose_device(self._spec.worker.model.device)),
            precision=engine.precision,
            torch=str(torch.__version__),
            description=engine.description,
        )

    def measure(self, batch: int) -> AloneTimes:
        """One pass over the clip: decode and crop all of it, then answer all its regions."""
        begin_s = time.process_time()
        crops = list(self._crops())
        decode_crop_s = time.process_time() - begin_s
        regions = np.concatenate(crops)
        engine_ms = sum(
            self._answer(regions[first : first + batch]) for first in range(0, len(regions), batch)
        )
        return AloneTimes(
            batch=batch,
            decode_crop=decode_crop_s / len(crops),
            engine=engine_ms / 1e3 / len(crops),
            regions_per_frame=len(regions) / len(crops),
        )

    def _crops(self) -> Iterator[NDArray[np.uint8]]:
        reader = open_reader(self._spec.reader.source)
        reader.decode_threads = self._spec.reader.decode_threads
        try:
            for frame in reader.frames():
                yield self._cropper.crops(frame, self._finder.find(frame))
        finally:
            reader.close()

    def _answer(self, regions: NDArray[np.uint8]) -> float:
        """CPU milliseconds of one batch, measured by the worker's own code."""
        batch = Batch(0, _POLICY_VERSION, len(regions))
        return self._classifier.answer(batch, regions.tobytes()).cpu_ms


def main() -> int:
    """Answer standard input."""
    spec = msgspec.json.decode(sys.stdin.buffer.readline(), type=AloneSpec)
    parts = Parts(spec)
    _tell(parts.hello())
    for line in sys.stdin.buffer:
        _tell(parts.measure(int(line)))
    return 0


def _tell(answer: AloneHello | AloneTimes) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
