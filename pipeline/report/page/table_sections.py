"""The tables of the page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from dart_stream.evaluation.page.blocks import Column, Group, paragraph, section, table
from dart_stream.evaluation.page.wording import NOT_MEASURED, count, text
from pipeline.report.story import AlarmNote, PolicyNote, Story
from pipeline.ui.figures import milliseconds, percent, threshold

_MOST_ROWS: Final = 60
_MOST_NAMED: Final = 3


def clock(time_s: float) -> str:
    """A moment as it is written in tables."""
    return datetime.fromtimestamp(time_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def alarms_section(story: Story) -> str:
    """When, and in which words."""
    if not story.num_alarms:
        return section("Alarms", paragraph("None.", "lead"))
    shown = list(story.alarms)[-_MOST_ROWS:]
    columns: list[Column[AlarmNote]] = [
        Column("time", lambda row: clock(row.time_s), kind="name"),
        Column("in words", lambda row: text(row.words), kind="words"),
    ]
    words = f"The last {len(shown)} of {count(story.num_alarms)}." if _cut(story, shown) else ""
    return section("Alarms", paragraph(words, "lead"), table(columns, [Group(shown)]))


def policies_section(story: Story) -> str:
    """Each version, what it asks for, and which classes it treats otherwise."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    classes = story.last.classes
    shown = list(story.policies)[-_MOST_ROWS:]
    columns: list[Column[PolicyNote]] = [
        Column("version", lambda row: count(row.version)),
        Column("since", lambda row: clock(row.time_s), kind="name"),
        Column("kind", lambda row: text(_inner(row.body).get("kind", "")), kind="name"),
        Column("thresholds", lambda row: _thresholds(_inner(row.body)), kind="name"),
        Column(
            "classes asked to be surer",
            lambda row: _raised(_inner(row.body), classes),
            kind="words",
        ),
    ]
    more = story.num_policies > len(shown)
    words = f"The last {len(shown)} of {count(story.num_policies)}." if more else ""
    return section("Policies", paragraph(words, "lead"), table(columns, [Group(shown)]))


def workers_section(story: Story) -> str:
    """Who computed."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    rows = story.last.workers
    columns: list[Column[Any]] = [
        Column("worker", lambda row: text(row.name), kind="name"),
        Column("what", lambda row: text(row.description), kind="name"),
        Column("regions", lambda row: count(row.regions)),
        Column("batches", lambda row: count(row.batches)),
    ]
    return section("Workers", table(columns, [Group(rows)]))


def config_section(story: Story) -> str:
    """The configuration as it was resolved; it holds no secret."""
    if story.config is None:
        return ""
    note = ""
    if story.book is not None:
        note = paragraph("As the run began; its sources were changed meanwhile, see above.", "lead")
    return section(
        "Configuration",
        note,
        "<details><summary>config.resolved.yaml</summary>"
        f'<pre class="command"><code>{text(story.config)}</code></pre></details>',
    )


def latency_words(latency_ms: Mapping[str, float | None]) -> str:
    """The three figures of a latency."""
    known = [f"{name} {milliseconds(value)}" for name, value in latency_ms.items() if value]
    return ", ".join(known) or NOT_MEASURED


def share_words(share: float | None) -> str:
    """A share, or that it was not measured."""
    return NOT_MEASURED if share is None else percent(share, 1)


def _cut(story: Story, shown: Sequence[AlarmNote]) -> bool:
    return story.num_alarms > len(shown)


def _inner(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What decides where no class is always full."""
    inner: Mapping[str, Any] = body.get("policy", body)
    return inner


def _thresholds(body: Mapping[str, Any]) -> str:
    return ", ".join(threshold(value) for value in body.get("thresholds", [])) or NOT_MEASURED


def _raised(body: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Those that are raised most, with the mean over exits in logits."""
    rows = body.get("coefficients") or []
    means = sorted(
        ((sum(row) / len(row), number) for number, row in enumerate(rows) if row), reverse=True
    )
    named = [
        f"{text(classes[number] if number < len(classes) else f'class {number}')} {mean:+.2f}"
        for mean, number in means[:_MOST_NAMED]
        if mean >= 0.005
    ]
    return ", ".join(named) or "none"
