"""Near-duplicates are one scene."""

from dataclasses import replace

import numpy as np
from shifting_table import observe, shifting_table

from dart_stream.adaptation.plan import plan_for
from dart_stream.adaptation.scenes import Scenes, scene_starts
from dart_stream.adaptation.ucb import DiscountedUcb, Ucb1
from dart_stream.adaptation.window import LENGTH, SlidingWindow

TABLE = shifting_table(1500)


def nearly(seen, factor):
    return replace(seen, parts=tuple(part * factor for part in seen.parts))


def test_the_same_picture_is_the_same_scene_and_another_is_not():
    scenes, seen = Scenes(), observe(TABLE, 0, 0)
    assert scenes.is_new(seen)
    assert not scenes.is_new(seen)
    assert not scenes.is_new(nearly(seen, 1.01))
    assert scenes.is_new(nearly(seen, 1.3))
    assert scenes.is_new(replace(seen, first_label_id=(seen.first_label_id + 1) % 10))


def test_a_scene_that_drifts_away_is_another_one_in_the_end():
    scenes, seen = Scenes(), observe(TABLE, 0, 0)
    began = [scenes.is_new(nearly(seen, 1.01**step)) for step in range(20)]
    assert 2 <= sum(began) <= 8


def test_sources_have_scenes_of_their_own():
    scenes, seen = Scenes(), observe(TABLE, 0, 0)
    assert scenes.is_new(seen)
    assert scenes.is_new(replace(seen, source="other"))
    assert not scenes.is_new(seen)


def test_one_audit_a_scene_counts():
    scenes = Scenes()
    scenes.is_new(observe(TABLE, 0, 0))
    assert scenes.is_first_audit("cam")
    assert not scenes.is_first_audit("cam")
    scenes.is_new(observe(TABLE, 1, 0))
    assert scenes.is_first_audit("cam")


def test_different_pictures_are_hardly_ever_taken_for_one_scene():
    scenes = Scenes()
    began = sum(scenes.is_new(observe(TABLE, row, 0)) for row in range(1500))
    assert began >= 1490
    assert scenes.repeats < 0.01


def test_the_share_of_repeats_follows_the_stream():
    scenes = Scenes()
    for _ in range(2000):
        scenes.is_new(observe(TABLE, 0, 0))
    assert scenes.repeats > 0.95


def test_the_window_holds_the_last_thousand_per_exit_and_class():
    window = SlidingWindow()
    for row in range(1500):
        window.add(observe(TABLE, row, row % 2, cost_share=row % 2))
    rows = window.per_exit(4)
    assert [row.regions for row in rows] == [500, 500, 0, 0]
    assert [row.cost_share for row in rows] == [0.0, 1.0, None, None]
    assert sum(row.regions for row in window.per_class(10)) == window.overall().regions == LENGTH
    assert window.overall().agreement is None
    assert rows[2].confidence is None
    assert rows[0].time_ms is rows[0].energy_j is None


def test_the_window_means_time_and_energy_over_the_regions_that_were_measured():
    window = SlidingWindow()
    for row in range(4):
        measured = {"time_ms": float(row), "energy_j": 0.5} if row % 2 else {}
        window.add(observe(TABLE, row, 0, **measured))
    overall = window.overall()
    assert overall.time_ms == 2.0
    assert overall.energy_j == 0.5


def test_ucb1_plays_every_arm_and_then_mostly_the_best():
    ucb = Ucb1([0.0] * 3, [0.0] * 3)
    for _ in range(600):
        arm = ucb.best()
        ucb.add(arm, (0.1, 0.9, 0.5)[arm])
    assert min(ucb.trials) >= 1
    assert ucb.trials[1] > 400


def test_the_discounted_form_finds_out_that_the_best_arm_has_changed():
    ucb = DiscountedUcb([0.0] * 2, [0.0] * 2, keep=0.95)
    played = []
    for step in range(400):
        arm = ucb.best()
        played.append(arm)
        ucb.add(arm, (0.9, 0.1)[arm] if step < 200 else (0.1, 0.9)[arm])
    assert sum(played[100:200]) < 40
    assert sum(played[300:]) > 60


def footage(scenes, frames):
    """Each picture many times over, a little brighter each time."""
    rows = np.repeat(np.arange(scenes), frames)
    factor = np.tile(1 + 0.0001 * np.arange(frames), scenes)[:, None]
    shown = TABLE.take(rows)
    return replace(shown, parts=(shown.parts * factor).astype(np.float32))


def test_footage_begins_a_scene_where_the_picture_changes():
    assert scene_starts(footage(20, 25)).nonzero()[0].tolist() == list(range(0, 500, 25))
    assert scene_starts(TABLE).mean() > 0.99


def test_a_scene_of_footage_certifies_once_and_chooses_nothing_then():
    """A plan that counted every frame would take 20 scenes for 250 audits without a difference."""
    table = footage(20, 25)
    plan = plan_for(table, table.macs, 0.05, 8)
    assert len(plan.certification.labels) == 10
    assert len(plan.rows) == 500


def test_pictures_in_no_order_are_halved_as_they_are():
    table = footage(400, 1)
    plan = plan_for(table, table.macs, 0.05, 8)
    assert len(plan.certification.labels) == 200
