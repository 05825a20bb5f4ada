"""What differs between two configurations."""

import pytest

from pipeline.config_file import load_config
from pipeline.source_changes import SourceChanges, other_changes, source_changes


def config(sources, **others):
    return load_config(base={"sources": sources} | others, environment={}).config


def changes(before, wanted):
    return source_changes(config(before).sources, config(wanted).sources)


A, B = {"uri": "a.mp4"}, {"uri": "b.mp4"}


@pytest.mark.parametrize(
    ("before", "wanted", "expected"),
    [
        ({"a": A}, {"a": A}, SourceChanges()),
        ({"a": A, "b": B}, {"b": B, "a": A}, SourceChanges()),  # the order says nothing
        ({"a": A}, {"a": {**A, "stride": 1}}, SourceChanges()),  # a default, written out
        ({"a": A}, {"a": A, "b": B}, SourceChanges(added=("b",))),
        ({"a": A, "b": B}, {"b": B}, SourceChanges(removed=("a",))),
        ({"a": A}, {"a": {**A, "stride": 2}}, SourceChanges(changed=("a",))),
        ({"a": A}, {"b": A}, SourceChanges(added=("b",), removed=("a",))),  # a name is identity
        (
            {"a": {**A, "regions": {"type": "zones", "zones": {"gate": [0, 0, 0.5, 1]}}}},
            {"a": {**A, "regions": {"type": "zones", "zones": {"gate": [0, 0, 0.6, 1]}}}},
            SourceChanges(changed=("a",)),
        ),
    ],
)
def test_sources_are_compared_by_name_and_by_every_setting(before, wanted, expected):
    found = changes(before, wanted)
    assert found == expected
    assert bool(found) is (expected != SourceChanges())


def test_changes_are_told_in_a_line():
    both = changes({"a": A, "b": B, "c": A}, {"a": B, "d": A, "e": A})
    assert both.words == "added d, e; changed a; removed b, c"
    assert SourceChanges().words == "no source has changed"


def test_what_else_differs_is_named_by_its_key():
    before = config({"a": A}, policy={"mode": "full"})
    now = config(
        {"b": B},
        policy={"mode": "full", "max_disagreement": 0.05},
        sinks=[{"type": "jsonl"}, {"type": "video", "source": "b"}],
        seed=2,
        listen={"address": "tcp://127.0.0.1:1"},
    )
    assert other_changes(before, now) == ["policy.max_disagreement", "sinks", "listen", "seed"]
    assert other_changes(before, before) == []
