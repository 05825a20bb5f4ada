"""The screen of a snapshot as text."""

import io

from rich.console import Console

from pipeline.ui.render import render


def draw(snapshot, width=80, height=24, history=None, **options) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), **options)
    console.print(render(snapshot, width, height, history), end="")
    return console.file.getvalue()
