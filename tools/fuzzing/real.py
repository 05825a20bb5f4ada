"""Runs that are recorded, so that what is damaged was real."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from dart_stream.model_calibration import CALIBRATION
from dart_stream.model_dir import resolve
from fuzzing.file_targets import (
    configuration_target,
    exit_table_target,
    model_targets,
    recording_targets,
    results_targets,
    run_targets,
)
from fuzzing.files import FileTarget
from fuzzing.report import Report
from fuzzing.sockets import fuzz_monitor, problems_of, run_tapped, strangers
from pipeline import messages as m
from pipeline import transport
from pipeline.config_file import load_config
from pipeline.snapshot import Snapshot
from pipeline.stages.hub import Hub
from pipeline.supervisor import Outcome, RunPlan, Supervisor, plan_run
from pipeline.supervisor.adapter_keeper import STATE
from pipeline.supervisor.recording import TELEMETRY, prepare_out, write_resolved, write_summary

FRAMES = 250
_DEADLINE_S = 20


def plan_of(model: str, clip: str, **runtime: Any) -> dict[str, Any]:
    """A run of one source, adapting if the model can."""
    source: dict[str, Any] = {"uri": clip}
    if clip.startswith("synthetic"):
        source["options"] = {"frames": FRAMES}
    return {
        "sources": {"lot": source},
        "model": {"name": model, "precision": "fp32", "threads": 1},
        "monitor": {"ui": "off"},
        "runtime": {
            "batch_deadline_s": _DEADLINE_S,
            "max_restarts": 10_000,
            "drain_timeout_s": 60,
            **runtime,
        },
    }


def run(plan: dict[str, Any], out: Path, **options: Any) -> tuple[RunPlan, Outcome]:
    """A run to its end, in this process's threads or in processes."""
    loaded = load_config(base=plan, environment={})
    prepare_out(out)
    write_resolved(out, loaded.plain)
    ready = plan_run(loaded.config)
    outcome = Supervisor(ready, out, **options).run()
    write_summary(out, outcome.summary)
    return ready, outcome


def record_conversation(model: str, clip: str, folder: Path) -> dict[str, list[bytes]]:
    """Messages of a real run, by the decoder that they are for."""
    heard: dict[str, list[bytes]] = {"from child": [], "from hub": [], "snapshot": []}

    plain = transport.encode_snapshot

    def encode(message: m.AnyMessage) -> bytes:
        body = m.encode(message)
        side = "from child" if isinstance(message, m.ChildMessage) else "from hub"
        heard[side].append(body)
        return body

    def encode_snapshot(snapshot: Snapshot) -> bytes:
        body = plain(snapshot)
        heard["snapshot"].append(body)
        return body

    with (
        mock.patch.object(transport, "encode", encode),
        mock.patch.object(transport, "encode_snapshot", encode_snapshot),
    ):
        run(plan_of(model, clip, type="threads"), folder / "recorded")
    heard["from child"].append(m.encode(m.Fatal("no such file")))
    return heard


def recorded_run(model: str, clip: str, folder: Path) -> Iterable[FileTarget]:
    """All files of a run and of its model."""
    out = folder / "out"
    plan, _ = run(plan_of(model, clip, type="threads"), out)
    damaged = folder / "damaged"
    damaged.mkdir()
    directory = resolve(model)
    yield from model_targets(directory, folder / "model", weights=True)
    yield configuration_target(damaged)
    if (directory / CALIBRATION).exists():
        yield exit_table_target((directory / CALIBRATION).read_bytes(), damaged)
    adapter = plan.adapter()
    if adapter is not None:

        def fresh() -> Any:
            return plan.adapter()

        telemetry = (out / TELEMETRY).read_bytes()
        yield from recording_targets(telemetry, (out / STATE).read_bytes(), damaged, fresh)
    (damaged / "summary.json").write_text("{}")
    results = (out / "results.jsonl").read_bytes()
    yield from results_targets(results, damaged, plan, lambda: Hub(plan.hub_plan()))
    yield from run_targets(out, folder / "finished")


def socket_reports(model: str, clip: str, folder: Path, seed: int, count: int) -> Iterable[Report]:
    """Strangers at the hub of a real run; then a tap on every line; then the monitor."""
    frames = FRAMES if clip.startswith("synthetic") else _frames_of(clip)
    snapshots: list[Snapshot] = []
    bodies = record_conversation(model, clip, folder)["from child"]
    plan = plan_of(model, clip)
    plan["sources"]["lot"]["realtime"] = True  # long enough to be met in mid-run
    out = folder / "strangers"
    report = Report("strangers", seed)
    outcome = _among_strangers(plan, out, bodies, report, count, snapshots)
    yield _judged(report, out, outcome, frames)
    report = Report("tapped lines", seed)
    out = folder / "tapped"
    yield _judged(report, out, _tapped(plan, out, report, count), frames)
    report = Report("monitor", seed)
    (folder / "monitor").mkdir()
    fuzz_monitor(snapshots, folder / "monitor", report, count)
    yield report


def _among_strangers(
    plan: dict[str, Any],
    out: Path,
    bodies: list[bytes],
    report: Report,
    count: int,
    snapshots: list[Snapshot],
) -> Outcome:
    loaded = load_config(base=plan, environment={})
    prepare_out(out)
    write_resolved(out, loaded.plain)
    rng = random.Random(report.seed)

    def see(snapshot: Snapshot) -> None:
        """Between two turns of the hub, twice a second."""
        snapshots.append(snapshot)
        if snapshot.state == "running" and not report.cases:
            endpoint = supervisor._folder.endpoint("hub")  # noqa: SLF001  # a stranger finds it
            report.cases += strangers(endpoint, bodies, rng, count)

    supervisor = Supervisor(plan_run(loaded.config), out, on_snapshot=see)
    outcome = supervisor.run()
    report.outcomes["refused"] += outcome.summary["refused_messages"]
    if outcome.summary["restarts"]:
        report.failed("all", f"{outcome.summary['restarts']} restarts")
    return outcome


def _judged(report: Report, out: Path, outcome: Outcome, frames: int) -> Report:
    for problem in problems_of(out, outcome, frames):
        report.failed("all", problem)
    return report


def _tapped(plan: dict[str, Any], out: Path, report: Report, count: int) -> Outcome:
    outcome, tap = run_tapped(plan, out, random.Random(report.seed), limit=count, max_frames=5)
    report.cases = tap.added.to_hub + tap.added.to_children
    report.outcomes.update({"to the hub": tap.added.to_hub, "to children": tap.added.to_children})
    report.notes |= {
        "spared": tap.added.spared,
        "refused by the hub": outcome.summary["refused_messages"],
        "restarts": outcome.summary["restarts"],
        "alarms": outcome.summary["alarms"][-5:],
    }
    if tap.error is not None:
        report.failed("all", f"the tap itself: {tap.error!r}")
    return outcome


def _frames_of(clip: str) -> int:
    import av

    with av.open(clip) as container:
        return sum(1 for _ in container.decode(video=0))
