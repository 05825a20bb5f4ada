"""The full screen gives the terminal back, whatever happens, and follows its size."""

import ast
import io
from pathlib import Path

import pytest
from rich.console import Console
from sample_snapshot import sample_snapshot

import pipeline.ui
from pipeline.ui.live import LiveScreen

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

SNAPSHOT = sample_snapshot()


def terminal(width=80, height=24) -> Console:
    return Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )


def written(console: Console) -> str:
    return console.file.getvalue()


def test_screen_is_entered_drawn_and_left_again():
    console = terminal()
    with LiveScreen(console) as screen:
        screen.show(SNAPSHOT)
        assert "run-7" in written(console)
        assert LEAVE not in written(console)
    text = written(console)
    assert text.index(ENTER) < text.index("run-7") < text.index(LEAVE)
    assert text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)


def test_terminal_is_restored_when_the_run_fails():
    console = terminal()

    def interrupted_run():
        with LiveScreen(console) as screen:
            screen.show(SNAPSHOT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    text = written(console)
    assert text.rindex(LEAVE) > text.rindex(ENTER)
    assert text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)


def test_nothing_is_drawn_between_two_snapshots():
    console = terminal()
    with LiveScreen(console) as screen:
        screen.show(SNAPSHOT)
        before = written(console)
        assert screen is not None
        assert written(console) == before


def test_next_snapshot_is_drawn_at_the_new_size_of_the_terminal():
    console = terminal()
    with LiveScreen(console) as screen:
        screen.show(SNAPSHOT)
        assert "╭" not in written(console)
        console.size = (160, 50)
        screen.show(SNAPSHOT)
        assert "╭" in written(console)


def test_ui_imports_nothing_of_the_pipeline_but_the_snapshot():
    folder = Path(pipeline.ui.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names.add(node.module)
            elif isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
    ours = {name for name in names if name.startswith(("pipeline", "dart_stream"))}
    assert {n for n in ours if not n.startswith("pipeline.ui.")} == {"pipeline.snapshot"}
    assert not names & {"torch", "zmq", "threading"}
