"""Runs a staged network so that a region costs what its exit costs, and no more."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from dart_stream.engine.deadline import Deadline
from dart_stream.engine.decisions import DecisionBook, ExitDecisions
from dart_stream.engine.exit_plan import ExitPlan
from dart_stream.engine.parting import time_parting
from dart_stream.engine.placement import EngineError, choose_device, place
from dart_stream.engine.prepared_network import FoldedStages, PreparedNetwork
from dart_stream.engine.stage_times import StageTimes, measure_stage_times
from dart_stream.engine.staged_model import StagedModel
from dart_stream.policies import Policy


class Engine:
    """One network on one device.

    Stages run on the regions that are still undecided; those that stop are taken out with one
    `index_select` an exit, and later stages never see them. Heads whose exit the policy does not
    watch do not run. There is one wait for the device at each exit that is watched.

    Args:
        model: network, calibration and costs; it is copied, not changed.
        device: "auto" (CUDA, else CPU), "cpu", "cuda" or "cuda:N".
        precision: "auto" (the faster on a CPU, by measuring; bf16 on CUDA), "fp32" or "bf16".
            A head that ends in a linear layer computes its logits in float32 in either.
        threads: of torch on the CPU. This is a setting of the whole process.

    Attributes:
        description: device, precision and why, threads, how many batch norms were folded and how
            many convolutions packed.
        precision: "fp32" or "bf16".

    Raises:
        EngineError: a device or precision that is unknown or not there.
    """

    def __init__(
        self,
        model: StagedModel,
        *,
        device: str = "auto",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        threads: int = 1,
    ) -> None:
        if threads < 1:
            raise EngineError(f"threads: expected 1 or more, got {threads}")
        torch.set_num_threads(threads)
        self._model = model
        self._plan: ExitPlan | None = None
        folded = FoldedStages(model)
        placement = place(model, folded, choose_device(device), precision)
        self._network = placement.network
        self.precision = self._network.precision
        self.description = ", ".join(
            [
                f"{self._network.device} {self.precision} ({placement.reason})",
                f"{threads} thread{'s' if threads > 1 else ''}",
                folded.description,
                *self._network.description,
            ]
        )

    @property
    def network(self) -> PreparedNetwork:
        """The stages and heads that it runs."""
        return self._network

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._network.device

    @torch.inference_mode()
    def run(
        self,
        images: NDArray[np.uint8],
        difficulty: NDArray[np.float32],
        policy: Policy,
        audit: NDArray[np.bool_] | None = None,
        deadline: Deadline | None = None,
    ) -> ExitDecisions:
        """Answer each region at the exit its policy chooses.

        Args:
            images: pixels, uint8 (n, height, width, 3) of the model's input size; n may be 0.
            difficulty: float32 (n,), in the policy's `difficulty_mode`.
            policy: must fit the model.
            audit: bool (n,), regions that go on to full depth, whatever their exit; they keep the
                deployed answer. None audits nothing.
            deadline: looked at between stages. A region that would miss it gets the answer of the
                exit where it stands, whatever the policy says; audits have none. None looks at no
                clock.

        Raises:
            EngineError: arrays of other types or shapes.
            PolicyError: the policy was made for another model.
        """
        network = self._network
        self._require_images(images)
        self._require_rows(len(images), "difficulty", difficulty, np.float32)
        if audit is not None:
            self._require_rows(len(images), "audit", audit, np.bool_)
        if deadline is not None:
            self._require_rows(len(images), "deadline", deadline.due_ms, np.float64)
        book = DecisionBook(self._plan_of(policy), difficulty, audit, deadline)
        if len(images) == 0:
            return book.decisions()
        x, reached = network.input(images), 0
        for k in book.visits:
            x = network.run_stages(x, reached, k + 1)
            reached = k + 1
            rows = book.asked_rows(k)
            if rows is not None and len(rows) == 0:
                continue
            asked = network.select(x, rows)
            going_on = book.record(k, network.probabilities(k, asked))
            if going_on is not None and len(going_on) == 0:
                break
            x = network.select(x, going_on)
        return book.decisions()

    @torch.inference_mode()
    def all_exits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return every exit's calibrated answer, float32 (n, exits, classes), nobody leaving."""
        self._require_images(images)
        shape = (len(images), self._model.num_exits, self._model.num_classes)
        answers = np.empty(shape, dtype=np.float32)
        if len(images):
            x = self._network.input(images)
            for k in range(self._model.num_exits):
                x = self._network.run_stages(x, k, k + 1)
                answers[:, k] = self._network.probabilities(k, x)
        return answers

    @torch.inference_mode()
    def plain(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the full network's calibrated answer, float32 (n, classes), without any exit.

        This is what early exit must beat: the same prepared stages in a row and the last head.
        """
        self._require_images(images)
        if len(images) == 0:
            return np.empty((0, self._model.num_classes), dtype=np.float32)
        return self._network.full_depth(self._network.input(images))

    def warm_up(self, batch_sizes: Iterable[int]) -> None:
        """Run every stage and head once at each batch size.

        On a CPU, oneDNN compiles its kernels the first time a layer meets a batch size, which
        takes several times as long as running them; after this no region waits for that.
        Survivors come in any number, so all sizes up to the largest batch are worth it.
        """
        for size in batch_sizes:
            self.all_exits(np.zeros((size, *self._model.input_size, 3), dtype=np.uint8))

    def measure_stage_times(self, batch_sizes: Sequence[int], repeats: int = 11) -> StageTimes:
        """Time each stage and head at each batch size; medians of interleaved runs."""
        return measure_stage_times(self._network, self._model.input_size, batch_sizes, repeats)

    def measure_parting(self, batch_size: int, repeats: int = 11) -> NDArray[np.float64]:
        """Milliseconds a batch takes at each early exit to decide and to gather; medians."""
        return time_parting(self._network, self._model, batch_size, repeats)

    def _plan_of(self, policy: Policy) -> ExitPlan:
        if self._plan is None or self._plan.policy is not policy:
            self._plan = ExitPlan.of(policy, self._model)
        return self._plan

    def _require_images(self, images: NDArray[np.uint8]) -> None:
        expected = (*self._model.input_size, 3)
        if images.dtype != np.uint8 or images.shape[1:] != expected:
            raise EngineError(
                f"engine: images: expected uint8 (n, {', '.join(map(str, expected))}), "
                f"got {images.dtype} {images.shape}"
            )

    def _require_rows(self, n: int, name: str, array: NDArray[Any], dtype: DTypeLike) -> None:
        if array.dtype != dtype or array.shape != (n,):
            raise EngineError(
                f"engine: {name}: expected {np.dtype(dtype)} ({n},), "
                f"got {array.dtype} {array.shape}"
            )
