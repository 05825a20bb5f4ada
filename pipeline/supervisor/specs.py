"""What each child of a run is told, at its first start and after every death."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from pipeline.config import ModelConfig
from pipeline.frame_ring import ring_path
from pipeline.readers import open_reader
from pipeline.sinks import Network
from pipeline.specs import AnySpec, MonitorSpec, ReaderSpec, SinkSpec, WorkerSpec
from pipeline.stages.hub import Hub
from pipeline.supervisor.plan import RunPlan

ChildKey = tuple[str, str]
"""Role and name."""


class SpecFactory:
    """Builds specs; a restarted child goes on where the hub knows it was."""

    def __init__(
        self,
        plan: RunPlan,
        hub: Hub,
        out: Path,
        *,
        folder: Path,
        frames_folder: Path | None,
        endpoints: tuple[str, str],
    ) -> None:
        self._plan = plan
        self._hub = hub
        self._out = out
        self._folder = str(folder)
        self._frames_folder = frames_folder
        self._endpoint, self._telemetry = endpoints
        self._incarnations: Counter[ChildKey] = Counter()

    def build(self, key: ChildKey) -> AnySpec:
        """The next incarnation of a child."""
        role, name = key
        identity = f"{role}/{name}#{self._incarnations[key]}"
        self._incarnations[key] += 1
        base: dict[str, Any] = {
            "name": name,
            "identity": identity,
            "endpoint": self._endpoint,
            "run_folder": self._folder,
            "frames_folder": None if self._frames_folder is None else str(self._frames_folder),
            "supervisor_pid": os.getpid(),
            "seed": self._plan.config.seed,
        }
        if role == "reader":
            self._forget_old_rings(name)
            return self._reader(name, base)
        if role == "worker":
            return WorkerSpec(
                **base,
                model=self._model(),
                threads=self._plan.worker_threads,
                observes=self._hub.policies.adapter is not None,
                has_deadlines=self._plan.config.runtime.region_deadline_ms is not None,
            )
        if role == "sink":
            return SinkSpec(
                **base,
                sink=self._plan.config.sinks[self._plan.sink_names.index(name)],
                out=str(self._out),
                offset=self._hub.sinks[name].offset,
                network=Network(
                    num_exits=self._plan.model.num_exits, full_macs=self._plan.full_macs
                ),
            )
        return MonitorSpec(**(base | {"endpoint": self._telemetry}))

    def _forget_old_rings(self, name: str) -> None:
        """The ring of the last incarnation may still be drawn from; those before are forgotten."""
        if self._frames_folder is not None:
            for number in range(self._incarnations["reader", name] - 2):
                ring_path(self._frames_folder, f"reader/{name}#{number}").unlink(missing_ok=True)

    def _model(self) -> ModelConfig:
        """The model's settings; a precision that a worker has measured out binds those after it."""
        known = [worker.precision for worker in self._hub.workers.values() if worker.precision]
        model = self._plan.config.model
        return msgspec.structs.replace(model, precision=known[0]) if known else model

    def _reader(self, name: str, base: dict[str, Any]) -> ReaderSpec:
        source = self._hub.sources[name]
        point = source.last_accepted
        is_live = open_reader(self._plan.config.sources[name]).live
        return ReaderSpec(
            **base,
            source=self._plan.config.sources[name],
            input_size=self._plan.model.input_size,
            resize=self._plan.model.resize,
            decode_threads=self._plan.decode_threads,
            credits=source.credits,
            ring_slots=self._plan.ring_slots(name),
            resume_frame=None if point is None else point.frame,
            resume_pts_s=0.0 if point is None else point.pts_s,
            regions_before=source.regions_accepted,
            # A camera that is opened again may look elsewhere.
            segment=source.segment + (is_live and point is not None),
            # What a recorded source dropped since, its next reader meets again and counts.
            counters=source.counters if is_live else source.accepted_counters,
        )
