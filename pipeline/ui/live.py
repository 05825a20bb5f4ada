"""The full-screen monitor."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.history import History
from pipeline.ui.render import render
from pipeline.ui.showable import show_what_can_be
from pipeline.ui.view import View


class LiveScreen:
    """Draws snapshots on the alternate screen and gives the terminal back on leaving, error or not.

    Draws only in `show`, at the size the terminal has at that moment; no thread.

    Args:
        console: Where to draw; None draws on standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console if console is not None else Console()
        show_what_can_be(self._console.file)  # a run's own screen is a process without `main`
        self._history = History()
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def remember(self, snapshot: Snapshot) -> None:
        """Take a snapshot into the curves without drawing it."""
        self._history.add(snapshot)

    def say(self, text: str) -> None:
        """Draw a line alone, while there is no snapshot."""
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def show(self, snapshot: Snapshot, view: View | None = None, *, is_new: bool = True) -> None:
        """Draw this snapshot now.

        Args:
            snapshot: The state of the run.
            view: What a person asked of the screen.
            is_new: False draws one again that was shown before.
        """
        if is_new:
            self.remember(snapshot)
        width, height = self._console.size
        picture = render(snapshot, width, height, self._history, view or View())
        self._live.update(picture, refresh=True)
