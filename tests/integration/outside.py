"""Another terminal, from which a run of these tests is watched and steered."""

import threading
import time

from pipeline.cli.main import main
from pipeline.running import list_running

ENDLESS = "synthetic://?frames=1000000&width=32&height=32"
WITHIN_S = 30.0


class Outside:
    """Another terminal, on a thread, for as long as the run lives."""

    def __init__(self, out, script):
        self.out, self.failure = out, None
        self._script = script
        self._thread = threading.Thread(target=self._work)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure

    def _work(self):
        try:
            self.wait_until(lambda: any(run.out == self.out for run in list_running()))
            self._script(self)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.failure = error
        finally:
            main(["control", str(self.out), "stop"])

    def wait_until(self, is_true):
        deadline_s = time.monotonic() + WITHIN_S
        pause = threading.Event()
        while not is_true():
            assert time.monotonic() < deadline_s
            pause.wait(0.02)

    def control(self, *words):
        return main(["control", str(self.out), *words])
