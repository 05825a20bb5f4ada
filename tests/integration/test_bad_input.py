"""What the user gives can be wrong in many ways; each is one line on stderr and status 2."""

import json
import pickle
import shutil
import wave

import pytest

from pipeline.cli.main import main


@pytest.fixture
def complaint(tiny_model, tmp_path, capsys):
    """Run with these arguments, expect status 2 and one line; returns it."""

    def _complaint(*arguments, model=tiny_model, out=tmp_path / "out"):
        given = ["run", "--headless", "--set", f"model.name={model}", "--out", str(out)]
        assert main([*given, *map(str, arguments)]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert "Traceback" not in lines[0]
        assert lines[0].startswith("dart-stream: ")
        return lines[0]

    return _complaint


def audio_only(path):
    with wave.open(str(path.with_suffix(".wav")), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(8_000))
    return path.with_suffix(".wav")


def text_file(path):
    path.write_text("this is no video\n" * 100)
    return path


def empty_file(path):
    path.touch()
    return path


def folder(path):
    path.mkdir()
    return path


SOURCES = {
    "missing": (lambda path: path, "no such file"),
    "folder": (folder, "expected a video file, got a folder"),
    "text": (text_file, "clip.mp4"),
    "empty": (empty_file, "clip.mp4"),
    "audio": (audio_only, "clip.wav"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_is_no_video(complaint, tmp_path, kind):
    make, expected = SOURCES[kind]
    assert expected in complaint("--source", make(tmp_path / "clip.mp4"))
    assert not (tmp_path / "out").exists()  # nothing was started


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtps://camera/stream", "did you mean rtsp"),
        ("gopher://x/y", "known are"),
        ("synthetic://?frames=many", "frames"),
        ("images:///nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_a_uri_that_no_reader_plays(complaint, uri, expected):
    assert expected in complaint("--source", uri)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("runtime.worker=2", "workers"),
        ("sources.lot.max_fbs=2", "max_fps"),
        ("modell.name=x", "model"),
        ("runtime.workers=two", "runtime.workers"),
        ("runtime.workers=0", "runtime.workers"),
        ("sources.lot.max_fps=fast", "sources.lot.max_fps"),
        ("sources.lot.regions={type: circles}", "sources.lot"),
        ("sources.lot.on_full=wait", "on_full"),
        ("policy.thresholds=[0.5]", "threshold"),
        ("policy.thresholds=[1.5, 0.5]", "policy.thresholds"),
        ("sources.lot.perturb=sandstorm:100", "sandstorm"),
        ("sources.lot.reader=nowhere:Reader", "nowhere"),
        ("sinks=[{type: custom, class: 'json:JSONDecoder'}]", "Sink"),
        ("sources={}", "sources"),
        ("nonsense", "KEY=VALUE"),
    ],
)
def test_a_setting_that_is_wrong_is_named(complaint, clip, setting, expected):
    source = [] if setting == "sources={}" else ["--source", f"lot={clip}"]
    assert expected in complaint(*source, "--set", setting)


def test_a_configuration_file_that_is_not_there(complaint, tmp_path):
    assert "none.yaml" in complaint(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["sources: [", "just words", "- 1\n- 2\n", "\x00"])
def test_a_configuration_file_that_is_no_configuration(complaint, tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert "run.yaml" in complaint(path)


def test_an_output_folder_that_holds_something(complaint, clip, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert "not empty" in complaint("--source", clip)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_an_output_folder_that_cannot_be_made(complaint, clip, tmp_path):
    (tmp_path / "file").touch()
    assert "--out" in complaint("--source", clip, out=tmp_path / "file" / "out")


def test_resuming_what_is_no_run(tmp_path, capsys):
    assert main(["run", "--resume", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err


# --- models ---------------------------------------------------------------------------------------


@pytest.fixture
def copied_model(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "copied")
    return tmp_path / "copied"


def test_a_model_that_does_not_exist(complaint, clip):
    assert "model 'defualt'" in complaint("--source", clip, model="defualt")


@pytest.mark.parametrize("name", ["model.json", "policy.json"])
def test_a_damaged_description_of_a_model(complaint, clip, copied_model, name):
    path = copied_model / name
    path.write_bytes(path.read_bytes()[:-20])
    assert name in complaint("--source", clip, model=copied_model)


@pytest.mark.parametrize("key", ["classes", "input_size", "temperatures"])
def test_a_model_whose_description_lacks_something(complaint, clip, copied_model, key):
    path = copied_model / "model.json"
    body = json.loads(path.read_text())
    del body[key]
    path.write_text(json.dumps(body))
    assert key in complaint("--source", clip, model=copied_model)


def last_line(capsys):
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.splitlines()[-1]


def run_in_threads(model, clip, out):
    arguments = ["run", "--headless", "--source", f"lot={clip}", "--out", str(out)]
    settings = (f"model.name={model}", "runtime.type=threads")
    return main([*arguments, *(text for setting in settings for text in ("--set", setting))])


def test_weights_that_are_cut_off(clip, copied_model, tmp_path, capsys):
    """Found by the worker, so the log of the run stands before the line."""
    path = copied_model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert run_in_threads(copied_model, clip, tmp_path / "out") == 2
    assert "model.safetensors" in last_line(capsys)


class Bomb:
    """Leaves a mark if a loader ever runs it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def test_code_in_a_model_is_never_run(clip, copied_model, tmp_path, capsys):
    bomb = pickle.dumps(Bomb(tmp_path / "mark"))
    pickle.loads(bomb).close()
    assert (tmp_path / "mark").exists()  # the bomb works
    (tmp_path / "mark").unlink()
    (copied_model / "model.safetensors").write_bytes(bomb)
    assert run_in_threads(copied_model, clip, tmp_path / "out") == 2
    assert "model.safetensors" in last_line(capsys)
    assert not (tmp_path / "mark").exists()


# --- damage that shows only while it runs ---------------------------------------------------------


def test_a_video_cut_at_half_is_a_counted_loss(in_threads, make_clip, tmp_path):
    whole = make_clip(200).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    run = in_threads({"cut": cut})
    assert run.status == 0
    frames = run.frames["cut"]
    assert 20 < len(frames) < 180
    assert frames == list(range(len(frames)))
    end = run.ends["cut"]
    assert "file ends early: expected 200 frames" in end["reason"]
    assert end["frames"]["captured"] == end["frames"]["processed"] == len(frames)
    assert run.summary["sources"]["cut"]["reason"] == end["reason"]


VANISHING = '''
from pipeline.errors import SourceError
from pipeline.readers.synthetic import SyntheticReader

class Vanishing(SyntheticReader):
    """Gives 30 frames, then what it reads is gone."""

    def __init__(self, uri, config):
        super().__init__("synthetic://?width=16&height=16", config)

    def frames(self, resume=None):
        for frame in super().frames(resume):
            if frame.index == 30:
                raise SourceError("disk: it was unplugged")
            yield frame
'''


def test_a_source_that_fails_while_it_runs_does_not_stop_the_others(
    in_threads, clip, tmp_path, monkeypatch, capsys
):
    (tmp_path / "vanishing.py").write_text(VANISHING)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = in_threads({"gone": "own", "lot": clip}, "sources.gone.reader=vanishing:Vanishing")
    assert run.status == 2
    assert run.frames["lot"] == list(range(60))
    assert run.frames["gone"] == list(range(30))
    assert run.ends["gone"]["reason"] == "disk: it was unplugged"
    assert last_line(capsys) == "dart-stream: disk: it was unplugged"
    assert run.summary["sources"]["gone"]["state"] == "failed"
    assert run.summary["frames"]["in_flight"] == 0


def test_a_file_deleted_before_its_reader_opens_it(in_threads, clip, tmp_path, monkeypatch, capsys):
    copied = shutil.copy(clip, tmp_path / "copied.mp4")

    def forget(source):
        (tmp_path / "copied.mp4").unlink(missing_ok=True)

    monkeypatch.setattr("pipeline.supervisor.plan.check_source", forget)
    run = in_threads({"gone": copied, "lot": clip})
    assert run.status == 2
    assert run.frames["lot"] == list(range(60))
    assert "copied.mp4: no such file" in last_line(capsys)
