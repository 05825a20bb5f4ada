import subprocess
import sys

import pytest

from pipeline.redact import redact, redact_literals


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://user:pass@camera:554/stream", "rtsp://***@camera:554/stream"),
        ("rtsp://user@camera/stream", "rtsp://***@camera/stream"),
        ("rtsp://user:p/w#1?@camera/s", "rtsp://***@camera/s"),
        ("http://host:8080/user@home/v.mp4", "http://host:8080/user@home/v.mp4"),
        ("RTSPS://u:p@ss@w0rd@camera/s", "RTSPS://***@camera/s"),
        ("http://host/v.mjpg?token=abc&fps=5", "http://host/v.mjpg?token=***&fps=5"),
        ("http://host/v?user=me&password=x%26y", "http://host/v?user=***&password=***"),
        ("http://host/v?api_key=1&access_token=2", "http://host/v?api_key=***&access_token=***"),
        ("http://host/v?sig=a.b&X-Amz-Signature=c", "http://host/v?sig=***&X-Amz-Signature=***"),
        ("http://host/v?pwd=a#t=3", "http://host/v?pwd=***#t=3"),
        ("http://cam/v?loginuse=a&loginpas=b&n=1", "http://cam/v?loginuse=***&loginpas=***&n=1"),
        ("rtsp://cam/?loginuse=a&loginpas=secret", "rtsp://cam/?loginuse=***&loginpas=***"),
        ("http://cam/v?username=a&pas=b&size=3", "http://cam/v?username=***&pas=***&size=3"),
        ("rtsp://cam/v?passwd=a_b=c&channel=1", "rtsp://cam/v?passwd=***&channel=1"),
        (
            "rtsp://cam:554/user=admin_password=s/e&cret_channel=1_stream=0.sdp?real_stream",
            "rtsp://cam:554/user=***_password=***&cret_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "rtsp://cam/user=admin_password=secret_channel=1",
            "rtsp://cam/user=***_password=***_channel=1",
        ),
        ("rtsp://cam/user=a&pwd=b&channel=1", "rtsp://cam/user=***&pwd=***&channel=1"),
        (
            "rtsp://cam/?channel=1_passwd=p@ss_b_stream=0",
            "rtsp://cam/?channel=1_passwd=***_stream=0",
        ),
        ("rtsp://cam/live/token=abc", "rtsp://cam/live/token=***"),
        ("rtsp://cam/keyframes_monitor=1", "rtsp://cam/keyframes_monitor=1"),
        ("images:///data/session=3/user=7", "images:///data/session=3/user=7"),
        ("file://localhost/data/session=3/a.mp4", "file://localhost/data/session=3/a.mp4"),
        ("/data/session=3/a.mp4", "/data/session=3/a.mp4"),
        ("clips/a@b.mp4", "clips/a@b.mp4"),
        ("http://host/user@home/v.mp4?fps=5", "http://host/user@home/v.mp4?fps=5"),
        ("images:///data/monkeys", "images:///data/monkeys"),
        ("0", "0"),
    ],
)
def test_credentials_become_stars_and_the_rest_stays(uri, shown):
    assert redact(uri) == shown


def test_a_log_line_with_several_uris_is_cleaned():
    line = "cannot open rtsp://a:b@c/d and http://e:f@g/h?key=i today"
    assert redact(line) == "cannot open rtsp://***@c/d and http://***@g/h?key=*** today"


def test_redacting_twice_changes_nothing():
    once = redact("rtsp://user:pass@camera/s?token=1")
    assert redact(once) == once


LONG = """
from pipeline.redact import redact
parts = "a a. :// ://a a://b: ://a:1 @ ? ?key key _pwd pwd= _pwd= &user= /user=".split()
for part in parts:
    text = 100_000 // len(part) * part
    for begin in ("", "rtsp://", "?"):
        redact(begin + text)
print("done")
"""


def test_a_long_text_takes_no_longer_than_its_length():
    """Milliseconds a text; what looks at each letter from each letter takes minutes."""
    command = [sys.executable, "-c", LONG]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.stdout, ended.stderr) == ("done\n", "")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://viewer:${PASSWORD}@cam/stream", "rtsp://viewer:${PASSWORD}@cam/stream"),
        ("rtsp://${USER}:${PW}@h/?token=${T}&x=1", "rtsp://${USER}:${PW}@h/?token=${T}&x=1"),
        ("rtsp://${TOKEN}@h/s", "rtsp://${TOKEN}@h/s"),
        ("rtsp://admin:hunter2@${IP}/s?token=abc", "rtsp://***@${IP}/s?token=***"),
        ("rtsp://u:a${PW}@h/s", "rtsp://***@h/s"),
        ("http://h/password=${P}_pwd=x", "http://h/password=${P}_pwd=***"),
        ("rtsp://u:pw@h/s", "rtsp://***@h/s"),
        ("${HOME}/lot.mp4", "${HOME}/lot.mp4"),
    ],
)
def test_what_stands_for_a_secret_stays_and_a_literal_one_beside_it_does_not(uri, shown):
    assert redact_literals(uri) == shown
