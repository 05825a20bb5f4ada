"""Whether a run's ledger is exact after all that happened to it, and every loss has its reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.chaos.account import Account, read_accounts
from pipeline.chaos.timeline import timeline_problem
from pipeline.config import CustomRegions, JsonlSinkConfig, PipelineConfig, SourceConfig
from pipeline.supervisor.recording import SUMMARY
from pipeline.supervisor.source_traits import SourceTraits, traits_of

_POISON: Final = "poison"
_MAX_AGE: Final = "max_age"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check has counted.

    Attributes:
        problems: Each in one line; none if the ledger is exact.
        frames: The ledger of the whole run.
        regions: Answers in the file.
        exact_frames: Frames of sources that wait, each of which stands there once.
    """

    problems: list[str]
    frames: dict[str, Any]
    regions: int
    exact_frames: int


def check_ledger(config: PipelineConfig, out: Path, worker_deaths: int) -> Checked:
    """Hold the lines of the file against the summary, the rules of each source, and its footage.

    Args:
        config: Of the run.
        out: Its folder.
        worker_deaths: How often a worker died: so often a region may be dropped as poison.
    """
    summary_path = out / SUMMARY
    results = out / results_name(config)
    missing = [path for path in (summary_path, results) if not path.is_file()]
    if missing:
        return Checked([f"{path.name} was not written" for path in missing], {}, 0, 0)
    summary = json.loads(summary_path.read_text())
    accounts, problems = read_accounts(results)
    problems += [f"{name}: no such source" for name in accounts if name not in config.sources]
    exact = 0
    for name, source in config.sources.items():
        account = accounts.get(name, Account())
        traits = traits_of(source)
        found = _problems(source, traits, account, summary["sources"][name])
        if traits.on_full == "block" and not traits.live:
            exact += len(account.frames)
        problems += [f"{name}: {problem}" for problem in found]
    problems += _totals(summary, worker_deaths)
    lines = sum(account.lines for account in accounts.values())
    return Checked(problems, summary["frames"], lines, exact)


def results_name(config: PipelineConfig) -> str:
    """Name of the file with the answers; the configuration has been looked at."""
    return next(sink.file for sink in config.sinks if isinstance(sink, JsonlSinkConfig))


def _problems(
    source: SourceConfig, traits: SourceTraits, account: Account, told: Mapping[str, Any]
) -> list[str]:
    frames = told["frames"]
    dropped = frames["dropped"]
    checks = {
        f"ledger does not balance: {frames}": frames["captured"]
        == frames["processed"] + sum(dropped.values()) + frames["in_flight"],
        f"{frames['in_flight']} frames are still in flight": frames["in_flight"] == 0,
        f"state {told['state']}: {told['reason']}": told["state"] != "failed",
        f"{account.doubled} answers are there twice": account.doubled == 0,
        f"{account.disordered} answers are out of order": account.disordered == 0,
        f"time or segment falls {account.falling} times": account.falling == 0,
        f"{account.after_end} lines follow its end": account.after_end == 0,
        f"{account.lines} answers, the summary counts {told['regions']}": account.lines
        == told["regions"],
    }
    problems = [problem for problem, is_right in checks.items() if not is_right]
    problems += _end_problems(account, frames)
    problems += _drop_problems(source, traits, dropped)
    if not isinstance(source.regions, CustomRegions):  # those may find nothing in a frame
        problems += _frame_problems(source, traits, account, frames)
    return problems


def _end_problems(account: Account, frames: Mapping[str, Any]) -> list[str]:
    if account.end is None:
        return ["no end record"]
    kept = {key: account.end.frames.get(key) for key in ("captured", "processed", "dropped")}
    told = {key: frames[key] for key in kept}
    return [] if kept == told else [f"its end record says {kept}, the summary {told}"]


def _drop_problems(
    source: SourceConfig, traits: SourceTraits, dropped: Mapping[str, int]
) -> list[str]:
    """A source loses frames by its own rules, or to the deaths of workers; by nothing else."""
    allowed = {_POISON, *([] if traits.on_full == "block" else [traits.on_full])}
    if source.max_age is not None:
        allowed.add(_MAX_AGE)
    return [
        f"{count} frames dropped as {reason!r}, which is none of its rules"
        for reason, count in dropped.items()
        if reason not in allowed
    ]


def _frame_problems(
    source: SourceConfig, traits: SourceTraits, account: Account, frames: Mapping[str, Any]
) -> list[str]:
    poisoned = frames["dropped"].get(_POISON, 0)
    # A frame of several regions may lose one to poison and have lines of the others.
    least, most = frames["processed"], frames["processed"] + poisoned
    if not least <= len(account.frames) <= most:
        return [f"{len(account.frames)} frames have answers, {least} were processed"]
    if traits.live or traits.on_full != "block":
        return []
    is_whole = source.stride == 1 and source.max_fps is None and source.start == 0
    if is_whole and source.max_age is None:
        gaps = frames["captured"] - len(account.frames)
        if gaps > poisoned or (account.frames and account.frames[-1] >= frames["captured"]):
            there = f"{len(account.frames)} of {frames['captured']} frames are there"
            return [f"{there}, {poisoned} were dropped as poison"]
    wrong = timeline_problem(source, account.frames, account.pts_s)
    return [] if wrong is None else [wrong]


def _totals(summary: Mapping[str, Any], worker_deaths: int) -> list[str]:
    problems = []
    sums = {
        key: sum(each["frames"][key] for each in summary["sources"].values())
        for key in ("captured", "processed", "in_flight")
    }
    told = {key: summary["frames"][key] for key in sums}
    if sums != told:
        problems.append(f"the sources add up to {sums}, the summary says {told}")
    poisoned = summary["frames"]["dropped"].get(_POISON, 0)
    if poisoned > worker_deaths:
        problems.append(f"{poisoned} frames dropped as poison, {worker_deaths} workers died")
    return problems
