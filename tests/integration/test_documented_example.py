"""The documented reader and sink of one's own really run."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def in_examples(monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_the_example_counts_what_the_reader_made(in_examples, tmp_path):
    out = tmp_path / "out"
    arguments = ["run", "own.yaml", "--out", str(out), "--headless"]
    arguments += ["--set", "runtime.type=threads", "--set", "model.precision=fp32"]
    assert main(arguments) == 0
    assert sum(json.loads((out / "labels.json").read_text()).values()) == 25
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines[:-1]] == list(range(25))
    assert lines[-1]["event"] == "end_of_stream"
