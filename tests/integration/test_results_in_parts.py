"""Whole runs whose results are limited: parts that go are accounted for, whatever is killed."""

import contextlib
import json
import os
import signal

import pytest

from pipeline.cli.main import main
from pipeline.file_series import FileSeries
from pipeline.sinks.result_parts import read_all_records, scan_results

FRAMES = 4_000
SOURCE = f"synthetic://?frames={FRAMES}&width=32&height=32&fps=1000"
LIMITED = "sinks=[{type: jsonl, max_mb: 1}]"


@pytest.mark.processes
@pytest.mark.torch_process
def test_a_killed_sink_and_a_killed_supervisor_lose_and_double_nothing(
    kill_drill, tiny_model, tmp_path
):
    out = tmp_path / "out"
    results = FileSeries(out / "results.jsonl")
    settings = (f"model.name={tiny_model}", "model.precision=fp32", "model.threads=1", LIMITED)
    words = ["--out", str(out), "--source", f"a={SOURCE}", "--set", "sources.a.realtime=true"]
    words += [word for setting in settings for word in ("--set", setting)]
    with contextlib.closing(kill_drill.Run(words, out, tmp_path / "t")) as run:
        for part, role in ((2, "sink"), (4, "supervisor")):
            kill_drill.wait_until(
                lambda part=part: results.next_number() > part, 60, f"part {part}"
            )
            os.kill(run.pid_of(role), signal.SIGKILL)
        run.process.wait(30)
        kill_drill.wait_until(lambda: not run.alive(), 30, "the end of its children")
    with contextlib.closing(kill_drill.Run(["--resume", str(out)], out, tmp_path / "t")) as run:
        assert run.process.wait(60) == 0
    records = list(read_all_records(results.path))
    assert min(results.numbered()) > 4
    frames = [record["frame"] for record in records[:-1]]
    assert frames == list(range(FRAMES - len(frames), FRAMES))
    assert records[-1]["frames"]["processed"] == FRAMES
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"]["processed"] == summary["frames"]["captured"] == FRAMES
    held = scan_results(results.path)
    assert held.results == {"a": FRAMES}
    assert (
        held.sources["a"].frames == FRAMES - 1
    )  # the last may have more regions, for all it knows


def test_what_went_with_the_oldest_parts_is_left_out_of_a_check(tiny_model, tmp_path, capsys):
    out = tmp_path / "out"
    settings = (f"model.name={tiny_model}", "model.precision=fp32", "runtime.type=threads")
    settings += (LIMITED, "policy.mode=full")
    words = [word for setting in settings for word in ("--set", setting)]
    assert main(["run", "--headless", "--out", str(out), "--source", f"a={SOURCE}", *words]) == 0
    kept = len(list(read_all_records(out / "results.jsonl"))) - 1
    assert 1_000 < kept < FRAMES
    assert main(["verify", str(out), "--quiet"]) == 2
    assert (
        f"{FRAMES - kept:,} of {FRAMES:,} answers could not be checked" in capsys.readouterr().err
    )
    found = json.loads((out / "verify.json").read_text())
    assert (found["n"], found["unchecked"], found["kept"]) == (kept, FRAMES - kept, None)
    assert found["left_out"][0]["n"] == FRAMES - kept
    assert found["reproduced"]["wrong"] == 0
    FileSeries(out / "results.jsonl").paths()[2].unlink()  # a person may take more
    assert main(["verify", str(out), "--quiet"]) == 2
    assert json.loads((out / "verify.json").read_text())["unchecked"] > FRAMES - kept
