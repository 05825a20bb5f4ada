"""How a child process ended, in words."""

import subprocess
import sys

import pytest

from pipeline.supervisor.children import ChildProcess


@pytest.mark.parametrize(
    ("number", "words"), [(9, "signal SIGKILL"), (40, "signal 40"), (0, "exit status 3")]
)
def test_a_signal_has_its_name_or_its_number(number, words):
    child = ChildProcess.__new__(ChildProcess)
    code = f"import os; os.kill(os.getpid(), {number}); raise SystemExit(3)"
    child._process = subprocess.Popen([sys.executable, "-c", code])
    child._process.wait(20)
    assert child.ending == words
