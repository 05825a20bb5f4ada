"""Finding the run that is meant."""

import pytest

from pipeline.errors import ConfigError
from pipeline.running import find_running, list_running
from pipeline.supervisor.run_folder import RunFolder


@pytest.fixture
def start(tmp_path):
    folders = []

    def _start(name):
        folder = RunFolder(tmp_path)
        folders.append(folder)
        (tmp_path / name).mkdir()
        folder.advertise(tmp_path / name)
        return folder

    yield _start
    for folder in folders:
        folder.close()


def test_the_only_one_needs_no_name(start, tmp_path):
    folder = start("one")
    run = find_running(None, tmp_path)
    assert (run.folder, run.out) == (folder.path, tmp_path / "one")
    assert run.is_alive


def test_one_of_several_is_named_by_folder_name_or_process(start, tmp_path):
    start("one")
    start("two")
    assert find_running(str(tmp_path / "two"), tmp_path).out == tmp_path / "two"
    assert find_running("one", tmp_path).out == tmp_path / "one"
    with pytest.raises(ConfigError, match=r"one running pipeline, found .*one, .*two; name one"):
        find_running(None, tmp_path)


def test_none_and_another_are_refused_with_what_there_is(start, tmp_path):
    with pytest.raises(ConfigError, match="found none; `dart-stream run` starts one"):
        find_running(None, tmp_path)
    start("one")
    with pytest.raises(ConfigError, match=r"called 'three', found .*one$"):
        find_running("three", tmp_path)


def test_the_dead_are_not_found(start, tmp_path):
    folder = start("one")
    run = find_running(None, tmp_path)
    folder._lock.close()  # as the system does it for a process that was killed
    assert not run.is_alive
    assert list_running(tmp_path) == []
