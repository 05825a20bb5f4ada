"""What is refused of readers on other hosts before anything is started."""

import logging
import socket
import threading

import msgspec
import pytest

from pipeline import remote_address
from pipeline.config import SourceConfig
from pipeline.config_file import check_config
from pipeline.curve import make_keys
from pipeline.errors import ConfigError, SourceError, UserError
from pipeline.messages import Assignment
from pipeline.readers import check_source
from pipeline.remote_address import check_address, is_remote, lookup_trouble
from pipeline.remote_transport import Door
from pipeline.roles import remote_reader
from pipeline.roles.remote_reader import reader_spec, run_remote_reader
from pipeline.specs import RemoteReaderSpec
from pipeline.supervisor.listening import check_listening, check_remote_source
from pipeline.supervisor.plan import plan_run
from pipeline.supervisor.source_traits import traits_of
from pipeline.transport import new_context

OPEN = {"address": "tcp://127.0.0.1:5557"}


def config(listen=None, uri="remote://", **more):
    plain = {"sources": {"gate": {"uri": uri}}, **more}
    return check_config(plain if listen is None else plain | {"listen": listen})


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:5557", "tcp://localhost:1", "tcp://[::1]:5557", "tcp://127.8.0.1:65535"],
)
def test_nobody_else_can_reach_loopback(address):
    check_address(address, where="--hub", has_keys=False)


@pytest.mark.parametrize(
    "address",
    ["tcp://0.0.0.0:5557", "tcp://camera.example:1", "tcp://[::]:5557"],
)
def test_where_others_can_connect_keys_are_needed(address):
    check_address(address, where="--hub", has_keys=True)
    with pytest.raises(ConfigError, match=r"--hub: expected keys for tcp://.*others can reach it"):
        check_address(address, where="--hub", has_keys=False)


@pytest.mark.parametrize("address", ["tcp://*:5557", "tcp://10.0.0.1:0"])
def test_only_a_hub_can_listen_everywhere_or_at_a_free_port(address):
    check_address(address, where="listen.address", has_keys=True, is_listened_at=True)
    with pytest.raises(ConfigError, match="--hub: expected the host and port that the run listens"):
        check_address(address, where="--hub", has_keys=True)


@pytest.mark.parametrize(
    "address", ["10.0.0.1:5557", "tcp://10.0.0.1", "ipc:///x", "tcp://:5", "tcp://a:70000", ""]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="expected tcp://HOST:PORT, got"):
        check_address(address, where="listen.address", has_keys=True)


@pytest.fixture
def names(monkeypatch):
    """What this host can look up; each time that it is asked is counted in "asked"."""
    known = {"asked": 0}

    def getaddrinfo(host, *_):
        known["asked"] += 1
        if host.decode() not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(remote_address.socket, "getaddrinfo", getaddrinfo)
    return known


def test_a_name_that_cannot_be_looked_up_is_told(names):
    words = "the name hub.example cannot be looked up: Name or service not known"
    assert lookup_trouble("tcp://hub.example:5557") == words
    names["hub.example"] = True
    assert lookup_trouble("tcp://hub.example:5557") is None
    asked = names["asked"]
    assert lookup_trouble("tcp://[::1]:5557") is None
    assert names["asked"] == asked


def test_a_name_that_no_server_would_take_is_told():
    assert "cannot be looked up" in lookup_trouble(f"tcp://{70 * 'a'}:5557")
    assert "cannot be looked up" in lookup_trouble("tcp://hub..example:5557")


def test_a_hub_whose_name_cannot_be_looked_up_is_tried_again(names, caplog, monkeypatch):
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(remote_reader, "_FIRST_DELAY_S", 0.001)
    stopping, context = threading.Event(), new_context()
    spec = msgspec.structs.replace(REMOTE, endpoint="tcp://hub.example:5557")
    reading = threading.Thread(target=run_remote_reader, args=(spec, context, stopping))
    reading.start()
    deadline = threading.Event()
    for _ in range(1_000):
        if names["asked"] >= 3:
            break
        deadline.wait(0.02)
    stopping.set()
    reading.join(20)
    context.destroy(linger=0)
    assert names["asked"] >= 3
    (told,) = caplog.messages
    assert "hub tcp://hub.example:5557: the name hub.example cannot be looked up" in told
    assert told.endswith("; trying again")


def test_a_remote_source_and_a_place_to_connect_need_each_other():
    check_listening(config(OPEN))
    check_listening(config(uri="synthetic://"))
    with pytest.raises(ConfigError, match=r"sources\.gate: expected `listen` beside"):
        check_listening(config())
    with pytest.raises(ConfigError, match="listen: expected a source with the URI remote://"):
        check_listening(config(OPEN, uri="synthetic://"))


@pytest.mark.parametrize("timeout_s", [0.5, 1e6])
def test_a_silence_of_a_second_to_a_day_may_be_waited_for(timeout_s):
    with pytest.raises(ConfigError, match=r"listen\.timeout_s.*(>= 1|86400)"):
        config(OPEN | {"timeout_s": timeout_s})


def test_keys_are_looked_at_before_the_run(tmp_path):
    make_keys(tmp_path, ["gate"])
    check_listening(config({"address": "tcp://0.0.0.0:1", "keys": str(tmp_path / "hub")}))
    with pytest.raises(ConfigError, match="expected a key of"):
        check_listening(config({"address": "tcp://0.0.0.0:1", "keys": str(tmp_path)}))


def test_whole_frames_of_another_host_cannot_be_drawn():
    sinks = [{"type": "video", "source": "gate"}]
    with pytest.raises(ConfigError, match="expected a video of a source on this host, got 'gate'"):
        check_listening(config(OPEN, sinks=sinks))


def test_a_hub_names_no_class_on_another_host():
    with pytest.raises(ConfigError, match="expected no `reader` and no `options` beside remote://"):
        check_remote_source("gate", SourceConfig(uri="remote://", reader="a:B"))
    custom = config(
        sources={"gate": {"uri": "remote://", "regions": {"type": "custom", "class": "a:B"}}}
    )
    with pytest.raises(ConfigError, match=r"sources\.gate\.regions: expected type frame or zones"):
        check_remote_source("gate", custom.sources["gate"])


def test_a_remote_source_is_taken_for_a_camera():
    source = SourceConfig(uri="remote://")
    assert is_remote(source)
    assert not is_remote(SourceConfig(uri="clip.mp4"))
    traits = traits_of(source)
    assert (traits.live, traits.on_full, traits.can_wait) == (True, "latest", False)


@pytest.mark.parametrize(
    ("source", "listen", "patience_s"),
    [
        ({}, {}, 35),
        ({"open_timeout": 20, "stall_after": 30}, {}, 75),
        ({}, {"timeout_s": 120}, 120),
    ],
)
def test_a_remote_reader_may_hang_as_a_camera_and_be_as_silent_as_its_line(
    source, listen, patience_s
):
    sources = {"gate": {"uri": "remote://", **source}}
    planned = plan_run(config(OPEN | listen, sources=sources)).hub_plan()
    patience_ns = {plan.name: plan.patience_ns for plan in planned.sources if plan.is_live}
    assert patience_ns == {"gate": patience_s * 10**9}


def test_a_door_takes_the_longest_silence():
    Door("tcp://127.0.0.1:0", None, timeout_s=86_400).close()


def test_an_address_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"cannot listen at {address}: Address already in"):
            Door(address, None, timeout_s=5)


# --- the reader's side ----------------------------------------------------------------------------

REMOTE = RemoteReaderSpec(
    name="gate",
    identity="reader/gate",
    endpoint="tcp://hub:1",
    run_folder=None,
    supervisor_pid=7,
    uri="synthetic://",
    decode_threads=2,
    owner="o",
)
TASK = {"source": {"uri": "remote://", "stride": 3}, "input_size": [16, 16], "resize": "stretch"}


def test_a_task_becomes_a_spec_with_what_is_this_hosts_own_matter():
    spec = reader_spec(REMOTE, Assignment(TASK | {"supervisor_pid": 1}, 5), "reader/gate#x")
    assert (spec.source.uri, spec.source.stride) == ("synthetic://", 3)
    assert (spec.identity, spec.endpoint) == ("reader/gate#x", "tcp://hub:1")
    assert (spec.supervisor_pid, spec.decode_threads, spec.run_folder) == (7, 2, None)


def test_a_hub_cannot_have_files_written_here():
    task = TASK | {"frames_folder": "/home/somebody", "ring_slots": 16}
    spec = reader_spec(REMOTE, Assignment(task, 5), "x")
    assert (spec.frames_folder, spec.ring_slots) == (None, 0)


def test_the_last_picture_is_told_by_this_hosts_clock():
    task = TASK | {"resume_frame": 4, "resume_mono_ns": 9_000}
    spec = reader_spec(REMOTE, Assignment(task, 5), "x", ahead_ns=2_000)
    assert spec.resume_mono_ns == 7_000


def test_whether_a_source_is_a_camera_says_its_own_host():
    task = TASK | {"source": TASK["source"] | {"live": True}}
    assert reader_spec(REMOTE, Assignment(task, 5), "x").source.live is None
    source = SourceConfig(uri="remote://", live=True)
    with pytest.raises(ConfigError, match=r"sources\.gate: expected no `live` beside remote://"):
        check_remote_source("gate", source)


def test_a_source_that_is_gone_is_named():
    gone = msgspec.structs.replace(REMOTE, uri="gone.mp4")
    with pytest.raises(UserError, match=r"gone\.mp4: no such file"):
        reader_spec(gone, Assignment(TASK, 5), "x")


def test_a_camera_that_is_unplugged_while_the_hub_is_away_is_awaited():
    unplugged = msgspec.structs.replace(REMOTE, uri="webcam://4095")
    with pytest.raises(SourceError, match="no camera 4095"):
        check_source(SourceConfig(uri=unplugged.uri))
    assert reader_spec(unplugged, Assignment(TASK, 5), "x").source.uri == "webcam://4095"


def test_what_a_camera_cannot_do_is_named():
    camera = msgspec.structs.replace(REMOTE, uri="rtsps://192.0.2.1/x")
    task = TASK | {"source": TASK["source"] | {"transport": "udp"}}
    with pytest.raises(ConfigError, match="transport: expected tcp"):
        reader_spec(camera, Assignment(task, 5), "x")


@pytest.mark.parametrize(
    "more",
    [
        {"reader": "os:system"},
        {"regions": {"type": "custom", "class": "os:system"}},
        {"options": {"width": 1 << 20, "height": 1 << 20}},
    ],
)
def test_a_hub_cannot_have_anything_imported_here_nor_choose_how_large_pictures_are(more):
    task = TASK | {"source": TASK["source"] | more}
    with pytest.raises(ConfigError, match="a hub names none on other hosts"):
        reader_spec(REMOTE, Assignment(task, 5), "x")


def test_what_a_hub_got_wrong_is_told_in_one_line_that_steers_no_terminal():
    with pytest.raises(ConfigError, match="that this version knows, got ") as told:
        reader_spec(REMOTE, Assignment(TASK | {"\x1b[2J" + 2_000 * "x": 1}, 5), "x")
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 700


@pytest.mark.parametrize(
    "more", [{"resize": "pad"}, {"input_size": [0, 16]}, {"input_size": [16, 1 << 20]}]
)
def test_settings_that_this_version_cannot_have_are_named(more):
    with pytest.raises(ConfigError, match="install the same version on both hosts"):
        reader_spec(REMOTE, Assignment(TASK | more, 5), "x")
