"""Wall-clock time of policies, each run for real through the engine, in turn with the others."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import DifficultyTables, paper_difficulty
from dart_stream.engine.engine import Engine
from dart_stream.engine.timing import interleaved_ms
from dart_stream.policies import Policy

Images = NDArray[np.uint8]


def time_policies(
    engine: Engine,
    images: Images,
    policies: Sequence[Policy],
    tables: DifficultyTables | None,
    *,
    batch_size: int,
    repeats: int,
) -> NDArray[np.float64]:
    """Milliseconds a picture, [repeats, policies]; everything from pixels to answers included.

    Args:
        engine: to run them.
        images: uint8 [N, height, width, 3].
        policies: difficulty is estimated, and its time counts, for those that read it.
        tables: for difficulty of mode `dart`; None if the model has none.
        batch_size: pictures handed to the engine at once.
        repeats: rounds that count; all policies run in each.
    """
    steps = policy_passes(engine, images, policies, tables, batch_size=batch_size)
    return interleaved_ms(steps, repeats=repeats, device=engine.device) / len(images)


def policy_passes(
    engine: Engine,
    images: Images,
    policies: Sequence[Policy],
    tables: DifficultyTables | None,
    *,
    batch_size: int,
) -> list[Callable[[], object]]:
    """For each policy what runs it over all pictures; arguments as of `time_policies`."""
    return [
        _pass(engine, images, policy, _estimator(policy, tables), batch_size) for policy in policies
    ]


def _estimator(
    policy: Policy, tables: DifficultyTables | None
) -> Callable[[Images], NDArray[np.float32]] | None:
    if not policy.reads_difficulty:
        return None
    if policy.difficulty_mode == "paper":
        return paper_difficulty
    return None if tables is None else tables.score


def _pass(
    engine: Engine,
    images: Images,
    policy: Policy,
    estimate: Callable[[Images], NDArray[np.float32]] | None,
    batch_size: int,
) -> Callable[[], object]:
    neutral = np.full(batch_size, 0.5, np.float32)

    def run() -> None:
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            difficulty = neutral[: len(batch)] if estimate is None else estimate(batch)
            engine.run(batch, difficulty, policy)

    return run
