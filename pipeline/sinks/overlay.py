"""What a video shows on top of its frames: boxes, answers, exits as colours, compute saved."""

from typing import Final

import cv2

from pipeline.sinks.bar import Bar, Item
from pipeline.sinks.base import Network, Record
from pipeline.sinks.canvas import Placed
from pipeline.sinks.lettering import Colour, Lettering

EXIT_COLOURS: Final[tuple[Colour, ...]] = (
    *((95, 175, 95), (175, 215, 95), (215, 175, 95), (215, 135, 95), (215, 95, 95)),
)
"""Early to late, green to red: those of the terminal monitor."""
_INK: Final[Colour] = (16, 16, 16)
_LINES_PER_FRAME: Final = 24
_MIN_LINE, _MAX_LINE = 13, 48
"""Height of a line of text in pixels."""


class Overlay:
    """Draws on frames of one size, in order.

    Args:
        size: Width and height in pixels.
        network: Whose exits are shown; None knows no more of them than their numbers.
    """

    def __init__(self, size: tuple[int, int], network: Network | None) -> None:
        line = min(max(min(size) // _LINES_PER_FRAME, _MIN_LINE), _MAX_LINE)
        self._num_exits = 0 if network is None else network.num_exits
        self._full_macs = 0 if network is None else network.full_macs
        self._stroke, self._pad = max(2, line // 7), line // 3
        self._large, self._small = Lettering(line), Lettering(round(line * 0.85))
        self._bar = Bar(self._small, size[0])
        self._regions, self._macs = 0, 0

    def draw(self, placed: Placed, record: Record) -> None:
        """Draw the regions of a frame and the bar at the bottom.

        Args:
            placed: Is drawn on.
            record: Of the frame, with the results of its regions.
        """
        self._regions += len(record["regions"])
        self._macs += sum(region["macs"] for region in record["regions"])
        lines = self._bar.lines(self._items(record))
        bottom = placed.pixels.shape[0] - self._bar.height(lines)
        for region in record["regions"]:
            self._region(placed, region, bottom)
        self._bar.draw(placed.pixels, lines)

    def _region(self, placed: Placed, region: Record, bottom: int) -> None:
        """A box, and a tag above it, or inside where there is no room above; never on the bar."""
        left, top, right, low = placed.box(region["box"])
        half = self._stroke // 2
        corner = right - half, min(low, bottom - 1) - half
        colour = self._colour(region["exit"])
        cv2.rectangle(placed.pixels, (left + half, top + half), corner, colour, self._stroke)
        tag = [(self._large, self._answer(region)), (self._small, self._cost(region))]
        self._tag(placed, tag, (left, top, bottom), colour)

    def _tag(
        self,
        placed: Placed,
        lines: list[tuple[Lettering, str]],
        place: tuple[int, int, int],
        colour: Colour,
    ) -> None:
        left, top, bottom = place
        width = max(font.width(text) for font, text in lines) + 2 * self._pad
        height = sum(font.height for font, _ in lines) + self._pad
        x = max(0, min(left, placed.pixels.shape[1] - width))
        y = max(0, min(top - height if top >= height else top, bottom - height))
        corner = x + width - 1, y + height - 1
        cv2.rectangle(placed.pixels, (x, y), corner, colour, cv2.FILLED)
        y += self._pad // 2
        for font, text in lines:
            font.write(placed.pixels, text, (x + self._pad, y), _INK)
            y += font.height

    def _answer(self, region: Record) -> str:
        """The label that is shown, how sure the answer is, and the answer where it is another."""
        shown, answer = region["smoothed_label"] or "unsure", region["label"] or "unsure"
        zone = "" if region["zone"] is None else f"{region['zone']}: "
        sure = f"{region['confidence']:.0%}"
        if shown == answer:
            return f"{zone}{shown} {sure}"
        return f"{zone}{shown} (now {answer} {sure})"

    def _cost(self, region: Record) -> str:
        parts = [self._exit_name(region["exit"]), f"difficulty {region['difficulty']:.2f}"]
        if self._full_macs:
            parts.append(_saved(region["macs"] / self._full_macs))
        return " · ".join(parts)

    def _items(self, record: Record) -> list[Item]:
        when = f"{record['source']}  {_clock(record['pts_s'])}  frame {record['frame']}"
        exits = [Item(self._exit_name(k), self._colour(k)) for k in range(self._num_exits)]
        if not (self._full_macs and self._regions):
            return [Item(when), *exits]
        saved = _saved(self._macs / (self._regions * self._full_macs), " of compute")
        return [Item(when), *exits, Item(f"{saved} so far")]

    def _colour(self, exit_index: int) -> Colour:
        """The colour of an exit, spread over the palette."""
        steps = len(EXIT_COLOURS) - 1
        last = max(1, self._num_exits - 1)
        return EXIT_COLOURS[min(steps, round(exit_index * steps / last))]

    def _exit_name(self, exit_index: int) -> str:
        return "full" if exit_index == self._num_exits - 1 else f"exit {exit_index}"


def _saved(spent: float, of: str = "") -> str:
    """From the share that was spent; heads on the way may cost more than was left out."""
    percent = round(100 * (1 - spent))
    return f"{percent}%{of} saved" if percent >= 0 else f"{-percent}%{of} spent on top"


def _clock(pts_s: float) -> str:
    minutes, seconds = divmod(int(pts_s * 10) / 10, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"
