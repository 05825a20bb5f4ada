"""Keys of a replay: pause, pace, quit."""

import math
import select
import time
from typing import Final

from pipeline.ui.keyboard import Keyboard
from pipeline.ui.player import Player

SLOWEST, FASTEST = 1 / 16, 1024.0
_FACTOR: Final = 2.0


class LeftReplay(Exception):  # noqa: N818 - nothing went wrong
    """The viewer has seen enough."""


class ReplayKeys:
    """Waits between snapshots, and does meanwhile what keys ask.

    Args:
        player: Of the recording.
        keyboard: None where there are no keys.
    """

    def __init__(self, player: Player, keyboard: Keyboard | None) -> None:
        self._player = player
        self._keyboard = keyboard

    def wait(self, seconds: float) -> None:
        """Pass so many seconds, or fewer if a key was pressed.

        Raises:
            LeftReplay: `q` was pressed.
        """
        if self._keyboard is None:
            time.sleep(seconds)
            return
        if select.select([self._keyboard], [], [], seconds)[0]:
            for key in self._keyboard.pressed():
                self.press(key, time.monotonic())

    def press(self, key: str, now_s: float) -> None:
        """Do what a key asks.

        Raises:
            LeftReplay: It was `q`.
        """
        player = self._player
        match key:
            case "q":
                raise LeftReplay
            case "p" | " " if math.isinf(player.due_in_s(now_s)):
                player.resume(now_s)
            case "p" | " ":
                player.pause(now_s)
            case "+" | "=":
                faster = min(player.speed * _FACTOR, FASTEST)
                player.set_speed(max(faster, player.speed), now_s)
            case "-":
                slower = max(player.speed / _FACTOR, SLOWEST)
                player.set_speed(min(slower, player.speed), now_s)
