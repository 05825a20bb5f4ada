"""Where results cannot be written, nothing is measured first."""

import pytest

from pipeline.cli.main import main
from pipeline.cli.output_folder import require_new_folder
from pipeline.errors import ConfigError


@pytest.fixture
def unwritable(tmp_path):
    """Below a file; permissions would not stop tests that run as root."""
    (tmp_path / "file").write_text("mine")
    return tmp_path / "file" / "deep" / "out"


def test_a_folder_that_can_be_made_leaves_no_trace(tmp_path):
    require_new_folder(tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_and_empty_stays(tmp_path):
    (tmp_path / "out").mkdir()
    require_new_folder(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(unwritable):
    with pytest.raises(ConfigError, match=r"--out: expected a folder that can be written, got "):
        require_new_folder(unwritable)


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "--model", "default", "--source", "synthetic://?frames=9"],
        ["evaluate", "--model", "default", "--data", "pictures"],
        ["train", "--arch", "default", "--data", "pictures"],
    ],
    ids=lambda words: words[0],
)
def test_it_is_refused_before_anything_is_read(words, unwritable, monkeypatch, capsys):
    def too_late(*_, **__):
        pytest.fail("too late")

    monkeypatch.setattr("pipeline.bench.subject.Subject.load", too_late)
    monkeypatch.setattr("dart_stream.data.open_dataset", too_late)
    assert main([*words, "--out", str(unwritable)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "that can be written" in line
    assert "Not a directory" in line
