"""`run.log` keeps its limit, its inode and whole lines."""

import errno
import os

import pytest
from file_limit import files_end_at

from pipeline.supervisor.log_file import LogFile
from pipeline.supervisor.run_log import RunLog


def test_the_newest_lines_are_kept_within_the_limit(tmp_path):
    path = tmp_path / "run.log"
    log = LogFile(path, max_bytes=2_000)
    inode = path.stat().st_ino
    for number in range(1_000):
        log.write(f"line {number}")
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2_020
    log.close()
    lines = ((tmp_path / "run.log.1").read_text() + path.read_text()).splitlines()
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(numbers[0], 1_000))
    assert len(numbers) > 90
    assert path.stat().st_ino == inode  # the run's lock is on it


def test_what_an_earlier_part_wrote_counts(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("x" * 999 + "\n")
    log = LogFile(path, max_bytes=2_000)
    log.write("new")
    log.close()
    assert path.read_text() == "new\n"


def test_a_copy_that_finds_no_room_loses_nothing(tmp_path):
    path = tmp_path / "run.log"
    log = LogFile(path, max_bytes=2_000)
    (tmp_path / "run.log.1").mkdir()  # where nothing can be copied to
    for number in range(300):
        log.write(f"line {number}")
    log.close()
    assert len(path.read_text().splitlines()) == 300


def test_a_full_disk_costs_counted_lines_and_is_said_once(tmp_path):
    log = RunLog(tmp_path / "run.log", echo=False)
    log.add("supervisor", "INFO", "first")
    with files_end_at(60):
        for _ in range(3):
            log.add("supervisor", "INFO", "a line that is too long for what is left of the file")
    log.add("supervisor", "INFO", "last")
    log.close()
    assert log.lost == 3
    (words,) = log.take_words()
    assert words.startswith(f"run.log: {os.strerror(errno.EFBIG)}")
    assert log.take_words() == []
    texts = [
        line.split("supervisor: ")[1] for line in (tmp_path / "run.log").read_text().splitlines()
    ]
    assert texts == ["first", "last"]


@pytest.mark.parametrize("text", ["\udce9", "ü"])
def test_any_text_can_be_written(tmp_path, text):
    log = LogFile(tmp_path / "run.log")
    log.write(text)
    log.close()
    assert (tmp_path / "run.log").read_bytes().endswith(b"\n")
