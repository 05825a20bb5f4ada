"""Sorting file names as people do."""

import re


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which `clip2` comes before `clip10`."""
    pieces = re.split(r"([0-9]+)", name)
    # Other digits, such as a superscript, are no numbers to sort by.
    return [
        (1, int(piece), "") if piece.isdecimal() and piece.isascii() else (0, 0, piece)
        for piece in pieces
        if piece
    ]
