"""Network sources that do not answer."""

import http.server
import socket
import threading

import cv2
import numpy as np
import pytest

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers import ResumePoint, open_reader


@pytest.fixture
def silent_server():
    """Accepts and says nothing: the camera that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []

        def accept():
            try:
                while True:
                    accepted.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in accepted:
            connection.close()


def test_a_camera_that_says_nothing_is_given_up(silent_server):
    uri = f"rtsp://user:secret@{silent_server}/stream"
    reader = open_reader(SourceConfig(uri=uri, open_timeout=0.3))
    with pytest.raises(SourceError, match=r"no usable answer|no answer in time") as refused:
        next(reader.frames())
    assert "secret" not in str(refused.value)
    assert f"rtsp://***@{silent_server}/stream" in str(refused.value)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_nobody_listening_is_an_error_at_once(scheme):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reader = open_reader(SourceConfig(uri=f"{scheme}://127.0.0.1:{port}/stream"))
    with pytest.raises(SourceError, match="Connection refused"):
        next(reader.frames())


@pytest.fixture
def jpeg_camera():
    """A web camera: pictures in one endless answer, here ten of them."""
    _, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), (0, 0, 200), np.uint8))

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # http.server's name
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
            self.end_headers()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {jpeg.size}\r\n\r\n"
            for _ in range(10):
                self.wfile.write(head.encode() + jpeg.tobytes() + b"\r\n")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/live"
        server.shutdown()
        thread.join(10)


def test_a_stream_without_a_length_goes_on_from_now_after_a_restart(jpeg_camera):
    reader = open_reader(SourceConfig(uri=jpeg_camera))
    whole = list(reader.frames())
    assert [frame.index for frame in whole] == list(range(10))
    assert (whole[0].pixels().mean((0, 1)) - (200, 0, 0)).max() < 5
    rest = list(reader.frames(ResumePoint(100, 4.0)))
    assert [frame.index for frame in rest] == list(range(101, 111))
    assert rest[0].pts_s > 4.0
