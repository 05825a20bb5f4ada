"""Standard streams that the shell has closed."""

import shlex
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "pipeline.cli.main"]


def shell(arguments, closed):
    words = shlex.join([*COMMAND, *map(str, arguments)])
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {words} {closed}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_a_run_goes_on_to_its_end(closed, tiny_model, clip, tmp_path, read):
    out = tmp_path / "out"
    arguments = ["run", "--source", f"lot={clip}", "--out", out]
    for setting in (f"model.name={tiny_model}", "model.precision=fp32"):
        arguments += ["--set", setting]
    done = shell(arguments, closed)
    assert done.returncode == 0
    assert "Traceback" not in done.stdout + done.stderr
    assert read(out).frames["lot"] == list(range(60))


@pytest.mark.parametrize("closed", ["2>&-", ">&-"])
def test_a_mistake_keeps_its_exit_status(closed, tmp_path):
    done = shell(["run", "--source", tmp_path / "none.mp4", "--out", tmp_path / "out"], closed)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
