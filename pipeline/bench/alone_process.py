"""The child process that measures the parts alone, as the benchmark sees it."""

from pipeline.bench.alone_messages import AloneHello, AloneSpec, AloneTimes
from pipeline.bench.json_process import JsonProcess


class AloneProcess(JsonProcess):
    """Starts the child; leave the context to end it.

    Raises:
        StageError: It ended early; its own words are on standard error.
    """

    def __init__(self, spec: AloneSpec) -> None:
        super().__init__("pipeline.bench.alone", "measuring alone", spec)
        self.hello = self.first(AloneHello)

    def measure(self, batch: int) -> AloneTimes:
        """One pass over the clip at this batch size."""
        self.tell(batch)
        return self.hear(AloneTimes)
