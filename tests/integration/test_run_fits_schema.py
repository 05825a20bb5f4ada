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
