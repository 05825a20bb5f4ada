"""What `verify` found, as tables for the terminal."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.models_show import new_table
from pipeline.ui.figures import MISSING
from pipeline.verify.document import LeftOut, PhaseRow, Snapshots, Verification, Windows

_MAX_PHASES: Final = 30
"""Rows that a terminal shows; the file has all."""
_MAX_LIMITS: Final = 8
"""Likewise."""
_MAX_LEFT_OUT: Final = 8
"""Likewise."""


def print_verification(found: Verification, console: Console | None = None) -> None:
    """Print the phases, the points that were checked, and the verdict."""
    console = console or Console(highlight=False)
    console.print(_phases(found))
    if len(found.phases) > _MAX_PHASES:
        console.print(f"and {len(found.phases) - _MAX_PHASES} more stretches in verify.json")
    for name, words in _points(found):
        console.print(Text(f"{name:<22} {words}"), soft_wrap=True)
    console.print(_verdict(found), soft_wrap=True)


def _phases(found: Verification) -> Table:
    left_out = [
        (name, field)
        for name, field, count in (
            ("by hand", "by_hand", found.by_hand),
            ("late", "late", found.late),
        )
        if count
    ]
    table = new_table(
        "beside the full network",
        *("source", "phase", "from", "regions", "differ", "full depth", "MACs"),
        *(name for name, _ in left_out),
    )
    table.columns[1].overflow = "fold"
    for row in found.phases[:_MAX_PHASES]:
        table.add_row(
            row.source if row.session == 1 else f"{row.source}, session {row.session}",
            row.name or "all",
            f"{row.begin:,}",
            f"{row.n:,}",
            _differ(row, found.epsilon),
            f"{row.full_depth:.1%}",
            f"{row.macs_fraction:.1%}",
            *(f"{getattr(row, field):,}" for _, field in left_out),
        )
    return table


def _differ(row: PhaseRow, epsilon: float) -> Text:
    if row.disagreement is None:
        return Text(MISSING)
    return Text(f"{row.disagreement:.2%}", "bold red" if row.disagreement > epsilon else "")


def _points(found: Verification) -> list[tuple[str, str]]:
    deep, again = found.full_depth, found.reproduced
    return [
        (
            "checked",
            (
                f"{found.regions:,} regions, {found.model} at full depth ({found.device}, "
                f"{found.precision}, threads: {found.threads}, torch {found.torch})"
            ),
        ),
        (
            "differ",
            (f"{_share(found)}, limit {_limit(found)}, at {found.macs_fraction:.1%} of the MACs"),
        ),
        *_not_judged(found),
        (f"windows of {found.window:,}", _windows(found.settled, "settled")),
        ("", _windows(found.all_windows, "of the whole run")),
        (
            "recorded full depth",
            f"{deep.n:,} answers, {deep.other} with another label, {deep.wrong} beyond rounding",
        ),
        (
            "recorded answers",
            (
                f"{again.wrong} of {again.n:,} do not come out again (largest difference "
                f"{again.max_difference:.1e}, rounding {found.rounding:.0e})"
            ),
        ),
        ("audits said at end", _estimate(found)),
        ("audits said meanwhile", _snapshots(found.snapshots)),
    ]


def _share(found: Verification) -> str:
    if found.disagreement is None:
        return "not measured"
    return f"{found.differ:,} ({found.disagreement:.2%})"


def _limit(found: Verification) -> str:
    if len(found.limits) == 1:
        return f"{found.epsilon:.2%}"
    limits = ", ".join(f"{limit:.2%}" for limit in found.limits[-_MAX_LIMITS:])
    return f"{found.epsilon:.2%} (steered by hand, the largest of {limits})"


def _not_judged(found: Verification) -> list[tuple[str, str]]:
    """Answers that could not be checked, and those that the promise is not about."""
    rows = []
    if found.by_hand:
        rows.append(f"{found.by_hand:,} answers of a policy that was frozen or rolled back by hand")
    if found.late:
        rows.append(f"{found.late:,} answers that a deadline cut short")
    rows += [_left_out(each) for each in found.left_out[:_MAX_LEFT_OUT]]
    more = len(found.left_out) - _MAX_LEFT_OUT
    if more > 0:
        rows.append(f"and {more:,} more in verify.json")
    return [("" if number else "left out", words) for number, words in enumerate(rows)]


def _left_out(found: LeftOut) -> str:
    session = "" if found.session is None else f", session {found.session}"
    return f"{found.n:,} answers of {found.source}{session}, not checked: {found.why}"


def _windows(windows: Windows, which: str) -> str:
    worst = MISSING if windows.worst is None else f"{windows.worst:.2%}"
    return f"{windows.above_epsilon} of {windows.n} {which} above the limit, worst {worst}"


def _not_whole(found: Verification) -> str:
    if found.unchecked:
        return "not all regions since are recorded and checked"
    return "the recording does not hold all regions since"


def _estimate(found: Verification) -> str:
    said = found.estimate
    if said is None and found.held is not None:
        return f"not measured: {found.held}, and no audit since"
    if said is None:
        return "not measured: everything ran to full depth, or nothing adapted"
    words = f"{said.estimate:.2%}, at most {said.upper:.2%}"
    if not said.placed:
        return f"{words}; {_not_whole(found)}, nothing to compare"
    if said.truth is None or said.at_least is None:
        return f"{words}; no early answer since, nothing to compare"
    covers = "covers" if said.covered else "DOES NOT COVER"
    return (
        f"{words}; {covers} the {said.truth:.2%} of {said.regions:,} early answers, whose rate is "
        f"at least {said.at_least:.2%}"
    )


def _snapshots(said: Snapshots | None) -> str:
    more = ""
    if said is not None and said.unplaced:
        more = f"; {said.unplaced:,} more speak of regions that are not recorded or not checked"
    if said is None or said.worst is None:
        return f"not measured: no snapshot with 100 early answers and a bound{more}"
    words = f"the bound covers the rate in {said.covered:,} of {said.n:,} snapshots"
    missed = "" if said.worst <= 0 else f", missed by {100 * said.worst:.2f} points at most"
    return f"{words}{missed}{more}"


def _verdict(found: Verification) -> Text:
    notes = [] if found.promised else ["the run did not adapt, so nothing was promised"]
    if found.by_hand or len(found.limits) > 1:
        notes.append("steered by hand")
    if found.unchecked:
        notes.append(
            f"{found.unchecked:,} of {found.regions + found.unchecked:,} answers could not be "
            "checked"
        )
    promise = f" ({'; '.join(notes)})" if notes else ""
    if found.kept is False:
        return Text(f"NOT KEPT{promise}: " + "; ".join(found.broken), "bold red")
    if not found.judged:
        return Text(f"NOT MEASURED{promise}: the promise is about none of the answers", "bold")
    if found.kept is None:
        return Text(f"KEPT IN PART{promise}: what was checked keeps it", "bold yellow")
    return Text(f"KEPT{promise}", "bold green")
