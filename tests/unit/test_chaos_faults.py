"""What the faults really do: one that does nothing proves nothing."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from pipeline.chaos.clock import STEP_S, ClockStep
from pipeline.chaos.full import SharedMemoryFull
from pipeline.chaos.room import can_be_filled, denied_to_write, fill
from pipeline.chaos.stages import Stage, children_of

WRITER = """
import sys
for line in sys.stdin:
    try:
        with open(line.strip(), "ab") as file:
            file.write(b"x" * 100)
        print("written", flush=True)
    except OSError as error:
        print(type(error).__name__, error.errno, flush=True)
"""
CLOCKS = """
import datetime, sys, time
for _ in sys.stdin:
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic(), flush=True)
"""
NAMESPACE = ["unshare", "--mount", "--map-root-user", "--user"]


class Talker:
    """A process that answers lines."""

    def __init__(self, code, environment=()):
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict(environment),
        )

    def ask(self, line=""):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def talk():
    talkers = []

    def _begin(code, environment=()):
        talkers.append(Talker(code, environment))
        return talkers[-1]

    yield _begin
    for talker in talkers:
        talker.close()


def test_a_process_that_is_denied_to_write_can_write_again_afterwards(talk, tmp_path):
    writer, path = talk(WRITER), tmp_path / "file"
    assert writer.ask(path) == "written"
    with denied_to_write(lambda: [writer.process.pid]):
        assert writer.ask(path).startswith("OSError")
        assert path.stat().st_size == 100
    assert writer.ask(path) == "written"
    assert path.stat().st_size == 200


def test_a_process_that_is_gone_is_denied_nothing():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    with denied_to_write(lambda: [done.pid]):
        pass


FILLING = """
import os, sys
from pathlib import Path
from pipeline.chaos.room import fill
seen = []
def wait(seconds):
    try:
        Path(sys.argv[1], "file").write_bytes(b"x" * 5000)
        seen.append("room")
    except OSError as error:
        seen.append(error.errno)
        if len(seen) == 2:
            os.unlink(Path(sys.argv[1], "old"))
Path(sys.argv[1], "old").write_bytes(b"x" * 100_000)
taken = fill(Path(sys.argv[1]), 0.5, wait)
print(taken, set(seen), sorted(os.listdir(sys.argv[1])))
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="util-linux is not installed")
def test_a_file_system_that_is_filled_has_no_room_and_takes_what_is_freed(tmp_path):
    inner = (
        f"mount -t tmpfs -o size=4m tmpfs {tmp_path} && "
        f'exec {sys.executable} -c "$FILLING" {tmp_path}'
    )
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", inner],
        capture_output=True,
        text=True,
        env=os.environ | {"FILLING": FILLING},
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no name spaces here: {done.stderr.strip()}")
    assert done.stderr == ""
    taken, said = re.fullmatch(r"(\d+) (.*)\n", done.stdout).groups()
    assert 3_500_000 < int(taken) <= 4 << 20
    assert said == "{28} ['file']"


def test_what_cannot_be_filled_is_refused_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.chaos.room.MAX_FILLED_BYTES", 0)
    assert not can_be_filled(tmp_path)
    assert re.fullmatch(
        r"/dev/shm holds [\d,]+ MB, and at most [\d,]+ MB are filled; mount a smaller one "
        r"\(docs/chaos.md\)",
        SharedMemoryFull().refusal(tmp_path),
    )


def test_filling_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.chaos.room._take_all", lambda descriptor, taken: taken + 1)
    found = []
    assert fill(tmp_path, 0.3, lambda _: found.append(len(list(tmp_path.iterdir())))) == 3
    assert set(found) == {1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_stepped_clock_moves_the_wall_clock_of_the_run_and_nothing_else(talk, tmp_path):
    fault = ClockStep()
    assert fault.refusal(tmp_path) is None
    clocks = talk(CLOCKS, fault.environment(tmp_path))
    for step_s in (0, STEP_S, -STEP_S, 0):
        (tmp_path / "clock_offset").write_bytes((step_s * 10**9).to_bytes(8, "little", signed=True))
        before = time.time(), time.monotonic()
        wall_s, date_s, monotonic_s = map(float, clocks.ask().split())
        after = time.time(), time.monotonic()
        assert before[0] + step_s <= wall_s <= after[0] + step_s
        assert abs(date_s - wall_s) < STEP_S / 2
        assert before[1] <= monotonic_s <= after[1]


def test_without_a_compiler_the_clock_is_refused_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.chaos.clock.shutil.which", lambda _: None)
    assert ClockStep().refusal(tmp_path).startswith("no C compiler `cc`")


def test_a_library_that_cannot_be_made_is_refused_with_the_compiler_s_words(monkeypatch, tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return nothing; }\n")
    monkeypatch.setattr("pipeline.chaos.clock._SOURCE", source)
    refusal = ClockStep().refusal(tmp_path)
    assert refusal.startswith("`cc` could not make clock_shim.so: ")
    assert "\n" not in refusal


def test_children_are_told_apart_by_role_and_name(tmp_path):
    module = tmp_path / "pipeline"
    module.mkdir()
    (module / "__init__.py").touch()
    (module / "child.py").write_text("input()")
    began = {
        name: subprocess.Popen(
            [sys.executable, "-m", "pipeline.child", "reader", name],
            stdin=subprocess.PIPE,
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
        for name in ("front", "rear")
    }
    try:
        expected = {Stage("reader", name): process.pid for name, process in began.items()}
        deadline_s = time.monotonic() + 30
        while children_of(os.getpid()) != expected and time.monotonic() < deadline_s:
            os.sched_yield()
        assert children_of(os.getpid()) == expected
        began["rear"].kill()
        began["rear"].wait()
        assert children_of(os.getpid()) == {Stage("reader", "front"): began["front"].pid}
    finally:
        for process in began.values():
            process.kill()
            process.communicate()
