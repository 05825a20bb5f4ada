"""Network sources that do not answer."""

import socket
import threading

import pytest

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers import open_reader, rtsp


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


def test_a_camera_that_says_nothing_is_given_up(silent_server, monkeypatch):
    monkeypatch.setattr(rtsp, "_TIMEOUT_S", 0.3)
    reader = open_reader(SourceConfig(uri=f"rtsp://user:secret@{silent_server}/stream"))
    with pytest.raises(SourceError, match="no usable answer|no answer in time") as refused:
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
