"""How many lines each part of the screen gets."""

from typing import NamedTuple

from pipeline.snapshot import Snapshot


class Rows(NamedTuple):
    """Lines of the parts whose contents vary."""

    sources: int
    workers: int
    messages: int
    adaptation: int


class Wish(NamedTuple):
    """Lines of adaptation: at least, before others get more, and at most."""

    least: int
    fair: int
    most: int


def share_rows(snapshot: Snapshot, rows: int, wish: Wish) -> Rows:
    """Divide `rows`.

    Two sources, the ledger, a worker, a message and the least of adaptation come first, then all
    sources, then more of adaptation, messages and workers; the log takes what is left.
    """
    all_sources = 1 + max(len(snapshot.sources), 1)
    lines = {
        "sources": min(all_sources, 3),
        "workers": 2,
        "messages": 1,
        "adaptation": wish.least,
    }
    spare = max(rows - sum(lines.values()), 0)
    goals = (
        ("sources", all_sources),
        ("adaptation", wish.fair),
        ("messages", 3),
        ("adaptation", wish.most),
        ("workers", 1 + min(len(snapshot.workers), 4)),
    )
    for part, goal in goals:
        more = min(spare, max(goal - lines[part], 0))
        lines[part] += more
        spare -= more
    lines["messages"] += spare
    return Rows(**lines)
