"""RTSP cameras that go away and come back, each in its own rhythm, until they are closed."""

import contextlib
import random
import threading
from pathlib import Path

from camera_drill import Server


class FlappingCameras:
    """Real RTSP servers; each is killed with -9 after a while, stays away, and returns.

    Args:
        python: interpreter that has GStreamer (`tools/rtsp_server.py`).
        clip: that all of them play.
        ports: one for each camera.
        up_s: shortest and longest time that a camera stays; None leaves all of them alone.
        away_s: shortest and longest absence.
        seed: of the moments.
    """

    def __init__(
        self,
        python: str,
        clip: Path,
        ports: list[int],
        *,
        up_s: tuple[float, float] | None = None,
        away_s: tuple[float, float] = (0.5, 8.0),
        seed: int = 0,
    ) -> None:
        self.kills = [0 for _ in ports]
        self._up_s, self._away_s = up_s, away_s
        self._closing = threading.Event()
        self._servers = [Server(python, port, clip) for port in ports]
        for server in self._servers:
            server.start()
        self._threads = [
            threading.Thread(target=self._flap, args=(index, random.Random(seed + index)))
            for index in range(len(ports))
            if up_s is not None
        ]
        for thread in self._threads:
            thread.start()

    def rest(self) -> None:
        """No more kills; every camera is there when this returns."""
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """End all servers."""
        self.rest()
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.close()

    def _flap(self, index: int, chance: random.Random) -> None:
        assert self._up_s is not None
        server = self._servers[index]
        while not self._closing.wait(chance.uniform(*self._up_s)):
            server.kill()
            self.kills[index] += 1
            self._closing.wait(chance.uniform(*self._away_s))
            server.start()
