"""The demo: shipped pictures as cameras, at home with the shipped model, and a shift."""

import itertools
import json

import numpy as np
import pytest

from dart_stream.adaptation import Observation
from dart_stream.adaptation.signals import SIGNALS, learn_signals
from dart_stream.difficulty import difficulty_parts
from pipeline.cli import demo
from pipeline.cli.main import main
from pipeline.config import SourceConfig
from pipeline.config_file import check_config, load_config
from pipeline.demo_pictures import DrawnPictures, sheet
from pipeline.perturb import CropKey, Perturbation
from pipeline.readers import ResumePoint, open_reader
from pipeline.supervisor import plan_run


def shown(reader, count, resume=None):
    frames = itertools.islice(reader.frames(resume), count)
    return [(frame.index, frame.pixels().tobytes()) for frame in frames]


def test_cameras_play_in_real_time_each_pictures_of_its_own():
    sources = check_config(demo.demo_config()).sources.values()
    assert all(source.realtime and source.on_full == "latest" for source in sources)
    readers = [open_reader(source) for source in sources]
    assert all(isinstance(reader, DrawnPictures) for reader in readers)
    assert len({str(shown(reader, 5)) for reader in readers}) == len(readers) == 3


def test_a_reader_that_is_killed_goes_on_with_the_pictures_that_would_have_come():
    reader = DrawnPictures("demo://a", SourceConfig(uri="demo://a", stride=2))
    whole = shown(reader, 10)
    assert shown(reader, 6, ResumePoint(whole[3][0], 0.0)) == whole[4:]


def test_the_shift_comes_within_a_quarter_of_a_minute_and_goes_again():
    for source in check_config(demo.demo_config()).sources.values():
        shift = Perturbation.parse(source.perturb)
        phases = [shift.phase(second * 25) for second in range(100)]
        clean = [phase == "clean" for phase in phases]
        assert clean == [True] * 15 + [False] * 15 + [True] * 20 + [False] * 15 + [True] * 20 + (
            [False] * 15
        )
        assert shift.phase(10**9) == "clean"


@pytest.fixture(scope="module")
def shipped():
    """The model that the demo runs, in single precision."""
    from pipeline.bench.subject import Subject

    return Subject.load("default", "cpu", "fp32", 1)


@pytest.fixture(scope="module")
def calibration():
    from dart_stream.model_calibration import read_calibration
    from dart_stream.model_dir import read_info, resolve

    directory = resolve("default")
    return read_calibration(directory, read_info(directory))


def in_the_dark(pictures):
    return Perturbation.parse(demo._SHIFT).apply(pictures, 0, CropKey(0, "a", 0))


def test_each_of_the_parts_of_difficulty_is_at_home_and_one_is_far_away_in_the_dark(calibration):
    pictures = sheet()
    assert len(pictures) >= 200
    home = np.log(calibration.parts + 0.01)
    spread = home.std(axis=0)
    drawn = np.log(difficulty_parts(pictures) + 0.01)
    assert np.abs((drawn.mean(axis=0) - home.mean(axis=0)) / spread).max() < 0.2
    away = np.log(difficulty_parts(in_the_dark(pictures)) + 0.01)
    assert np.abs((away.mean(axis=0) - home.mean(axis=0)) / spread).max() > 1


def test_each_of_the_seven_signals_is_at_home_and_several_are_not_in_the_dark(shipped, calibration):
    first = calibration.probabilities[:, 0]
    reference, _ = learn_signals(
        calibration.parts, first.max(axis=1), first.argmax(axis=1), len(calibration.classes)
    )

    def means(pictures):
        answers = shipped.engine.all_exits(pictures)[:, 0]
        rows = zip(
            answers.argmax(axis=1).tolist(),
            answers.max(axis=1).tolist(),
            difficulty_parts(pictures).tolist(),
            strict=True,
        )
        seen = [
            Observation("a", 0, label, sure, sure, label, 0.5, tuple(parts), 1.0)
            for label, sure, parts in rows
        ]
        return np.mean([reference.of(each) for each in seen], axis=0)

    assert len(SIGNALS) == 7
    assert np.abs(means(sheet())).max() < 0.1  # deviations; 224 means scatter by 0.07
    assert (np.abs(means(in_the_dark(sheet()))) > 1).sum() >= 3


def test_thresholds_that_calibration_allows_keep_the_limit_on_the_pictures_and_save_compute(
    shipped,
):
    plan = plan_run(load_config(base=demo.demo_config(), environment={}).config)
    pictures = sheet()
    difficulty = shipped.tables.score_parts(difficulty_parts(pictures))
    given = shipped.engine.run(pictures, difficulty, plan.adapter().policy)
    full = shipped.engine.plain(pictures).argmax(axis=1)
    assert (given.label_id != full).mean() <= plan.config.policy.max_disagreement
    assert (given.exit < shipped.info.num_exits - 1).mean() > 0.5


def test_it_runs_for_the_given_time_and_ends_well(tiny_model, tmp_path, capsys):
    out = tmp_path / "out"
    settings = [f"model.name={tiny_model}", "runtime.type=threads", "model.precision=fp32"]
    flags = [word for setting in settings for word in ("--set", setting)]
    assert main(["demo", "--seconds", "0.5", "--out", str(out), *flags]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["regions"] > 0
    assert summary["frames"]["in_flight"] == 0
    said = capsys.readouterr().out
    assert "three cameras show pictures that the shipped network drew itself" in said
    assert f"results in {out}" in said


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(seconds, capsys):
    assert main(["demo", "--seconds", seconds]) == 2
    assert "--seconds: expected more than 0" in capsys.readouterr().err
