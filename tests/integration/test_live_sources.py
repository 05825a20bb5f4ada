"""Cameras that hang, break off, send nonsense, change, and come back: real sockets."""

import contextlib
import time
from itertools import pairwise

import pytest
from live_servers import CameraServer, garbage, mjpeg, rtsp, silence

from pipeline.config import ReconnectConfig, SourceConfig
from pipeline.errors import ConfigError
from pipeline.readers import Backoff, KeptOpen, LinkTrack, open_reader
from pipeline.stages.segments import Segments

OPEN_S, STALL_S = 0.8, 0.6


@pytest.fixture
def camera():
    """Start a camera with a script of its connections."""
    with contextlib.ExitStack() as stack:
        yield lambda *acts: stack.enter_context(contextlib.closing(CameraServer(*acts)))


class Watched:
    """Frames of a live source, taken until there are so many."""

    def __init__(self, uri, count, **settings):
        usual = {
            "open_timeout": OPEN_S,
            "stall_after": STALL_S,
            "reconnect": ReconnectConfig(first=0.05, cap=0.1),
        }
        config = SourceConfig(uri=uri, **(usual | settings))
        reader = open_reader(config)
        self.track = LinkTrack()
        self.troubles = []
        kept = KeptOpen(reader, self.track, self._wait, Backoff(0.05, 0.1))
        self.frames = []
        frames = kept.frames()
        for frame in frames:
            self.frames.append(frame)
            if len(self.frames) == count:
                frames.close()
        self.account = self.track.account

    def _wait(self, seconds):
        self.troubles.append(self.track.trouble)
        time.sleep(seconds)
        return len(self.troubles) > 40

    @property
    def parts(self):
        return [frame.part for frame in self.frames]


def uri_of(act, server):
    scheme = "http" if act is mjpeg else "rtsp"
    return f"{scheme}://viewer:geheim@127.0.0.1:{server.port}/live"


both = pytest.mark.parametrize("act", [mjpeg, rtsp])


@both
def test_a_camera_that_breaks_off_is_opened_again(camera, act):
    server = camera(act(20), act(20), act(200))
    seen = Watched(uri_of(act, server), 60)
    assert [f.index for f in seen.frames] == list(range(60))
    assert (seen.account.gaps, seen.account.reconnects) == (2, 2)
    assert len(set(seen.parts)) == 3
    assert seen.parts == sorted(seen.parts)
    times = [f.pts_s for f in seen.frames]
    assert times == sorted(times)
    assert 0.05 < seen.account.longest_gap_s < 5
    breaks = [(a, b) for a, b in pairwise(seen.frames) if a.part != b.part]
    assert sum(b.pts_s - a.pts_s for a, b in breaks) == pytest.approx(seen.account.gap_s, abs=0.01)


@both
def test_a_camera_that_hangs_in_the_middle_is_noticed_in_time(camera, act):
    server = camera(act(20, then=silence), act(200))
    seen = Watched(uri_of(act, server), 40)
    assert seen.troubles == [f"no picture for {STALL_S} s"]
    assert STALL_S <= seen.account.longest_gap_s < STALL_S + 3
    assert (seen.account.gaps, seen.account.reconnects) == (1, 1)


@both
def test_a_camera_that_accepts_and_says_nothing_is_given_up_in_time(camera, act):
    server = camera(silence, silence, act(200))
    began_s = time.monotonic()
    seen = Watched(uri_of(act, server), 10)
    assert time.monotonic() - began_s < 2 * 2 * OPEN_S + 3
    assert len(seen.troubles) == 2
    assert all("no answer in time" in trouble for trouble in seen.troubles)
    assert "geheim" not in "".join(seen.troubles)
    assert seen.account.gaps == 0


@both
def test_noise_instead_of_a_stream_is_survived(camera, act):
    server = camera(garbage, act(20, then=garbage), act(200))
    seen = Watched(uri_of(act, server), 50)
    assert len(seen.troubles) >= 2
    assert seen.account.reconnects >= 1
    assert [f.index for f in seen.frames] == sorted({f.index for f in seen.frames})


@both
def test_another_size_after_a_reconnect_is_taken_as_it_comes(camera, act):
    server = camera(act(20), act(200, size=(96, 80)))
    seen = Watched(uri_of(act, server), 40)
    sizes = [(f.width, f.height) for f in seen.frames]
    assert set(sizes) == {(64, 48), (96, 80)}
    assert sizes == sorted(sizes)
    assert all(f.pixels().shape == (f.height, f.width, 3) for f in seen.frames)
    segments = Segments(0, has_one_size=True)
    numbers = [segments.of(f.part, (f.width, f.height)) for f in seen.frames]
    assert sorted(set(numbers)) == [0, 1]


def test_pictures_may_come_by_udp(camera):
    server = camera(rtsp(40), rtsp(400))
    seen = Watched(f"rtsp://127.0.0.1:{server.port}/live", 60, transport="udp")
    assert [f.index for f in seen.frames] == list(range(60))
    assert (seen.account.gaps, seen.account.reconnects) == (1, 1)


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_camera_whose_clock_jumps_keeps_its_time(camera, jump_s):
    server = camera(rtsp(80, jump_s=jump_s))
    seen = Watched(f"rtsp://127.0.0.1:{server.port}/live", 70)
    times = [f.pts_s for f in seen.frames]
    assert times == sorted(times)
    assert times[-1] < 20
    assert len(set(times)) > 60
    assert seen.account.clock_jumps == 1
    assert set(seen.parts) == {0}


def test_time_of_a_web_camera_is_that_of_its_pictures_arrival(camera):
    server = camera(mjpeg(200, fps=5))
    seen = Watched(f"http://127.0.0.1:{server.port}/live", 6)
    assert seen.frames[-1].pts_s - seen.frames[0].pts_s == pytest.approx(1.0, abs=0.6)


def test_a_file_that_was_taken_for_a_camera_is_an_error_that_names_the_key(camera, clip):
    def serve(server, connection):
        connection.recv(4096)
        body = clip.read_bytes()
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    server = camera(serve)
    with pytest.raises(ConfigError, match=r"expected a camera, got a recording.*live: false"):
        Watched(f"http://127.0.0.1:{server.port}/clip?id=3", 1, open_timeout=10.0)
