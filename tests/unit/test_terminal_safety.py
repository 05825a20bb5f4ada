"""Names of files and what cameras say may hold escapes: they are shown, and not obeyed."""

import logging

import pytest

from pipeline.cli import session
from pipeline.cli.main import main
from pipeline.log_format import VisibleFormatter
from pipeline.one_line import visible
from pipeline.supervisor import Outcome
from pipeline.supervisor.run_log import RunLog, StageHandler

CLEAR = "\x1b[2J\x07\x9b1m\u202egp4.\udce9"
SHOWN = r"\x1b[2J\x07\x9b1m\u202egp4.\udce9"


def test_what_steers_a_terminal_becomes_visible_and_the_rest_stays():
    assert visible(CLEAR) == SHOWN
    assert visible("Straße 駐車場.mp4") == "Straße 駐車場.mp4"
    assert visible("a\tb\nc") == r"a\tb\nc"


def test_an_error_line_steers_no_terminal(capsys):
    assert main(["run", "--source", "no\x1b[2J\u202e.mp4"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(r"dart-stream: no\x1b[2J\u202e.mp4: no file matches")
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_an_argument_that_is_not_understood_steers_no_terminal(capsys):
    with pytest.raises(SystemExit):
        main(["schema", f"--{CLEAR}"])
    *_, said = capsys.readouterr().err.splitlines()
    assert SHOWN in said
    assert said.isprintable()


def test_why_a_run_failed_steers_no_terminal(capsys, tmp_path):
    session._report(Outcome(2, {}, f"no{CLEAR}.mp4:\nbroken"), tmp_path, quiet=True)
    assert capsys.readouterr().err == f"dart-stream: no{SHOWN}.mp4: broken\n"


def test_no_line_of_a_runs_log_steers_a_terminal(tmp_path, capsys):
    log = RunLog(tmp_path / "run.log", echo=True)
    log.child_line("reader/a", f"WARNING the camera says {CLEAR}")
    log.child_line("reader/a", f"[h264] {CLEAR}")
    record = logging.LogRecord("x", logging.INFO, "x", 1, f"alarm {CLEAR}", (), None)
    StageHandler(log).emit(record)
    log.close()
    for lines in (
        list(log.tail),
        capsys.readouterr().err.split("\n")[:-1],
        (tmp_path / "run.log").read_text().split("\n")[:-1],
    ):
        assert [SHOWN in line for line in lines] == [True] * 3
        assert all(line.isprintable() for line in lines)


def test_a_log_for_a_terminal_keeps_the_lines_of_a_traceback():
    try:
        {}[CLEAR]
    except KeyError as missing:
        error = ValueError(CLEAR).with_traceback(missing.__traceback__)
    about = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "%s", (CLEAR,), about)
    first, *more, last = VisibleFormatter("%(message)s").format(record).split("\n")
    assert (first, last) == (SHOWN, f"ValueError: {SHOWN}")
    assert more[0] == "Traceback (most recent call last):"
