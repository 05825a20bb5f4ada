"""The loop of a screen: snapshots in, pictures and commands out."""

import threading
import time
from dataclasses import replace
from typing import Final

from pipeline.commands import AnyCommand, Stop
from pipeline.errors import PeerError
from pipeline.roles.keys import HELP, QUIT, command_for
from pipeline.snapshot import Snapshot
from pipeline.transport import ControlClient, SnapshotFeed
from pipeline.ui.keyboard import Keyboard
from pipeline.ui.live import LiveScreen
from pipeline.ui.view import View

NEWS_S: Final = 4.0
"""An answer to a key is shown for so long."""
DRAWING_SHARE: Final = 0.025
"""Of one core; where a picture takes long, fewer are drawn."""
LONGEST_PAUSE_S: Final = 2.0
WAITING: Final = "waiting for the first word from the run"
_TURN_MS: Final = 200
_ASK_MS: Final = 1_000


class Watch:
    """Draws a run and hands its keys on.

    Args:
        screen: Where to draw.
        feed: Snapshots of the run.
        client: Takes commands.
        keyboard: None if there are no keys.
        attached: The screen can leave without the run.
    """

    def __init__(
        self,
        screen: LiveScreen,
        feed: SnapshotFeed,
        client: ControlClient,
        keyboard: Keyboard | None,
        *,
        attached: bool,
    ) -> None:
        self._screen, self._feed, self._client = screen, feed, client
        self._keyboard = keyboard
        self._attached = attached
        self.last: Snapshot | None = None
        """The last snapshot."""
        self._heard_s = time.monotonic()
        self._news_until_s = 0.0
        self._draw_at_s = 0.0
        self.has_left = False
        """A person left the screen; the run goes on."""
        self.view = View(has_keys=keyboard is not None, attached=attached)
        self._drawn: View | None = None
        if keyboard is not None:
            feed.watch(keyboard.fileno())

    def run(self, stopping: threading.Event) -> None:
        """Draw until the run is done or the screen is left."""
        while not stopping.is_set() and not self.is_over:
            self.turn()

    @property
    def is_over(self) -> bool:
        """Nothing more will be drawn."""
        return self.has_left or (self.last is not None and self.last.state == "done")

    def turn(self) -> None:
        """Wait a moment for a snapshot or a key, and do what follows."""
        self._see(self._feed.newest(_TURN_MS))
        for key in self._keyboard.pressed() if self._keyboard is not None else []:
            self._press(key)
        if self.view.says is not None and time.monotonic() > self._news_until_s:
            self.view = replace(self.view, says=None)
        if self.view != self._drawn:
            self._draw_again()

    @property
    def silent_s(self) -> float:
        """Seconds since the last snapshot."""
        return time.monotonic() - self._heard_s

    def say(self, text: str) -> None:
        """Show a line for a while."""
        self.view = replace(self.view, says=text)
        self._news_until_s = time.monotonic() + NEWS_S

    def _see(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self.last, self._heard_s = snapshot, time.monotonic()
            if self._heard_s < self._draw_at_s and snapshot.state != "done":
                self._screen.remember(snapshot)
            else:
                self._draw(snapshot, is_new=True)

    def _draw_again(self) -> None:
        """A screen without a snapshot says so, or it would look like one that hangs."""
        if self.last is not None:
            self._draw(self.last, is_new=False)
            return
        self._drawn = self.view
        self._screen.say(self.view.says or WAITING)

    def _draw(self, snapshot: Snapshot, *, is_new: bool) -> None:
        self._drawn = self.view
        begin_s = time.thread_time()
        self._screen.show(snapshot, self.view, is_new=is_new)
        pause_s = (time.thread_time() - begin_s) / DRAWING_SHARE
        self._draw_at_s = time.monotonic() + min(pause_s, LONGEST_PAUSE_S)

    def _press(self, key: str) -> None:
        if key == HELP:
            self.view = replace(self.view, shows_help=not self.view.shows_help)
        elif key == QUIT:
            self._quit()
        elif self.last is not None:
            command = command_for(key, self.last)
            if command is not None:
                self._ask(command)

    def _quit(self) -> None:
        if self._attached:
            self.has_left = True
        else:
            self._ask(Stop())

    def _ask(self, command: AnyCommand) -> None:
        try:
            reply = self._client.ask(command, _ASK_MS)
        except PeerError as error:
            self.say(f"✗ {error}")
            return
        self.say(f"{'✓' if reply.ok else '✗'} {reply.text}")
