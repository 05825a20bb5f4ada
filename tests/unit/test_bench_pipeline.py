"""What `bench pipeline` makes of what it measured."""

import json
import os
import sys
import time
from types import SimpleNamespace

import msgspec
import pytest

from pipeline.bench import pipeline_bench
from pipeline.bench.alone_messages import AloneHello, AloneTimes
from pipeline.bench.alone_process import AloneProcess
from pipeline.bench.pipeline_bench import Measured, figures
from pipeline.bench.pseudo_terminal import standard_output_on_terminal
from pipeline.bench.window import Window, _Watcher, machine_busy_s
from pipeline.cli import bench_pipeline
from pipeline.cli.main import main
from pipeline.config import PipelineConfig, SourceConfig
from pipeline.errors import StageError

CPU_S = {"supervisor": 1.0, "worker/0": 8.0, "reader/a": 9.0, "sink/jsonl-0": 1.0}


def window(**changes):
    values = {
        "seconds": 10.0,
        "frames": 4_000,
        "regions": 4_000,
        "batches": 500,
        "cpu_s": CPU_S,
        "machine_busy_s": 19.5,
        "exits": [0.5, 0.5],
    }
    return Window(**(values | changes))


def alone(batch, engine_ms):
    return AloneTimes(batch=batch, decode_crop=2e-3, engine=engine_ms / 1e3, regions_per_frame=1)


@pytest.fixture
def plan():
    return SimpleNamespace(
        worker_threads=1,
        decode_threads=1,
        config=PipelineConfig(sources={"a": SourceConfig(uri="a.mp4")}),
        model=SimpleNamespace(name="tiny"),
        policy=SimpleNamespace(to_dict=lambda: {"kind": "full"}),
    )


def measured(**changes):
    values = {
        "hello": AloneHello(device="cpu", precision="fp32", torch="2", description="cpu fp32"),
        "alone": [alone(8, ms) for ms in (1.5, 9.0, 2.0)],
        "run": window(),
        "with_screen": window(cpu_s={**CPU_S, "monitor/terminal": 1.0}),
        "cores": 2,
    }
    return Measured(**(values | changes))


def test_efficiency_is_the_share_of_the_cores_that_the_parts_alone_would_need(plan):
    found = figures(plan, measured())
    # 400 frames/s of 2 + 2 ms need 1.6 of 2 cores.
    assert found["fps"] == 400
    assert found["efficiency"] == pytest.approx(0.8)
    parts = found["cpu_s_per_frame"]
    assert parts == pytest.approx({"decode_crop": 2e-3, "engine": 2e-3, "rest": 0.75e-3})
    assert sum(parts.values()) == pytest.approx(sum(CPU_S.values()) / 4_000)


def test_the_screens_share_is_of_the_pipelines_own_processor_time(plan):
    assert figures(plan, measured())["monitor_cpu_share"] == pytest.approx(1 / 20)


def test_what_other_programs_took_is_told_or_null(plan):
    assert figures(plan, measured())["other_cpu_share"] == pytest.approx(0.5 / 20)
    unknown = measured(run=window(machine_busy_s=None))
    assert figures(plan, unknown)["other_cpu_share"] is None


def test_only_what_was_measured_at_the_runs_batch_size_counts(plan):
    times = [alone(4, 9.0)] * 5 + [alone(8, 3.0)] * 5
    assert figures(plan, measured(alone=times))["cpu_s_per_frame"]["engine"] == 3e-3


def test_a_device_that_is_no_processor_has_no_efficiency(plan):
    hello = msgspec.structs.replace(measured().hello, device="cuda")
    assert figures(plan, measured(hello=hello))["efficiency"] is None


def test_the_file_says_all_that_the_contract_asks_for(plan, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline_bench, "measure_pipeline", lambda *_: (plan, measured()))
    out = tmp_path / "bench.json"
    arguments = ["bench", "pipeline", "--source", "clips/a.mp4", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["dart-stream", *arguments])
    assert main(arguments) == 0
    body = json.loads(out.read_text())
    contract = {"command", "host", "device", "threads", "precision", "torch", "n", "fps"}
    assert contract | {"cpu_s_per_frame", "efficiency", "monitor_cpu_share"} <= set(body)
    assert body["command"] == f"dart-stream bench pipeline --source clips/a.mp4 --out {out}"
    assert "80.0%" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [
        ["--seconds", "0"],
        ["--seconds", "nan"],
        ["--seconds", "inf"],
        ["--sources", "0"],
        ["--out", "no/such/folder/x.json"],
        ["--out", "."],
    ],
)
def test_what_cannot_be_measured_or_written_is_refused_before_measuring(
    flags, monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench_pipeline, "sample_clips", lambda _: pytest.fail("too late"))
    arguments = flags if "--out" in flags else [*flags, "--out", "x.json"]
    assert main(["bench", "pipeline", *arguments]) == 2
    assert flags[0] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_benchmark_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "nonsense"])
    assert ended.value.code == 2
    assert "pipeline" in capsys.readouterr().err


def test_start_up_and_end_are_not_in_the_stretch(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    stops = []
    watcher = _Watcher(seconds=5)
    watcher.supervisor = SimpleNamespace(interrupt=lambda: stops.append(1))
    for second in range(14):
        frames = max(0, second - 1) * 100
        watcher.see(
            SimpleNamespace(
                regions=frames,
                ledger=SimpleNamespace(processed=frames),
                workers=[SimpleNamespace(batches=frames // 4)],
                cpu_s={"supervisor": second * 2.0},
                exits=[1.0],
            )
        )
    found = watcher.window()
    assert (found.seconds, found.frames, found.mean_batch) == (5, 500, 4)
    assert found.cpu_s == {"supervisor": 10.0}
    assert stops == [1]


def test_a_run_that_ends_before_its_stretch_is_an_error():
    with pytest.raises(StageError, match="ended before"):
        _Watcher(seconds=5).window()


def test_the_machines_own_account_is_read(tmp_path):
    (tmp_path / "stat").write_text("cpu  100 200 300 9999 9999 10 20 30 0 0\ncpu0 1\n")
    ticks = os.sysconf("SC_CLK_TCK")
    assert machine_busy_s(tmp_path / "stat") == pytest.approx(660 / ticks)
    assert machine_busy_s(tmp_path / "nothing") is None


def test_standard_output_is_a_terminal_of_that_size_and_comes_back(capfd):
    before = os.isatty(1)
    with standard_output_on_terminal(100, 30):
        assert os.isatty(1)
        assert os.get_terminal_size(1) == (100, 30)
        os.write(1, b"drawn" * 50_000)
    assert os.isatty(1) == before
    assert "drawn" not in capfd.readouterr().out


def test_a_measuring_child_that_dies_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StageError, match="exit status 1"):
        AloneProcess(msgspec.convert({}, dict))
