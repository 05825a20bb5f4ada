"""Deadlines in a run: counted, written down, and none where none is set."""

import pytest


@pytest.fixture
def played(in_threads, make_clip):
    """Play a short clip as a camera would, with some deadline, to full depth."""

    def _run(*settings):
        return in_threads(
            {"a": make_clip(20)},
            "policy.mode=full",
            "sources.a.realtime=true",
            *settings,
        )

    return _run


def test_what_no_machine_can_keep_is_answered_by_the_first_exit(played):
    run = played("runtime.region_deadline_ms=0.001")
    records = run.records["a"][:-1]
    assert run.status == 0
    assert len(records) > 0
    assert {(record["exit"], record["late"]) for record in records} == {(0, True)}
    assert run.summary["deadline"] == {
        "limit_ms": 0.001,
        "regions": len(records),
        "late": len(records),
        "late_share": 1.0,
        "overdue": len(records),
        "overdue_share": 1.0,
        "exempt": 0,
    }
    assert "deadline of 0.001 ms a region for a" in run.log


def test_what_is_always_at_full_depth_has_none(played):
    run = played("runtime.region_deadline_ms=0.001", "sources.a.always_full=true")
    records = run.records["a"][:-1]
    assert {(record["exit"], record["late"]) for record in records} == {(2, False)}
    assert run.summary["deadline"]["exempt"] == len(records)
    assert run.summary["deadline"]["late_share"] is None


def test_a_deadline_that_is_kept_cuts_nothing(played):
    run = played("runtime.region_deadline_ms=60000")
    assert {record["exit"] for record in run.records["a"][:-1]} == {2}
    assert (run.summary["deadline"]["late"], run.summary["deadline"]["overdue"]) == (0, 0)


def test_a_file_that_waits_has_none(in_threads, make_clip):
    run = in_threads({"a": make_clip(20)}, "policy.mode=full", "runtime.region_deadline_ms=0.001")
    assert {record["exit"] for record in run.records["a"][:-1]} == {2}
    assert run.summary["deadline"]["regions"] == 0
    assert "no source: all of them wait" in run.log
