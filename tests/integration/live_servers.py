"""Cameras for tests: real sockets, and a script of what each connection gets."""

import base64
import contextlib
import functools
import os
import re
import socket
import struct
import threading
from fractions import Fraction

import av
import cv2
import numpy as np

FPS = 50
CLOCK_HZ = 90_000


class CameraServer:
    """Listens on a port of its own; connection n is served by act n, those after by the last.

    An act takes this server and the connection; when it returns, the server hangs up.
    """

    def __init__(self, *acts):
        self._acts = list(acts)
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while not self._closing.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            act = self._acts[min(self.connections, len(self._acts) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(act, connection))
            self._threads.append(thread)
            thread.start()

    def _serve(self, act, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            act(self, connection)

    def wait(self, seconds):
        """Pass time; raises OSError when the server closes, which ends an act."""
        if self._closing.wait(seconds):
            raise ConnectionAbortedError

    def close(self):
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(25)


# --- acts of any camera ---------------------------------------------------------------------------


def silence(server, connection):
    """Accepts, and never sends anything."""
    server.wait(60)


def garbage(server, connection):
    """Answers whatever is asked with noise."""
    connection.recv(4096)
    for _ in range(40):
        connection.sendall(os.urandom(1024))


# --- a web camera ---------------------------------------------------------------------------------


@functools.cache
def jpeg(size, level):
    width, height = size
    picture = np.full((height, width, 3), level, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def mjpeg(count, size=(64, 48), then=None, fps=FPS):
    """So many pictures in one endless answer, and then another act on the same connection."""

    def act(server, connection):
        connection.recv(4096)
        head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=next\r\n\r\n"
        connection.sendall(head.encode())
        for number in range(count):
            body = jpeg(size, number % 200)
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body + b"\r\n")
            server.wait(1 / fps)
        if then is not None:
            then(server, connection)

    return act


# --- an RTSP camera -------------------------------------------------------------------------------


@functools.cache
def h264(size, count):
    """Units of each picture, small enough for one packet; a key frame every tenth."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.options = {
        "tune": "zerolatency",
        "x264-params": "slice-max-size=1200:keyint=10:min-keyint=10:repeat-headers=1:bframes=0",
    }
    pictures = []
    for number in range(count):
        picture = np.full((size[1], size[0], 3), 40 + number % 100, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture)
        frame.pts = number
        pictures += encoder.encode(frame)
    pictures += encoder.encode(None)
    return [re.split(rb"\x00\x00\x00?\x01", bytes(each))[1:] for each in pictures]


def rtsp(count, size=(64, 48), then=None, jump_s=None):
    """So many pictures; `jump_s` makes the camera's clock jump in the middle."""

    def act(server, connection):
        pictures = h264(size, count)
        send = _play_is_asked(server, connection, pictures)
        with send:
            sequence = 0
            for number, units in enumerate(pictures):
                jumped_s = jump_s if jump_s is not None and number >= count // 2 else 0
                stamp = int((1_000_000 + number / FPS + jumped_s) * CLOCK_HZ) % 2**32
                for place, unit in enumerate(units):
                    last = place == len(units) - 1
                    head = struct.pack(">BBHII", 0x80, 96 | last << 7, sequence % 2**16, stamp, 7)
                    send(head + unit)
                    sequence += 1
                server.wait(1 / FPS)
            if then is not None:
                then(server, connection)

    return act


class _Sender(contextlib.AbstractContextManager):
    """Packets in the control connection, or by UDP."""

    def __init__(self, connection, udp_port):
        self._connection = connection
        self._udp = None
        if udp_port is not None:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.connect(("127.0.0.1", udp_port))

    def __call__(self, packet):
        if self._udp is not None:
            self._udp.send(packet)
        else:
            self._connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

    def __exit__(self, *_):
        if self._udp is not None:
            self._udp.close()


def _play_is_asked(server, connection, pictures):
    """Answer requests up to PLAY."""
    udp_port = None
    asked = connection.makefile("rb")
    while True:
        lines = []
        while (line := asked.readline().strip()) or not lines:
            if not line:
                raise ConnectionAbortedError
            lines.append(line.decode())
        method, url, _ = lines[0].split()
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        answer, body = {}, ""
        if method == "DESCRIBE":
            body, answer["Content-Type"] = _sdp(pictures), "application/sdp"
            answer["Content-Base"] = url + "/"
        elif method == "SETUP":
            match = re.search(r"client_port=(\d+)", fields["Transport"])
            udp_port = int(match[1]) if match else None
            ports = ";server_port=50000-50001" if match else ""
            answer["Transport"] = fields["Transport"] + ports
        answer |= {"CSeq": fields["CSeq"], "Session": "1", "Content-Length": len(body.encode())}
        head = "".join(f"{key}: {value}\r\n" for key, value in answer.items())
        connection.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
        if method == "PLAY":
            return _Sender(connection, udp_port)


def _sdp(pictures):
    sets = ",".join(base64.b64encode(unit).decode() for unit in pictures[0][:2])
    return "\r\n".join(
        [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=camera",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "c=IN IP4 0.0.0.0",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}",
            "a=control:video",
            "",
        ]
    )
