"""A run whose every line is tapped: broken and old messages among the real ones change nothing."""

import random

import pytest
from fuzzing.sockets import problems_of, run_tapped


@pytest.mark.timeout(120)  # torch may be loaded here first
def test_broken_messages_on_every_line_change_nothing(tiny_model, make_clip, tmp_path):
    plan = {
        "sources": {"a": {"uri": str(make_clip(60)), "realtime": True}},
        "model": {"name": str(tiny_model), "precision": "fp32"},
        "runtime": {"type": "threads", "batch_deadline_s": 20},
    }
    out = tmp_path / "out"
    outcome, tap = run_tapped(plan, out, random.Random(31), limit=150, max_frames=0)
    assert tap.error is None
    assert problems_of(out, outcome, 60) == []
    assert tap.added.to_hub == 150
    assert tap.added.to_children > 50
    # An account that is told again and still balances is no harm, and is taken. A worker that is
    # told a batch again answers again, and that answer is refused, too.
    most = tap.added.to_hub + tap.added.to_children
    assert 100 < outcome.summary["refused_messages"] <= most
