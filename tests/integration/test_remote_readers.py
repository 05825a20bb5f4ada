"""Runs whose readers come from other hosts: real reader processes, CURVE, deaths."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.curve import HubKeys, ReaderKeys, make_keys
from pipeline.messages import Join
from pipeline.remote_transport import HubLostError, RemoteLink
from pipeline.transport import new_context

pytestmark = pytest.mark.processes

FRAMES = list(range(60))
_COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


@pytest.fixture
def keys(tmp_path):
    make_keys(tmp_path / "k", ["gatehost", "stranger"])
    (tmp_path / "k" / "hub" / "readers" / "stranger.key").unlink()
    return tmp_path / "k"


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def host(address, keys, tmp_path):
    """Start `dart-stream reader` in a process of its own."""
    with contextlib.ExitStack() as stack:

        def _host(*sources, folder="gatehost"):
            log = stack.enter_context((tmp_path / "host.log").open("ab"))
            command = [sys.executable, "-c", _COMMAND, "reader", "--hub", address]
            process = subprocess.Popen(
                [*command, "--keys", str(keys / folder), *sources], stderr=log
            )
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            return process

        yield _host


@pytest.fixture
def run_hub(in_threads, address, keys):
    """Run the hub's side to its end."""

    def _run(name, *settings):
        listen = f"listen={{address: '{address}', keys: '{keys}/hub', timeout_s: 5}}"
        return in_threads({name: "remote://"}, listen, *settings)

    return _run


def child_of(process):
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def meanwhile(results, counts, act):
    """Act once for each count of results, from another thread."""

    def _watch():
        for count in counts:
            deadline_s = time.monotonic() + 60
            while time.monotonic() < deadline_s:
                if results.exists() and len(results.read_bytes().splitlines()) >= count:
                    act()
                    break
                time.sleep(0.01)

    thread = threading.Thread(target=_watch, daemon=True)
    thread.start()
    return thread


def test_a_remote_reader_that_dies_is_followed_by_one_that_continues(
    host, run_hub, clip, address, keys, tmp_path
):
    reader = host(f"gate={clip}")
    strangers = []

    def _kill_and_knock():
        os.kill(child_of(reader), signal.SIGKILL)
        strangers.append(knock(address, ReaderKeys.load(keys / "stranger")))

    watcher = meanwhile(tmp_path / "out" / "results.jsonl", [20], _kill_and_knock)
    ended = run_hub("gate", "sources.gate.realtime=true")
    watcher.join(60)
    assert reader.wait(20) == 0
    assert ended.status == 0
    assert ended.frames["gate"] == FRAMES
    assert ended.ends["gate"]["reason"] == "complete"
    frames = ended.summary["frames"]
    assert (frames["captured"], frames["processed"], frames["dropped"]) == (60, 60, {})
    assert any("gate: its reader is gone" in alarm for alarm in ended.summary["alarms"])
    assert ended.ends["gate"]["link"]["gaps"] == 0  # a file misses nothing meanwhile
    assert strangers == ["refused"]
    assert ended.summary["refused_clients"] >= 1
    assert all(0 < record["latency_ms"]["total"] < 60_000 for record in ended.records["gate"][:-1])
    left = b"".join(p.read_bytes() for p in (tmp_path / "out").iterdir())
    for pair in (HubKeys.load(keys / "hub").own, ReaderKeys.load(keys / "gatehost").own):
        assert pair.secret not in left + (tmp_path / "host.log").read_bytes()


def knock(address, own):
    context = new_context()
    link = RemoteLink(context, address, "reader/gate#stranger", own)
    link.send(Join("gate", "stranger", live=True))
    try:
        for _ in range(50):
            if link.receive(100) is not None:
                return "answered"
    except HubLostError:
        return "refused"
    finally:
        link.close(hub_listens=False)
        context.destroy(linger=0)
    return "no answer"


def test_zones_and_settings_come_from_the_hub_and_two_sources_share_a_host(
    host, in_threads, clip, address, keys, tmp_path
):
    wrong, readers = host(f"gat={clip}"), []

    def _come():  # when the other was turned away, or the hub may be gone before it asks
        assert wrong.wait(30) == 2
        readers.append(host(f"gate={clip}", f"yard={clip}"))

    coming = threading.Thread(target=_come)
    coming.start()
    ended = in_threads(
        {"gate": "remote://", "yard": "remote://"},
        f"listen={{address: '{address}', keys: '{keys}/hub'}}",
        "sources.gate.regions={type: zones, zones: {left: [0, 0, 0.5, 1], right: [0.5, 0, 1, 1]}}",
        "sources.yard.stride=3",
    )
    coming.join(30)
    assert readers[0].wait(20) == 0
    assert ended.status == 0
    zones = [(r["frame"], r["zone"]) for r in ended.records["gate"][:-1]]
    assert zones == [(number, zone) for number in FRAMES for zone in ("left", "right")]
    assert ended.frames["yard"] == FRAMES[::3]
    assert ended.ends["yard"]["frames"]["skipped"] == 40
    words = "expected one of its remote sources, gate, yard, got 'gat'"
    assert words in (tmp_path / "host.log").read_text()


def test_a_reader_that_leaves_does_not_end_its_source(host, run_hub, clip, tmp_path):
    first = host(f"gate={clip}")

    def _replace():
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 130
        host(f"gate={clip}")

    watcher = meanwhile(tmp_path / "out" / "results.jsonl", [15], _replace)
    ended = run_hub("gate", "sources.gate.realtime=true")
    watcher.join(60)
    assert ended.status == 0
    assert ended.frames["gate"] == FRAMES
    assert "its reader is gone (it has left)" in " ".join(ended.summary["alarms"])


def test_a_source_that_its_host_cannot_read_has_ended_for_the_hub_too(
    host, in_threads, clip, address, keys, tmp_path
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"no picture")
    reader = host(f"gate=images://{folder}", f"yard={clip}")
    ended = in_threads(
        {"gate": "remote://", "yard": "remote://"},
        f"listen={{address: '{address}', keys: '{keys}/hub'}}",
    )
    assert reader.wait(20) == 2
    reason = f"images://{folder}: none of its 1 pictures can be read"
    assert ended.ends["gate"]["reason"] == reason
    assert f"source gate: {reason}" in ended.summary["alarms"]
    assert ended.frames["yard"] == FRAMES
    assert f"gate: ERROR {reason}" in (tmp_path / "host.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--hub", "tcp://10.0.0.1:5557", "gate={clip}"], "expected keys for tcp://10.0.0.1:5557"),
        (["--hub", "10.0.0.1", "gate={clip}"], "--hub: expected tcp://HOST:PORT, got '10.0.0.1'"),
        (["--hub", "tcp://127.0.0.1:1", "{clip}"], "expected the run's name for the source"),
        (["--hub", "tcp://127.0.0.1:1", "gate=no.mp4"], "no.mp4: no such file"),
        (["--hub", "tcp://127.0.0.1:1", "a={clip}", "a={clip}"], "is given twice"),
        (["--hub", "tcp://127.0.0.1:1", "gate=remote://"], "expected a source of this host"),
    ],
)
def test_bad_input_is_one_line(clip, capsys, arguments, line):
    assert main(["reader", *(text.format(clip=clip) for text in arguments)]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
