"""What a run leaves has exactly the fields of its schema, no more and no less."""

import msgspec

from pipeline.results import EndRecord, RegionRecord
from pipeline.run_summary import RunSummary


def test_lines_and_summary_of_a_run_fit_their_schemas(in_threads, clip):
    run = in_threads({"lot": clip})
    for line in run.lines:
        msgspec.convert(line, EndRecord if "event" in line else RegionRecord)
    summary = msgspec.convert(run.summary, RunSummary)
    assert msgspec.to_builtins(summary) == run.summary


def test_labels_of_a_run_follow_the_configuration(in_threads, clip):
    run = in_threads({"lot": clip}, "labels={min_confidence: 0.0, smooth: {needed: 3, of: 5}}")
    lines = run.records["lot"][:-1]
    assert [line["smoothed_label"] for line in lines[:2]] == [None, None]
    for number, line in enumerate(lines):
        votes = [vote["label"] for vote in lines[max(0, number - 4) : number + 1]]
        if votes.count(line["label"]) >= 3:
            assert line["smoothed_label"] == line["label"]
    assert any(line["smoothed_label"] for line in lines)


def test_a_run_that_is_sure_of_nothing_has_no_labels_but_all_answers(in_threads, clip):
    run = in_threads({"lot": clip}, "labels.min_confidence=1.0")
    lines = [msgspec.convert(line, RegionRecord) for line in run.records["lot"][:-1]]
    assert {line.label for line in lines} == {line.smoothed_label for line in lines} == {None}
    assert all(0 < line.confidence < 1 and line.label_id in range(4) for line in lines)
