"""What a worker does while nobody asks it for anything."""

import threading
from collections.abc import Iterator

import msgspec
import pytest

from dart_stream.difficulty import kernel
from pipeline.config import ModelConfig
from pipeline.messages import PolicyBody, Stop
from pipeline.roles.worker import Classifier, _cold_batches, _serve
from pipeline.specs import WorkerSpec

BASE = {"name": "0", "identity": "", "endpoint": "", "run_folder": "", "supervisor_pid": 1}


class ScriptedLink:
    """Hands out messages; None is a moment without any."""

    def __init__(self, script: list[PolicyBody | Stop | None]) -> None:
        self.waits_ms: list[int] = []
        self._script: Iterator[PolicyBody | Stop | None] = iter(script)

    def receive(self, timeout_ms: int) -> tuple[PolicyBody | Stop, bytes] | None:
        self.waits_ms.append(timeout_ms)
        message = next(self._script)
        return None if message is None else (message, b"")


def spec(model, *, max_batch: int) -> WorkerSpec:
    return WorkerSpec(
        **BASE,
        model=ModelConfig(name=str(model), device="cpu", precision="fp32"),
        threads=1,
        max_batch=max_batch,
    )


@pytest.fixture
def worker(tiny_model):
    return Classifier(spec(tiny_model, max_batch=10))


def test_each_idle_moment_compiles_for_one_more_batch_size(worker, monkeypatch):
    met: list[list[int]] = []
    monkeypatch.setattr(worker.engine, "warm_up", lambda sizes: met.append(list(sizes)))
    policy = PolicyBody(1, {"kind": "full"})
    link = ScriptedLink([None, policy, None, None, None, None, Stop()])
    _serve(worker, link, threading.Event())
    assert met == [[5], [7], [9], [10]]
    assert not worker.cold_batches


def test_a_worker_with_nothing_left_to_compile_waits_longer(worker):
    link = ScriptedLink([*[None] * 6, Stop()])
    _serve(worker, link, threading.Event())
    assert link.waits_ms[0] < link.waits_ms[-1]


def test_where_deadlines_are_kept_nothing_is_left_to_idle_moments(tiny_model):
    worker = Classifier(msgspec.structs.replace(spec(tiny_model, max_batch=10), has_deadlines=True))
    assert not worker.cold_batches


@pytest.mark.parametrize(
    ("max_batch", "device", "largest"),
    [(1, "cpu", None), (8, "cpu", 7), (64, "cpu", 64), (4096, "cpu", 64), (64, "cuda", None)],
)
def test_sizes_that_cannot_come_or_need_no_kernels_are_left_out(max_batch, device, largest):
    sizes = _cold_batches(spec("any", max_batch=max_batch), device)
    assert sizes == sorted(set(sizes))
    assert (sizes[-1] if sizes else None) == largest


@pytest.mark.parametrize("step", ["parts_of_bytes", "scores_of_parts"])
def test_nothing_of_difficulty_is_left_to_compile_for_the_first_frame(monkeypatch, step):
    calls, real = [], getattr(kernel, step)
    monkeypatch.setattr(kernel, step, lambda *given: calls.append(1) or real(*given))
    Classifier(spec("default", max_batch=1))
    assert calls
