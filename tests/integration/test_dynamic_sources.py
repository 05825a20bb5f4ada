"""Sources come, go and change while a run goes on, as people make them: `control` and SIGHUP."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline.commands import SourceAdd, SourceRemove
from pipeline.running import find_running
from pipeline.transport import ControlClient, new_context

pytestmark = [pytest.mark.processes, pytest.mark.torch_process]

FAST = {"precision": "fp32", "device": "cpu", "threads": 1}
COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"
ENDLESS = {"realtime": True, "loop": True}


class Steered:
    """A run of a configuration file in a process of its own, and another terminal."""

    def __init__(self, run, file, plain, wait_until):
        self.run, self.file, self.plain, self.wait_until = run, file, plain, wait_until
        self.out = run.out

    def control(self, *words):
        return subprocess.run(  # our own command
            [sys.executable, "-c", COMMAND, "control", str(self.out), *words],
            env=os.environ | {"TMPDIR": str(self.run.temporary)},
            cwd=self.file.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask(self, command):
        """As `control` does, without a process of its own."""
        address = find_running(str(self.out), root=self.run.temporary).control
        context = new_context()
        client = ControlClient(context, address)
        try:
            reply = client.ask(command)
        finally:
            client.close()
            context.destroy(linger=0)
        assert reply.ok, reply.text

    def done(self, *words):
        answer = self.control(*words)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def refused(self, *words):
        answer = self.control(*words)
        assert answer.returncode == 1, answer.stdout
        assert len(answer.stderr.splitlines()) == 1
        return answer.stderr.strip()

    def reload(self, sources=None, text=None, **others):
        """Write the file anew and send SIGHUP; gives the line that the log has of it."""
        before = self.log.count("reload: ")
        plain = self.plain | {"sources": sources} | others
        self.file.write_text(yaml.safe_dump(plain) if text is None else text)
        self.run.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.log.count("reload: ") > before, "the reload")
        return self.log.rsplit("reload: ", 1)[1].splitlines()[0]

    @property
    def log(self):
        return (self.out / "run.log").read_text()

    @property
    def lines(self):
        with contextlib.suppress(FileNotFoundError):
            text = (self.out / "results.jsonl").read_text()
            return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return []

    def wait_for(self, source, count=1):
        """Wait until so many regions of a source are written."""
        self.wait_until(
            lambda: sum(r["source"] == source and "event" not in r for r in self.lines) >= count,
            f"{count} regions of {source}",
        )

    def wait_for_end(self, source, count=1):
        self.wait_until(lambda: len(ends(self.lines, source)) >= count, f"the end of {source}")


def ends(lines, source):
    return [line for line in lines if "event" in line and line["source"] == source]


def frames(lines, source):
    return [line["frame"] for line in lines if "event" not in line and line["source"] == source]


def balanced(counts):
    return counts["captured"] == (
        counts["processed"] + sum(counts["dropped"].values()) + counts["in_flight"]
    )


@pytest.fixture
def start(kill_drill, tiny_model, make_clip, tmp_path):
    with contextlib.ExitStack() as stack:

        def wait_until(condition, what):
            kill_drill.wait_until(condition, 60, what, poll_s=0.02)

        def begin(arguments, file, plain):
            run = kill_drill.Run(arguments, tmp_path / "out", tmp_path / "t")
            stack.enter_context(contextlib.closing(run))
            return Steered(run, file, plain, wait_until)

        def _start(sources=None, **others):
            model = {"name": str(tiny_model), **FAST}
            plain = {"model": model} | others
            file = tmp_path / "run.yaml"
            if sources is None:
                return begin(["--resume", str(tmp_path / "out")], file, plain)
            file.write_text(yaml.safe_dump(plain | {"sources": sources}))
            return begin([str(file), "--out", str(tmp_path / "out")], file, plain)

        yield _start


@pytest.fixture
def endless(make_clip):
    return {"uri": str(make_clip(60)), **ENDLESS}


@pytest.fixture
def finished(read, tmp_path):
    """Wait for a run's end; nothing of it may be left."""

    def _finished(steered):
        steered.wait_until(lambda: steered.run.process.poll() is not None, "the end of the run")
        assert steered.run.alive() == []
        assert steered.run.folders == []
        return read(tmp_path / "out", steered.run.process.returncode)

    return _finished


def test_a_source_is_added_changed_and_removed_while_another_goes_on(
    start, endless, make_clip, finished
):
    steered = start({"front": endless})
    steered.wait_for("front")
    clip = make_clip(30)
    # A relative path is that of whoever types it.
    (steered.file.parent / "side.mp4").write_bytes(clip.read_bytes())
    assert steered.done("source", "add", "side", "uri=side.mp4") == "added side"
    steered.wait_for_end("side")
    assert frames(steered.lines, "side") == list(range(30))
    assert steered.done("source", "change", "side", "stride=2") == "changed side"
    steered.wait_for_end("side", 2)
    assert steered.done("source", "remove", "side") == "removed side"
    steered.wait_until(lambda: "source side: gone" in steered.log, "the removal")
    before = len(frames(steered.lines, "front"))
    steered.wait_for("front", before + 5)
    steered.done("stop")
    run = finished(steered)

    assert run.status == 130
    assert frames(run.lines, "side") == [*range(30), *range(31, 61, 2)]
    first, second = ends(run.lines, "side")
    assert (first["session"], first["first_frame"], first["end_frame"]) == (1, 0, 30)
    assert (second["session"], second["first_frame"], second["end_frame"]) == (2, 31, 60)
    assert second["frames"]["skipped"] == 15
    times = [r["pts_s"] for r in run.records["side"] if "event" not in r]
    assert times == sorted(times)
    segments = Counter(r["segment"] for r in run.records["side"] if "event" not in r)
    assert segments == {0: 30, 1: 15}
    front = frames(run.lines, "front")
    assert front == list(range(len(front)))
    side = run.summary["sources"]["side"]
    assert (side["state"], side["reason"], side["sessions"]) == ("removed", "complete", 2)
    assert side["frames"]["processed"] == side["regions"] == 45
    assert run.summary["frames"]["processed"] == 45 + len(front)
    assert balanced(run.summary["frames"])


def test_what_cannot_be_is_refused_in_a_line_and_changes_nothing(start, endless):
    steered = start({"front": endless, "gate": endless})
    steered.wait_for("gate")
    assert "expected a new name, got 'gate'" in steered.refused("source", "add", "gate", "uri=x")
    assert "did you mean 'front'?" in steered.refused("source", "remove", "frunt")
    assert "sources.new.strid: unknown key; did you mean 'stride'?" in steered.refused(
        "source", "add", "new", "uri=0", "strid=2"
    )
    assert "no such file" in steered.refused("source", "add", "new", "uri=/none.mp4")
    assert "stays as it was at the start" in steered.refused("source", "add", "n", "uri=remote://")
    assert "expected KEY=VALUE, got 'uri'" in steered.refused("source", "add", "new", "uri")
    assert steered.done("source", "remove", "gate") == "removed gate"
    assert "nothing would be left to read without front; " in steered.refused(
        "source", "remove", "front"
    )
    assert list(json.loads((steered.out / "sources.json").read_text())["wanted"]) == ["front"]


def test_sighup_takes_the_sources_of_the_file_and_names_the_rest(
    start, endless, make_clip, finished
):
    steered = start({"front": endless, "gate": endless, "yard": endless})
    steered.wait_for("yard")
    assert steered.reload(text="sources: [").startswith(f"{steered.file}: not YAML")
    assert "sources.front.urx: unknown key" in steered.reload({"front": {"urx": "x"}})
    assert "the run goes on unchanged" in steered.reload({})
    sources = {
        "front": endless,
        "gate": {"uri": str(make_clip(30)), "realtime": True},
        "side": {"uri": str(make_clip(30))},
    }
    words = steered.reload(sources, policy={"mode": "full"}, seed=3)
    assert words == (
        "added side; changed gate; removed yard; takes effect at the next start: policy.mode, seed"
    )
    steered.wait_for_end("side")
    steered.wait_for_end("gate", 2)
    assert steered.reload(sources) == "no source has changed"
    steered.done("stop")
    run = finished(steered)

    assert run.status == 130
    assert [end["reason"] for end in ends(run.lines, "yard")] == ["removed"]
    assert [end["reason"] for end in ends(run.lines, "gate")] == ["changed", "complete"]
    assert frames(run.lines, "side") == list(range(30))
    assert len({(r["source"], r["frame"]) for r in run.lines if "event" not in r}) == sum(
        "event" not in r for r in run.lines
    )
    assert balanced(run.summary["frames"])
    assert set(run.summary["sources"]) == {"front", "gate", "side", "yard"}


def test_a_run_that_was_killed_goes_on_with_the_sources_that_it_had_last(
    start, endless, make_clip, finished
):
    clip = {"uri": str(make_clip(60)), "realtime": True}
    steered = start({"front": endless, "gate": endless, "lot": clip})
    steered.wait_for("gate")
    steered.done("source", "remove", "gate")
    steered.done("source", "add", "side", f"uri={make_clip(120)}", "realtime=true")
    steered.done("source", "change", "lot")
    steered.wait_for_end("gate")
    steered.wait_for_end("lot")
    steered.wait_for("side", 5)
    steered.wait_until(lambda: frames(steered.lines, "lot")[-1] > 61, "the second time")
    os.kill(steered.run.process.pid, signal.SIGKILL)
    steered.wait_until(lambda: steered.run.alive() == [], "the end of its children")
    gate = frames(steered.lines, "gate")

    again = start()
    again.wait_for_end("side")
    again.wait_for_end("lot", 2)
    again.done("source", "add", "gate", f"uri={make_clip(30)}")
    again.wait_for_end("gate", 2)
    again.done("stop")
    run = finished(again)
    assert frames(run.lines, "side") == list(range(120))
    first, second = ends(run.lines, "lot")
    begin = second["first_frame"]
    assert frames(run.lines, "lot") == [*range(first["end_frame"]), *range(begin, begin + 60)]
    gone, back = ends(run.lines, "gate")
    assert (gone["reason"], back["reason"]) == ("removed", "complete")
    assert back["first_frame"] == gone["end_frame"] + 1
    assert frames(run.lines, "gate")[: len(gate)] == gate
    assert run.summary["sources"]["lot"]["frames"]["processed"] == first["end_frame"] + 60
    assert run.summary["sources"]["gate"]["sessions"] == 2
    assert balanced(run.summary["frames"])


def test_sources_that_came_and_went_leave_no_descriptor_process_or_memory(start, endless):
    """Of a drawn source, so that there are rings: twenty more times hold no more than one."""
    sinks = [{"type": "jsonl"}, {"type": "video", "source": "lot"}]
    steered = start({"front": endless, "lot": endless}, sinks=sinks)
    process = Path(f"/proc/{steered.run.process.pid}")

    def held():
        opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
        lock = next(path for path in opened if path.startswith("/dev/shm/dart-"))
        rings = list(Path(lock).parent.glob("*.ring"))
        return len(opened), len(list((process / "task").iterdir())), rings

    def come_and_go(name, number):
        steered.wait_for(name)
        steered.ask(SourceRemove(name))
        steered.wait_until(lambda: f"source {name}: gone" in steered.log[marks[-1] :], "it to go")
        marks.append(len(steered.log))
        steered.ask(SourceAdd(name, [f"{key}={value}" for key, value in endless.items()]))
        steered.wait_until(
            lambda: number in {r.get("segment") for r in steered.lines if r["source"] == name},
            f"session {number + 1}",
        )

    marks = [0]
    come_and_go("lot", 1)
    descriptors, threads, rings = held()
    children = len(steered.run.alive())
    assert [ring.name for ring in rings] == ["lot#1.ring"]
    for number in range(2, 8):
        come_and_go("lot", number)
    now_descriptors, now_threads, rings = held()
    assert (now_descriptors, now_threads) == (descriptors, threads)
    assert len(steered.run.alive()) == children
    assert [ring.name for ring in rings] == ["lot#7.ring"]
    steered.done("stop")
