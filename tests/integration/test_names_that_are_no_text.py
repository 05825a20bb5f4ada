"""Files may have names that are not UTF-8; no message and no file of a run can hold those."""

import os
import shutil

import cv2
import numpy as np
import pytest
from outside import ENDLESS, Outside

from pipeline.cli.control import parse
from pipeline.cli.main import main
from pipeline.config_file import load_config, read_source
from pipeline.errors import ConfigError

LATIN = os.fsdecode(b"caf\xe9")
SHOWN = r"caf\udce9"


@pytest.fixture
def complaint(tiny_model, tmp_path, capsys):
    """Run with these arguments, expect status 2 and one line; returns it."""

    def _complaint(*arguments, out=tmp_path / "out"):
        given = ["--headless", "--set", f"model.name={tiny_model}", "--out", str(out)]
        assert main(["run", *given, *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert not out.exists()
        return line

    return _complaint


def test_a_source_with_such_a_name_is_refused_before_the_run(complaint, clip, tmp_path):
    path = tmp_path / f"{LATIN}.mp4"
    shutil.copy(clip, path)
    line = complaint("--source", f"gate=rtsp://u:secret@cam/{LATIN}")
    assert f"sources.gate.uri: expected UTF-8, got 'rtsp://***@cam/{SHOWN}'" in line
    assert f"{SHOWN}.mp4'; rename the file or folder" in complaint("--source", str(path))
    assert "sources.gate.uri: expected UTF-8" in complaint("--set", f"sources.gate.uri={path}")


def test_so_is_one_of_the_environment_or_of_an_escape_in_a_file(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("sources: {gate: {uri: '${CLIP}'}}")
    with pytest.raises(ConfigError, match=r"sources\.gate\.uri: expected UTF-8, got 'caf.udce9'"):
        load_config(config, environment={"CLIP": LATIN})
    with pytest.raises(ConfigError, match=r"sources\.gate\.uri: expected UTF-8, got 'caf.udce9'"):
        load_config(base={}, environment={"DART_SOURCES__GATE__URI": LATIN})
    config.write_text(r'sources: {gate: {uri: x, regions: {type: zones, zones: {"\udce9": [1]}}}}')
    with pytest.raises(ConfigError, match=r"sources\.gate\.regions\.zones: expected UTF-8, got"):
        load_config(config, environment={})


def test_a_key_that_is_no_text_is_refused_in_words_that_are():
    with pytest.raises(ConfigError) as told:
        read_source("gate", {"uri": "x", LATIN: 1})
    assert str(told.value).isprintable()


def test_so_is_a_folder_for_results_with_such_a_name(complaint, clip, tmp_path):
    line = complaint("--source", str(clip), out=tmp_path / LATIN / "out")
    assert "--out: expected UTF-8, got " in line
    assert f"{SHOWN}/out'" in line


def test_a_run_in_a_folder_that_was_renamed_so_is_not_resumed(tmp_path, capsys):
    assert main(["run", "--resume", str(tmp_path / LATIN)]) == 2
    assert "--resume: expected UTF-8, got " in capsys.readouterr().err


def test_a_command_with_such_a_name_is_not_sent(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"control source add\.settings\[0\]: expected UTF-8"):
        parse(["source", "add", "side", f"uri=/{LATIN}.mp4"])
    (tmp_path / LATIN).mkdir()
    monkeypatch.chdir(tmp_path / LATIN)
    with pytest.raises(ConfigError, match=r"expected UTF-8, got .uri=.*caf.udce9/side\.mp4"):
        parse(["source", "add", "side", "uri=side.mp4"])


def test_a_command_that_spells_such_a_name_out_is_refused_and_the_run_goes_on(
    in_threads, tmp_path, capsys
):
    def script(outside):
        escaped = r'regions={type: frame, "caf\udce9": 1}'
        assert outside.control("source", "add", "side", "uri=synthetic://", escaped) == 1
        assert "expected UTF-8" in capsys.readouterr().err

    out = tmp_path / "out"
    with Outside(out, script):
        run = in_threads({"cam": ENDLESS}, out=out)
    assert run.status == 130


def test_a_refusal_that_names_one_that_a_pattern_matched_does_not_end_the_run(
    in_threads, tmp_path, capsys
):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / f"{LATIN}.mp4").write_text("no video")

    def script(outside):
        assert outside.control("source", "add", "side", f"uri={tmp_path}/clips/*.mp4") == 1
        assert f"{SHOWN}.mp4" in capsys.readouterr().err

    out = tmp_path / "out"
    with Outside(out, script):
        run = in_threads({"cam": ENDLESS}, out=out)
    assert run.status == 130


def test_calibration_refuses_it_before_its_work(tmp_path, capsys):
    words = ["--model", "none", "--source", f"{LATIN}.mp4", "--out", str(tmp_path / "m")]
    assert main(["calibrate", *words]) == 2
    assert f"--source: expected UTF-8, got '{SHOWN}.mp4'" in capsys.readouterr().err


def test_pictures_with_such_names_in_a_folder_are_read(in_threads, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    encoded = cv2.imencode(".png", np.full((20, 20, 3), 90, np.uint8))[1].tobytes()
    for name in ("a", LATIN, "z"):
        (folder / f"{name}.png").write_bytes(encoded)
    run = in_threads({"lot": f"images://{folder}"})
    assert (run.status, run.frames["lot"]) == (0, [0, 1, 2])


def test_a_file_with_such_a_name_that_a_pattern_matches_is_read_and_its_fault_told(
    in_threads, clip, tmp_path
):
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(clip, folder / "a.mp4")
    shutil.copy(clip, folder / f"{LATIN}.mp4")
    (folder / f"{LATIN}2.mp4").write_text("no video")
    run = in_threads({"lot": f"{folder}/*.mp4"})
    assert run.frames["lot"] == list(range(120))
    assert f"{SHOWN}2.mp4" in run.ends["lot"]["reason"]
