"""The bar at the bottom of a video: texts with coloured squares, in as many lines as they need."""

from typing import Final, NamedTuple

import cv2

from pipeline.sinks.lettering import Colour, Lettering, Pixels

_PAPER: Final[Colour] = (240, 240, 240)
_SEEN_THROUGH: Final = 0.3
"""Share of the picture that is left behind the bar."""


class Item(NamedTuple):
    """A text, with a square before it if it explains a colour."""

    text: str
    colour: Colour | None = None


class Bar:
    """Lays items out over the width of a picture.

    Args:
        font: Of the texts.
        width: Of the picture, in pixels.
    """

    def __init__(self, font: Lettering, width: int) -> None:
        self._font = font
        self._width = width
        self._gap = font.height
        self._square = round(font.height * 0.6)

    def lines(self, items: list[Item]) -> list[list[Item]]:
        """Items in lines that fit; one that is too long for any has a line of its own."""
        lines: list[list[Item]] = [[]]
        used = self._gap
        for item in items:
            width = self._item_width(item) + self._gap
            if lines[-1] and used + width > self._width:
                lines.append([])
                used = self._gap
            lines[-1].append(item)
            used += width
        return lines

    def height(self, lines: list[list[Item]]) -> int:
        """Of the bar, in pixels."""
        return len(lines) * self._font.height + self._font.height // 2

    def draw(self, pixels: Pixels, lines: list[list[Item]]) -> None:
        """Draw at the bottom of an RGB picture."""
        top = max(0, pixels.shape[0] - self.height(lines))
        below = pixels[top:]
        cv2.convertScaleAbs(below, below, alpha=_SEEN_THROUGH)
        y = top + self._font.height // 4
        for line in lines:
            x = self._gap // 2
            for item in line:
                self._item(pixels, item, x, y)
                x += self._item_width(item) + self._gap
            y += self._font.height

    def _item(self, pixels: Pixels, item: Item, x: int, y: int) -> None:
        if item.colour is not None:
            margin = (self._font.height - self._square) // 2
            corner = x + self._square - 1, y + margin + self._square - 1
            cv2.rectangle(pixels, (x, y + margin), corner, item.colour, cv2.FILLED)
            x += self._square + self._gap // 3
        self._font.write(pixels, item.text, (x, y), _PAPER)

    def _item_width(self, item: Item) -> int:
        square = 0 if item.colour is None else self._square + self._gap // 3
        return square + self._font.width(item.text)
