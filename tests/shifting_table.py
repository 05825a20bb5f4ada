"""Exit tables of a network that early exits save much on, and the same under shift."""

import functools

import numpy as np

from dart_stream.adaptation import Audit, Observation
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import replay

COSTS = Costs(stages=[0.12, 0.18, 0.3, 0.38], heads=[0.01, 0.01, 0.01, 0.02], estimator=0.001)
SHARPNESS = (4.5, 6.5, 8.5, 9.5)  # how far exits tell the true class from the others
PART_MEANS = np.log([0.16, 0.2, 0.05])
PART_SPREAD = np.array([0.4, 0.55, 0.45])
TOGETHER = np.array([[1, 0.5, 0.7], [0, 0.87, 0.3], [0, 0, 0.65]])  # how the parts go together

# What shifts do: sharpness times, noise of each exit's own, logarithms of the parts plus.
SHIFTS = {
    "clean": (1.0, 0.0, (0.0, 0.0, 0.0)),
    "noise": (0.6, 1.5, (0.3, 0.05, 0.5)),
    "blur": (0.75, 1.2, (-0.2, -0.15, -0.6)),
    "dark": (0.7, 1.0, (-0.4, -1.0, -0.6)),
    "hidden": (1.0, 0.5, (0.0, 0.0, 0.0)),  # no pixel tells
}


@functools.cache
def shifting_table(count=2000, seed=0, shift="clean", classes=10, favourite=None):
    """Pictures of a shift; half of them are of the `favourite` class, if there is one."""
    rng = np.random.default_rng((seed, *shift.encode()))
    sharper, noise, moved = SHIFTS[shift]
    labels = rng.integers(0, classes, count)
    if favourite is not None:
        labels[rng.random(count) < 0.5] = favourite
    ease = rng.gamma(4.0, 0.25, count) * np.linspace(0.8, 1.2, classes)[labels]
    shared = rng.normal(0, 1, (count, 1, classes))
    own = rng.normal(0, 1, (count, 4, classes)) * (0.5 + noise)
    signal = np.array(SHARPNESS)[None, :, None] * (sharper * ease)[:, None, None]
    logits = signal * np.eye(classes)[labels][:, None] + shared + own
    look = np.linspace(-0.5, 0.5, classes)[labels][:, None]
    deviations = rng.normal(0, 1, (count, 3)) @ TOGETHER + look
    parts = np.exp(PART_MEANS + PART_SPREAD * deviations + np.array(moved))
    difficulty = np.clip(0.5 + 0.25 * (np.log(parts) - PART_MEANS).mean(1), 0, 1)
    return ExitTable(
        logits=logits.astype(np.float32),
        temperatures=(1.0,) * 4,
        labels=labels,
        difficulty=difficulty.astype(np.float32),
        alpha=(0.3 * difficulty).astype(np.float32),
        parts=np.minimum(parts, 1).astype(np.float32),
        macs=COSTS,
        classes=tuple("abcdefghijklmnopqrst"[:classes]),
        source="synthetic",
    )


class Stream:
    """Feeds rows of tables to a controller as the hub would: policy, coin, observation."""

    def __init__(self, controller, seed=0, source="cam"):
        self.controller, self.source = controller, source
        self.rng = np.random.default_rng(seed)
        self.differs, self.costs = [], []
        self.decided_for = self.exits = self.spent = None

    def feed(self, table, rows):
        coins = self.rng.random(len(rows)).tolist()
        for row, coin in zip(np.asarray(rows).tolist(), coins, strict=True):
            if self.decided_for != (self.controller.policy, table):
                self.decided_for = (self.controller.policy, table)
                self.exits, self.spent = decisions(self.controller.policy, table)
            self._one(table, row, coin, self.exits[row], self.spent)
        return self

    def resample(self, table, count):
        return self.feed(table, self.rng.integers(0, len(table), count))

    def _one(self, table, row, coin, k, spent):
        forced = self.controller.forces_full_depth
        q = 1.0 if forced else self.controller.audit_probability
        audit = Audit(q, *all_exits(table, row)) if coin < q else None
        seen = observe(table, row, k, 1.0 if audit else spent[k], audit, self.source)
        self.controller.update(seen)
        self.differs.append(audit is None and seen.label_id != rows_of(table)[0][row][-1])
        self.costs.append(seen.cost_share)


@functools.cache
def rows_of(table):
    """Plain tuples: answers, confidences, parts and difficulty of each picture."""
    return (
        [tuple(row) for row in table.answers.tolist()],
        [tuple(row) for row in table.confidence.astype(float).tolist()],
        [tuple(row) for row in table.parts.astype(float).tolist()],
        table.difficulty.astype(float).tolist(),
    )


def all_exits(table, row):
    answers, confidences, _, _ = rows_of(table)
    return answers[row], confidences[row]


def observe(table, row, k, cost_share=0.5, audit=None, source="cam", **measured):
    answers, confidences, parts, difficulty = (column[row] for column in rows_of(table))
    return Observation(
        source=source,
        exit_index=k,
        label_id=answers[k],
        confidence=confidences[k],
        first_confidence=confidences[0],
        first_label_id=answers[0],
        difficulty=difficulty,
        parts=parts,
        cost_share=cost_share,
        audit=audit,
        **measured,
    )


def decisions(policy, table):
    """Where each picture of a table stops, and what each exit costs."""
    difficulty = table.alpha if policy.difficulty_mode == "paper" else table.difficulty
    watched = [policy.watches(k) for k in range(table.num_exits - 1)]
    exits = replay(policy, table.probabilities, difficulty).tolist()
    return exits, (COSTS.up_to_exit(watched) / COSTS.plain()).tolist()
