"""What each child of a run is told, at its first start and after every death."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.config import ModelConfig, SourceConfig
from pipeline.frame_ring import ring_path
from pipeline.sinks import Network
from pipeline.specs import AnySpec, MonitorSpec, ReaderSpec, SinkSpec, WorkerSpec
from pipeline.stages.hub import Hub
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.source_traits import traits_of

_OWN_OF_ITS_HOST: Final = frozenset(
    {
        *("type", "name", "identity", "endpoint", "run_folder", "frames_folder"),
        *("supervisor_pid", "decode_threads", "ring_slots"),
    }
)
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
            # The ring of the last incarnation may still be drawn from.
            self.forget_rings(name, keep=2)
            return self._reader(name, base, is_live=traits_of(self._source(name)).live)
        if role == "worker":
            return WorkerSpec(
                **base,
                model=self._model(),
                threads=self._plan.worker_threads,
                observes=self._hub.policies.adapter is not None,
                has_deadlines=self._plan.config.runtime.region_deadline_ms is not None,
                max_batch=self._plan.config.runtime.max_batch,
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
        return MonitorSpec(
            **(base | {"endpoint": self._telemetry}),
            control_endpoint=f"ipc://{self._folder}/control",
        )

    def forget_rings(self, name: str, *, keep: int = 0) -> None:
        """Give the shared memory of a source's readers back, but for that of the last few."""
        if self._frames_folder is not None:
            for number in range(self._incarnations["reader", name] - keep):
                ring_path(self._frames_folder, f"reader/{name}#{number}").unlink(missing_ok=True)

    def _model(self) -> ModelConfig:
        """The model's settings; a precision that a worker has measured out binds those after it."""
        known = [worker.precision for worker in self._hub.workers.values() if worker.precision]
        model = self._plan.config.model
        return msgspec.structs.replace(model, precision=known[0]) if known else model

    def remote(self, name: str, *, is_live: bool) -> dict[str, Any]:
        """What a reader on another host is told: all but what is its host's own matter.

        Args:
            name: Of the source.
            is_live: As its reader says.
        """
        base = {"name": name, "identity": "", "endpoint": "", "run_folder": None}
        own = {"supervisor_pid": 0, "seed": self._plan.config.seed}
        spec = msgspec.to_builtins(self._reader(name, base | own, is_live=is_live))
        return {key: value for key, value in spec.items() if key not in _OWN_OF_ITS_HOST}

    def _source(self, name: str) -> SourceConfig:
        return self._hub.sources[name].plan.config

    def _reader(self, name: str, base: dict[str, Any], *, is_live: bool) -> ReaderSpec:
        source = self._hub.sources[name]
        point, begin = source.last_accepted, source.session
        return ReaderSpec(
            **base,
            source=self._source(name),
            input_size=self._plan.model.input_size,
            resize=self._plan.model.resize,
            decode_threads=self._plan.decode_threads,
            credits=source.credits,
            ring_slots=source.plan.ring_slots or 0,
            first_frame=begin.first_frame,
            first_pts_s=begin.first_pts_s,
            resume_frame=None if point is None else point.frame - begin.first_frame,
            resume_pts_s=0.0 if point is None else point.pts_s - begin.first_pts_s,
            regions_before=source.regions_accepted,
            # A camera that is opened again may look elsewhere.
            segment=source.segment + (is_live and point is not None),
            resume_mono_ns=source.captured_mono_ns,
            link=source.link,
            # What a recorded source dropped since, its next reader meets again and counts.
            counters=source.counters if is_live else source.accepted_counters,
        )
