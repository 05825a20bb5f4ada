"""The screen of a snapshot as text."""

import io

from rich.console import Console

from pipeline.ui.render import render
from pipeline.ui.view import View


def draw(snapshot, width=80, height=24, history=None, view=View(), **options) -> str:  # noqa: B008
    console = Console(width=width, height=height, file=io.StringIO(), **options)
    console.print(render(snapshot, width, height, history, view), end="")
    return console.file.getvalue()
