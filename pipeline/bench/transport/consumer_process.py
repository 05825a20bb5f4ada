"""The consumer of the transport benchmark, as the benchmark sees it."""

from pipeline.bench.json_process import JsonProcess
from pipeline.bench.transport.lanes import Block, BlockDone, ConsumerReady, ConsumerSpec


class ConsumerProcess(JsonProcess):
    """Starts the process; leave the context to end it.

    Raises:
        StageError: It ended early; its own words are on standard error.
    """

    def __init__(self, spec: ConsumerSpec) -> None:
        super().__init__("pipeline.bench.transport.consumer", "the consumer", spec)
        self.ready = self.first(ConsumerReady)

    def begin(self, block: Block) -> None:
        """Have it take pictures; what it measured comes with `done`."""
        self.tell(block)

    def done(self) -> BlockDone:
        """What it measured in the block that the producer has ended."""
        return self.hear(BlockDone)
