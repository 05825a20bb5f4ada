"""Every file that the product reads and somebody else may have damaged."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from dart_stream.exit_table_file import read_exit_table
from dart_stream.model_calibration import CALIBRATION, read_calibration
from dart_stream.model_dir import ModelInfo, load_network, read_info, read_policy
from fuzzing.files import (
    FileTarget,
    odd_json,
    odd_lines,
    odd_msgpack,
    odd_safetensors,
    odd_state,
    odd_yaml,
)
from pipeline.cli.replay import print_summary, words_of
from pipeline.config import PolicyConfig
from pipeline.config_file import load_config
from pipeline.recording import TELEMETRY, RecordedRun, Recording
from pipeline.recording.reader import read_segment
from pipeline.report import gather, run_page
from pipeline.sinks.jsonl import JsonlSink
from pipeline.stages.hub import Adapter, Hub
from pipeline.supervisor.adaptation_snap import adaptation_snap
from pipeline.supervisor.adapter_keeper import STATE, read_state_file
from pipeline.supervisor.plan import RunPlan, build_policy
from pipeline.supervisor.recomputed import recompute
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.resume import apply_progress, nothing_left
from pipeline.ui.lines import one_line
from pipeline.ui.live import LiveScreen
from pipeline.verify.full_depth import Again
from pipeline.verify.judge import Bars, judge
from pipeline.verify.run_files import read_run
from pipeline.verify.verify import claims_of

CONFIGURATION = b"""
sources:
  front: {uri: "rtsp://user:secret@camera/stream", max_fps: 10, on_full: latest, always_full: false}
  lot: {uri: clips/parking.mp4, regions: {type: zones, zones: {gate: [0.1, 0.2, 0.5, 0.9]}}}
model: {name: default, device: auto, precision: auto}
policy: {mode: dart, max_disagreement: 0.02, thresholds: [0.5, null, 0.9]}
adaptation: {enabled: true, audit_rate: 0.03}
labels: {min_confidence: 0.1, smooth: {needed: 2, of: 3}}
sinks: [{type: jsonl}, {type: video, source: lot}]
runtime: {type: processes, workers: 2, credits: 4}
seed: 3
"""


def model_targets(model: Path, folder: Path, *, weights: bool) -> list[FileTarget]:
    """The files of a model directory.

    Args:
        model: sound one.
        folder: for the damaged one; made.
        weights: load the network, which imports torch.
    """
    shutil.copytree(model, folder, dirs_exist_ok=True)
    targets = [
        _of(folder, "model.json", odd_json, lambda: _read_model(folder, weights=weights)),
        _of(folder, "policy.json", odd_json, lambda: _read_policy(folder, read_info(model))),
    ]
    if weights:
        targets.append(_of(folder, "model.safetensors", odd_safetensors, lambda: load(folder)))
    if (model / CALIBRATION).exists():
        info = read_info(model)
        read: Callable[[], Any] = lambda: read_calibration(folder, info)  # noqa: E731
        targets.append(_of(folder, CALIBRATION, odd_safetensors, read))
    return targets


def load(folder: Path) -> Any:
    """What a worker does."""
    return load_network(folder)


def configuration_target(folder: Path) -> FileTarget:
    """A run's configuration."""
    path = folder / "run.yaml"
    return FileTarget(
        "run.yaml", (CONFIGURATION,), path, lambda: load_config(path, environment={}), odd_yaml
    )


def exit_table_target(table: bytes, folder: Path) -> FileTarget:
    """An exit table, perhaps written by another program."""
    path = folder / "table.safetensors"
    return FileTarget("exit table", (table,), path, lambda: _use(path), odd_safetensors)


def recording_targets(
    telemetry: bytes, state: bytes, folder: Path, make: Callable[[], Adapter]
) -> list[FileTarget]:
    """What adaptation reads again.

    Args:
        telemetry: a recording.
        state: an adapter's.
        folder: for damaged ones.
        make: a fresh adapter of the same model and configuration.
    """
    recording, saved = folder / TELEMETRY, folder / STATE
    notes = [note for note in _sound_notes(folder, telemetry) if note["kind"] == "seen"][:20]
    return [
        FileTarget(
            TELEMETRY,
            (telemetry,),
            recording,
            lambda: recompute(read_segment(recording), make),
            odd_msgpack,
        ),
        FileTarget(
            "its end",
            (telemetry,),
            recording,
            lambda: Recording(folder, head=list).close(),
            odd_msgpack,
        ),
        FileTarget(STATE, (state,), saved, lambda: _go_on(make(), saved, notes), odd_state),
    ]


def results_targets(
    results: bytes, folder: Path, plan: RunPlan, make_hub: Callable[[], Hub]
) -> list[FileTarget]:
    """`results.jsonl` as `--resume` and the sink itself read it.

    Args:
        results: a run's.
        folder: for damaged ones.
        plan: of the run; its sink writes `results.jsonl`.
        make_hub: a fresh hub of that plan.
    """
    path = folder / "results.jsonl"

    def resume() -> None:
        nothing_left(plan, folder)
        apply_progress(make_hub(), plan, folder)

    def open_sink() -> None:
        sink = JsonlSink(folder, {})
        sink.open(0)
        sink.close()

    return [
        FileTarget("--resume", (results,), path, resume, odd_lines),
        FileTarget("sink jsonl", (results,), path, open_sink, odd_lines),
    ]


def run_targets(out: Path, folder: Path) -> list[FileTarget]:
    """A finished run as `report` and `verify` read it; what the model says again is left out.

    Args:
        out: of a run.
        folder: for damaged ones; made.
    """
    shutil.copytree(out, folder)
    forms = {
        TELEMETRY: odd_msgpack,
        SUMMARY: odd_json,
        RESOLVED: odd_yaml,
        "results.jsonl": odd_lines,
    }
    reads = {
        "report": lambda: _report(folder),
        "replay": lambda: _replay(folder),
        "verify": lambda: _verify(folder),
    }
    unused = {("report", "results.jsonl"), ("replay", "results.jsonl"), ("replay", RESOLVED)}
    return [
        FileTarget(
            f"{command}, {name}", ((out / name).read_bytes(),), folder / name, read, forms[name]
        )
        for command, read in reads.items()
        for name in forms
        if (command, name) not in unused
    ]


def _report(folder: Path) -> None:
    files = (SUMMARY, RESOLVED)
    story = gather(RecordedRun(folder), folder, files=files, on_bytes=lambda _: None)
    run_page(story).encode()


def _replay(folder: Path) -> None:
    """Each snapshot on a screen and as a line, and the end."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    with LiveScreen(console) as screen:
        for snapshot in RecordedRun(folder).snapshots():
            one_line(snapshot)
            words = words_of(snapshot, folder, 1.0)
            screen.show(msgspec.structs.replace(snapshot, log=words))
    print_summary(folder, console)


def _verify(folder: Path) -> None:
    """As if every answer came out again and half of them were not the full network's."""
    run = read_run(folder)
    claims, _ = claims_of(run)
    answers = run.answers
    n = len(answers)
    again = Again(
        full_label_id=answers.label_id + np.arange(n) % 2,
        given_probability=answers.confidence,
        deep_probability=answers.at_full_depth(2)[1],
        deep_behind=np.full(n, 0.5),
        session=np.ones(n, np.int64),
        ordinal=np.arange(n),
        phase=np.full(n, "", object),
    )
    said = None if run.summary is None else run.summary.disagreement
    bars = Bars(epsilon=0.02, window=10, rounding=1e-3, full_macs=100, last_exit=2)
    judge(answers, again, claims, said, run.names, bars)


def _of(folder: Path, name: str, odd: Any, read: Callable[[], Any]) -> FileTarget:
    return FileTarget(name, ((folder / name).read_bytes(),), folder / name, read, odd)


def _read_model(folder: Path, *, weights: bool) -> None:
    info = read_info(folder)
    if weights:
        load_network(folder, info)


def _read_policy(folder: Path, info: ModelInfo) -> None:
    build_policy(PolicyConfig(), info, read_policy(folder))


def _sound_notes(folder: Path, telemetry: bytes) -> list[dict[str, Any]]:
    path = folder / "sound.mpk"
    path.write_bytes(telemetry)
    return list(read_segment(path))


def _go_on(adapter: Adapter, saved: Path, notes: list[dict[str, Any]]) -> None:
    """What a run does with it: restore, publish, learn, publish, save."""
    adapter.restore(read_state_file(saved))
    for note in (None, *notes):
        if note is not None:
            adapter.replay(note)
        adapter.policy.to_dict()
        msgspec.msgpack.encode(adaptation_snap(adapter))
    adapter.to_state()


def _use(path: Path) -> None:
    table = read_exit_table(path)
    assert table.agrees.shape == (len(table), table.num_exits)
    assert (table.confidence >= 0).all()
    assert (table.confidence <= 1.000001).all()
