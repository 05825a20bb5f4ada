"""Top of the page: what was run, what came of it, and under which conditions."""

from collections.abc import Mapping
from typing import Any, Final

from dart_stream.evaluation.page.blocks import paragraph
from dart_stream.evaluation.page.wording import NOT_MEASURED, count, listed, text
from pipeline.report.page.source_sections import source_names
from pipeline.report.page.table_sections import clock, latency_words, share_words
from pipeline.report.page.time_axes import Span
from pipeline.report.story import Story
from pipeline.snapshot import Ledger, Snapshot
from pipeline.ui.figures import MISSING, duration, joules, percent, rate, watts

_MOST_NAMED: Final = 32


def headline(story: Story, span: Span) -> str:
    """Title, result, what is missing, facts."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    last = story.last
    time = f"{clock(span.begin_s)} to {clock(span.end_s)} {text(span.zone)}"
    names = source_names(story)
    more = [f"{count(len(names) - _MOST_NAMED)} more"] if len(names) > _MOST_NAMED else []
    sources = listed([*names[:_MOST_NAMED], *more])
    parts = [
        "<header>",
        f'<p class="over">Run {text(story.folder.resolve().name)}, {time}</p>',
        f"<h1>{text(last.model)} on {sources}</h1>",
        paragraph(_result(last, story), "result"),
        *(paragraph(text(words), "missing") for words in _missing(story)),
        _facts(last, story),
        "</header>",
    ]
    return "\n".join(parts)


def _result(last: Snapshot, story: Story) -> str:
    """The promise, kept or not, in two sentences."""
    frames, took = f"{count(last.ledger.processed)} frames", duration(last.uptime_s)
    if last.macs_fraction is None:
        return f"{frames} in {took}; no region was answered."
    spent = f"<em>{percent(last.macs_fraction, 1)}</em> of the full network's compute."
    first = f"{frames} in {took} at {spent}"
    if story.resumed:  # frames are counted over all parts, the rest is of the last one
        first = f"{frames} in all; {took} since the run was resumed last, at {spent}"
    return f"{first} {_evidence(last)} {_alarms(story)}"


def _evidence(last: Snapshot) -> str:
    adaptation = last.adaptation
    if adaptation is None or adaptation.frozen is not None:
        return "How many answers differ from the full network's was not measured."
    limit = percent(adaptation.epsilon, 1)
    if adaptation.upper is None and adaptation.held is not None:
        return (
            "At the end the policy was held by hand, and no audit had told yet how many of its "
            "answers differ from the full network's."
        )
    if adaptation.upper is None:
        return (
            "At the end everything ran to full depth, for want of evidence below the limit of "
            f"{limit}."
        )
    held = "" if adaptation.held is None else ", with the policy held by hand,"
    return (
        f"At the end{held} at most <em>{percent(adaptation.upper, 2)}</em> of the early answers "
        f"differed from full depth's ({percent(adaptation.confidence)} confidence, limit {limit})."
    )


def _alarms(story: Story) -> str:
    if not story.num_alarms:
        return "No alarms."
    return "One alarm." if story.num_alarms == 1 else f"{count(story.num_alarms)} alarms."


def _missing(story: Story) -> list[str]:
    """What a reader must know before trusting the rest."""
    words = []
    if story.summary is None:
        words.append(
            "There is no summary.json: the run was killed or still goes on. Figures are those of "
            "its last snapshot."
        )
    if story.lost_records:
        words.append(f"{count(story.lost_records)} records found no room on the disk.")
    if story.clock.steps:
        times = "once" if story.clock.steps == 1 else f"{count(story.clock.steps)} times"
        words.append(f"The clock was set {times} meanwhile; times are by the clock of the end.")
    return words + story.complaints


def _facts(last: Snapshot, story: Story) -> str:
    summary = story.summary or {}
    facts = {
        "ledger": _ledger(last.ledger),
        "regions": count(last.regions),
        "frames/s": _known(rate(summary.get("fps"))),
        "latency at the end": latency_words(
            {"p50": last.latency_ms.p50, "p95": last.latency_ms.p95, "p99": last.latency_ms.p99}
        ),
        "average exit depth": _depth(last),
        "compute saved": share_words(
            None if last.macs_fraction is None else 1 - last.macs_fraction
        ),
        "energy": _energy(last),
        "restarts": count(last.restarts),
        "policies": count(story.num_policies),
        "not written for want of room": _not_written(last),
        "host": _pairs(summary.get("host") or story.about.get("host")),
        "versions": _pairs(summary.get("versions") or story.about.get("versions")),
    }
    items = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()]
    return '<dl class="facts">\n' + "\n".join(items) + "\n</dl>"


def _ledger(ledger: Ledger) -> str:
    dropped = count(sum(ledger.dropped.values()))
    return (
        f"{count(ledger.captured)} captured = {count(ledger.processed)} processed + {dropped} "
        f"dropped + {count(ledger.in_flight)} in flight"
    )


def _depth(last: Snapshot) -> str:
    if not last.regions:
        return NOT_MEASURED
    depth = sum((number + 1) * share for number, share in enumerate(last.exits))
    return f"{depth:.2f} of {last.num_exits}"


def _energy(last: Snapshot) -> str:
    if last.power.source is None:
        return "not measured"
    return f"{joules(last.power.energy_j)}, {watts(last.power.power_w)} ({text(last.power.source)})"


def _not_written(last: Snapshot) -> str:
    if not last.not_written:
        return "nothing"
    return ", ".join(f"{text(name)}: {count(n)}" for name, n in last.not_written.items())


def _pairs(known: Mapping[str, Any] | None) -> str:
    if not known:
        return "not stated"
    return ", ".join(f"{text(key)} {text(value)}" for key, value in known.items() if value)


def _known(words: str) -> str:
    return NOT_MEASURED if words == MISSING else words
