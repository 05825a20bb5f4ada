"""What the pipeline loses on the way: `dart-stream bench pipeline`.

One clip plays from N sources, looped, as fast as it goes, with the results written to a file.
Defined as follows; all CPU seconds are user and system time of all threads of a process:

- `fps`: frames answered per second, all sources together, over the measured stretch of the run. It
  begins three seconds after the first answer, so no start-up is in it.
- `cpu_s_per_frame.decode_crop`: what the reader's own code takes to decode a frame and to cut and
  scale its regions, alone in a process.
- `cpu_s_per_frame.engine`: what the worker's own code takes for difficulty and inference of the
  regions of a frame, alone in a process, with the pipeline's device, precision and threads, at the
  mean batch size of the pipeline's run, rounded.
- `cpu_s_per_frame.rest`: what all processes of the pipeline take for a frame beyond these two.
  Caches and clock rates shared with a second busy core are in it, too.
- `efficiency`: fps / (cores / (decode_crop + engine)): the share of the cores' time that would be
  enough if frames, messages, results and telemetry cost nothing. Device time is not in it, so it
  speaks of runs on a CPU only and is null on another device.
- `monitor_cpu_share`: the live screen's part of the pipeline's CPU seconds, in a second run, with
  the screen on a terminal of 160x50 that nobody looks at.
- `other_cpu_share`: part of the cores' time that programs outside the pipeline took meanwhile; a
  measurement with more than a few per cent of it is not worth quoting. Null where unknown.

Both parts are measured alone `REPEATS` times before the run and as often after it, by turns in one
process; figures are medians. A short pilot run tells the batch size to measure before.
"""

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from pipeline.bench.alone_messages import AloneHello, AloneSpec, AloneTimes
from pipeline.bench.alone_process import AloneProcess
from pipeline.bench.host import host_facts
from pipeline.bench.pseudo_terminal import standard_output_on_terminal
from pipeline.bench.window import Window, run_window
from pipeline.config import AdaptationConfig, PipelineConfig
from pipeline.specs import ReaderSpec, WorkerSpec
from pipeline.supervisor import RunPlan, plan_run

REPEATS: Final = 5
_PILOT_S: Final = 3.0
_SCREEN_S: Final = 10.0
_TERMINAL: Final = (160, 50)


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that the figures are made of."""

    hello: AloneHello
    alone: list[AloneTimes]
    run: Window
    with_screen: Window
    cores: int


def measure_pipeline(
    config: PipelineConfig, seconds: float, say: Callable[[str], None]
) -> tuple[RunPlan, Measured]:
    """Run and measure.

    Args:
        config: Sources that loop for ever.
        seconds: Length of the measured stretch.
        say: Told what happens, in a line.

    Raises:
        UserError: The configuration cannot be run.
        StageError: A run failed.
    """
    # What is measured alone is one policy; a run that leaves it cannot be held against that.
    config = msgspec.structs.replace(config, adaptation=AdaptationConfig(enabled=False))
    plan = plan_run(config)
    with AloneProcess(_alone_spec(plan)) as parts:
        # Measured once and then the same for all: under load the measurement may go either way.
        plan = plan_run(_with_precision(config, parts.hello.precision))
        say(parts.hello.description)
        say("pilot run, for the batch size")
        batch = run_window(plan, _PILOT_S).mean_batch
        say(f"alone, {REPEATS} times at batch {batch}")
        alone = [parts.measure(batch) for _ in range(REPEATS)]
        say(f"pipeline, {seconds:g} s")
        run = run_window(plan, seconds)
        say(f"alone, {REPEATS} times at batch {run.mean_batch}")
        alone += [parts.measure(run.mean_batch) for _ in range(REPEATS)]
        say(f"pipeline with the live screen, {_SCREEN_S:g} s")
        with standard_output_on_terminal(*_TERMINAL):
            with_screen = run_window(plan, _SCREEN_S, screen=True)
        measured = Measured(parts.hello, alone, run, with_screen, len(os.sched_getaffinity(0)))
    return plan, measured


def figures(plan: RunPlan, measured: Measured) -> dict[str, Any]:
    """The contents of the file, but for the command; see above for what they mean."""
    run, cores = measured.run, measured.cores
    decode_crop = statistics.median(times.decode_crop for times in measured.alone)
    # Where the pilot's batch size was not the run's, only what was measured after it counts.
    at_batch = [times.engine for times in measured.alone if times.batch == run.mean_batch]
    engine = statistics.median(at_batch)
    on_cpu = measured.hello.device == "cpu"
    return {
        "host": host_facts(),
        "device": measured.hello.device,
        "threads": plan.worker_threads,
        "precision": measured.hello.precision,
        "torch": measured.hello.torch,
        "n": run.frames,
        "fps": run.fps,
        "cpu_s_per_frame": {
            "decode_crop": decode_crop,
            "engine": engine,
            "rest": run.total_cpu_s / run.frames - decode_crop - engine,
        },
        "efficiency": run.fps * (decode_crop + engine) / cores if on_cpu else None,
        "monitor_cpu_share": _screen_share(measured.with_screen),
        "other_cpu_share": _other_share(run, cores),
        "busy_share": run.total_cpu_s / (cores * run.seconds),
        "seconds": run.seconds,
        "sources": len(plan.config.sources),
        "workers": plan.config.runtime.workers,
        "decode_threads": plan.decode_threads,
        "model": plan.model.name,
        "policy": plan.policy.to_dict(),
        "exits": run.exits,
        "regions_per_frame": measured.alone[0].regions_per_frame,
        "mean_batch": run.mean_batch,
        "cpu_s_per_frame_by_stage": {
            stage: cpu_s / run.frames for stage, cpu_s in run.cpu_s.items()
        },
        "alone": msgspec.to_builtins(measured.alone),
    }


def _alone_spec(plan: RunPlan) -> AloneSpec:
    source = next(iter(plan.config.sources.values()))
    base: dict[str, Any] = {
        "name": "alone",
        "identity": "",
        "endpoint": "",
        "run_folder": "",
        "supervisor_pid": os.getpid(),
    }
    return AloneSpec(
        reader=ReaderSpec(
            **base,
            source=msgspec.structs.replace(source, loop=False),
            input_size=plan.model.input_size,
            resize=plan.model.resize,
            decode_threads=plan.decode_threads,
        ),
        worker=WorkerSpec(
            **base,
            model=plan.config.model,
            threads=plan.worker_threads,
        ),
        policy=plan.policy.to_dict(),
    )


def _with_precision(config: PipelineConfig, precision: str) -> PipelineConfig:
    model = msgspec.structs.replace(config.model, precision=precision)
    return msgspec.structs.replace(config, model=model)


def _screen_share(run: Window) -> float:
    screen_s = sum(cpu_s for stage, cpu_s in run.cpu_s.items() if stage.startswith("monitor/"))
    return screen_s / run.total_cpu_s


def _other_share(run: Window, cores: int) -> float | None:
    if run.machine_busy_s is None:
        return None
    return max(0.0, run.machine_busy_s - run.total_cpu_s) / (cores * run.seconds)
