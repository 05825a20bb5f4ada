"""The demo, on small clips in the place of the sample clips."""

import itertools
import json

import pytest

from pipeline.cli import demo
from pipeline.cli.main import main
from pipeline.clips import CLIPS
from pipeline.config_file import check_config
from pipeline.perturb import Perturbation


@pytest.fixture
def clips(make_clip):
    return dict.fromkeys(CLIPS, make_clip())


def test_cameras_play_in_real_time_for_ever_and_one_has_zones(clips):
    sources = check_config(demo.demo_config(clips)).sources
    assert all(source.loop is True and source.realtime for source in sources.values())
    assert [type(source.regions).__name__ for source in sources.values()].count("ZoneRegions") == 1


def test_the_shift_comes_and_goes_and_one_camera_is_spared(clips):
    sources = check_config(demo.demo_config(clips)).sources
    shifts = {name: source.perturb for name, source in sources.items()}
    assert list(shifts.values()).count(None) == 1
    for name, regions_per_s in (("bikes", 25 * 3), ("bunny", 25)):
        shift = Perturbation.parse(shifts[name])
        phases = [shift.phase(second * regions_per_s) for second in range(0, 130, 10)]
        assert phases[0] == phases[-1] == "clean"
        changes = sum(a != b for a, b in itertools.pairwise(phases))
        assert changes >= 4
        assert shift.phase(10**9) == "clean"


def test_it_runs_for_the_given_time_and_ends_well(clips, tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "sample_clips", lambda say: clips)
    out = tmp_path / "out"
    settings = [f"model.name={tiny_model}", "policy.thresholds=null", "runtime.type=threads"]
    settings.append("model.precision=fp32")
    flags = [word for setting in settings for word in ("--set", setting)]
    assert main(["demo", "--seconds", "0.5", "--out", str(out), *flags]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["regions"] > 0
    assert summary["frames"]["in_flight"] == 0
    assert f"results in {out}" in capsys.readouterr().out
