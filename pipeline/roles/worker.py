"""A worker at work: difficulty, multi-exit inference, answers. The only role that imports torch."""

import logging
import math
import os
import threading
import time
from collections import deque
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import (
    DifficultyTables,
    difficulty_parts,
    measured_by,
    paper_difficulty_of_parts,
)
from dart_stream.engine import Deadline, Engine, ExitDecisions, LegTimes, staged_model
from dart_stream.engine.tracing_guard import running, tracing
from dart_stream.errors import DartStreamError, PolicyError
from dart_stream.model_dir import load_network, read_info, resolve
from dart_stream.policies import Policy, WatchingFirst, policy_from_dict
from pipeline.errors import PeerError
from pipeline.heap import keep_large_blocks
from pipeline.messages import (
    Batch,
    BatchDone,
    Fatal,
    Hello,
    PolicyBody,
    RegionResult,
    Stop,
)
from pipeline.specs import WorkerSpec
from pipeline.transport import Context, Link

_WARM_BATCHES = (1, 2, 3, 4, 6, 8)
_MAX_IDLE_WARM_UP = 64
"""Larger batches would keep a frame waiting for as long as compiling for them is worth."""
_POLL_MS, _IDLE_MS = 200, 10
"""How long to wait for a message; how long without one is idle, while sizes are cold."""
_TIMED_BATCHES, _TIMED_ROUNDS = (1, 8, 64), 5
"""Where deadlines are to be kept: some seconds at the start."""
_POLICIES_KEPT = 8
"""Two batches wait at most, so that three could be named."""

log = logging.getLogger(__name__)


def run_worker(spec: WorkerSpec, context: Context, stopping: threading.Event) -> None:
    """Answer batches until told to stop.

    Args:
        spec: Which model, and where.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the hub will not say so itself any more.
    """
    if spec.has_own_process():
        keep_large_blocks()
    link = Link(context, spec.endpoint, spec.identity)
    try:
        try:
            with tracing():
                worker = Classifier(spec)
        except DartStreamError as error:
            link.send(Fatal(str(error)))
            return
        log.info("%s, difficulty by %s", worker.engine.description, measured_by())
        about = {"description": worker.engine.description, "precision": worker.engine.precision}
        link.send(Hello("worker", spec.name, os.getpid(), about=about))
        _serve(worker, link, stopping)
    finally:
        link.close(hub_listens=not stopping.is_set())


def _serve(worker: "Classifier", link: Link, stopping: threading.Event) -> None:
    while not stopping.is_set():
        received = link.receive(_IDLE_MS if worker.cold_batches else _POLL_MS)
        if received is None:
            with running():
                worker.warm_up_one()
            continue
        message, blob = received
        if isinstance(message, Stop):
            return
        try:
            if isinstance(message, PolicyBody):
                worker.learn_policy(message)
            elif isinstance(message, Batch):
                with running():
                    done = worker.answer(message, blob)
                link.send(done)
        except PeerError as error:
            link.refuse(error)


class Classifier:
    """Engine, difficulty and the policies named so far."""

    def __init__(self, spec: WorkerSpec) -> None:
        directory = resolve(spec.model.name)
        self._info = read_info(directory)
        self.engine = Engine(
            staged_model(self._info, load_network(directory, self._info)),
            device=spec.model.device,
            precision=spec.model.precision,
            threads=spec.threads,
        )
        self._tables = (
            None
            if self._info.difficulty is None
            else DifficultyTables.from_dict(self._info.difficulty)
        )
        self._observes = spec.observes
        self._policies: dict[int, Policy] = {}
        # What is compiled when it first runs, is so now rather than in a frame's latency.
        parts = difficulty_parts(np.zeros((1, *self._info.input_size, 3), np.uint8))
        if self._tables is not None:
            self._tables.score_parts(parts)
        self.engine.warm_up(_WARM_BATCHES)
        self.cold_batches = deque(_cold_batches(spec, self.engine.device.type))
        self._legs = None
        if spec.has_deadlines:
            # No region is to be late because kernels are compiled for another one.
            while self.cold_batches:
                self.warm_up_one()
            self._legs = LegTimes.of(self.engine.measure_stage_times(_TIMED_BATCHES, _TIMED_ROUNDS))

    def warm_up_one(self) -> None:
        """Compile for the next batch size, if one is cold.

        Survivors come in any number, so a worker meets all sizes sooner or later, and memory
        would go on growing for hours. A frame that comes meanwhile waits for this one size.
        """
        if self.cold_batches:
            self.engine.warm_up([self.cold_batches.popleft()])

    def learn_policy(self, message: PolicyBody) -> None:
        """Keep a policy under its number.

        Raises:
            PeerError: It does not fit the model, or another one has that number.
        """
        try:
            policy = policy_from_dict(
                message.body, num_exits=self._info.num_exits, num_classes=len(self._info.classes)
            )
        except PolicyError as error:
            raise PeerError(f"policy {message.version}: {error}") from error
        known = self._policies.get(message.version)
        if known is not None and known.to_dict() != policy.to_dict():
            raise PeerError(f"policy {message.version}: another one has this number already")
        policy = policy.with_version(message.version)
        if self._observes:
            policy = WatchingFirst(inner=policy, version=policy.version)
        self._policies[message.version] = policy
        while len(self._policies) > _POLICIES_KEPT:
            del self._policies[next(iter(self._policies))]

    def answer(self, batch: Batch, blob: bytes) -> BatchDone:
        """Classify a batch, as soon as it has come: its budgets run from now.

        Raises:
            PeerError: The pixels have the wrong size, the policy was never sent, or a region is
                named that is not there.
        """
        policy = self._policies.get(batch.policy_version)
        if policy is None:
            raise PeerError(f"batch {batch.batch}: policy {batch.policy_version} was never sent")
        if batch.audit and max(batch.audit) >= batch.regions:
            raise PeerError(f"batch {batch.batch}: audit of {max(batch.audit)} of {batch.regions}")
        images = self._images(batch, blob)
        begin_s, begin_cpu_s = time.monotonic(), time.process_time()
        parts = difficulty_parts(images)
        difficulty = self.difficulty(parts, policy)
        audit = np.zeros(batch.regions, dtype=np.bool_)
        audit[batch.audit] = True
        deadline = self._deadline(batch, begin_s * 1e3)
        decisions = self.engine.run(
            images, difficulty, policy, audit if batch.audit else None, deadline
        )
        results = _results(decisions, difficulty, parts if self._observes else None)
        return BatchDone(
            batch.batch,
            results,
            infer_ms=(time.monotonic() - begin_s) * 1e3,
            cpu_ms=(time.process_time() - begin_cpu_s) * 1e3,
        )

    def difficulty(self, parts: NDArray[np.float32], policy: Policy) -> NDArray[np.float32]:
        """Difficulty (n,) of pictures with these parts (n, 3), in the policy's mode."""
        if policy.difficulty_mode == "paper" or self._tables is None:
            return paper_difficulty_of_parts(parts)
        return self._tables.score_parts(parts)

    def _deadline(self, batch: Batch, received_ms: float) -> Deadline | None:
        if not batch.budgets_ms:
            return None
        if len(batch.budgets_ms) != batch.regions:
            raise PeerError(
                f"batch {batch.batch}: expected {batch.regions} budgets, "
                f"got {len(batch.budgets_ms)}"
            )
        due_ms = [math.inf if left is None else received_ms + left for left in batch.budgets_ms]
        return Deadline(np.array(due_ms, dtype=np.float64), _now_ms, self._legs)

    def _images(self, batch: Batch, blob: bytes) -> NDArray[np.uint8]:
        height, width = self._info.input_size
        expected = batch.regions * height * width * 3
        if len(blob) != expected:
            raise PeerError(f"batch {batch.batch}: expected {expected} bytes, got {len(blob)}")
        return np.frombuffer(blob, dtype=np.uint8).reshape(batch.regions, height, width, 3)


def _cold_batches(spec: WorkerSpec, device_type: str) -> list[int]:
    """Sizes that are compiled for while nothing waits; a GPU's kernels suit any."""
    if device_type != "cpu":
        return []
    largest = min(spec.max_batch, _MAX_IDLE_WARM_UP)
    return [size for size in range(1, largest + 1) if size not in _WARM_BATCHES]


def _now_ms() -> float:
    return time.monotonic() * 1e3


def _results(
    decisions: ExitDecisions,
    difficulty: NDArray[np.float32],
    parts: NDArray[np.float32] | None,
) -> list[RegionResult]:
    columns: list[list[Any]] = [
        decisions.label_id.tolist(),
        decisions.confidence.tolist(),
        decisions.exit.tolist(),
        difficulty.tolist(),
        decisions.cost_macs.tolist(),
    ]
    if parts is not None:
        columns.append(decisions.exit_label_id[:, 0].tolist())
        columns.append(decisions.exit_confidence[:, 0].tolist())
        columns.append(
            [(edges, variance, gradient) for edges, variance, gradient in parts.tolist()]
        )
    results = [RegionResult(*row) for row in zip(*columns, strict=True)]
    for number in np.flatnonzero(decisions.late).tolist():
        results[number] = msgspec.structs.replace(results[number], late=True)
    for number in np.flatnonzero(decisions.audited).tolist():
        results[number] = msgspec.structs.replace(
            results[number],
            exit_label_ids=decisions.exit_label_id[number].tolist(),
            exit_confidences=decisions.exit_confidence[number].tolist(),
        )
    return results
