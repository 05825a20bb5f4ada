"""`bench transport` with small pictures: two real processes, every path, in one run."""

import json
import sys

import pytest

from pipeline.bench.transport import measure
from pipeline.bench.transport.consumer_process import ConsumerProcess
from pipeline.bench.transport.lanes import PATHS, Block, ConsumerSpec
from pipeline.bench.transport.producer import make_pictures
from pipeline.cli.main import main
from pipeline.curve import make_keys
from pipeline.errors import StageError

pytestmark = pytest.mark.processes


def test_every_path_brings_every_picture_and_the_file_says_how_fast(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "SHAPES", {"16x8x3": (8, 16, 3), "64x48x3": (48, 64, 3)})
    monkeypatch.setattr(sys, "argv", ["dart-stream", "bench", "transport"])
    out = tmp_path / "t.json"
    assert main(["bench", "transport", "--rounds", "2", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["command"] == "dart-stream bench transport"
    assert found["n"] == 2
    assert {"host", "device", "threads", "precision", "torch", "other_cpu_share"} <= set(found)
    rows = found["rows"]
    assert [(row["shape"], row["path"]) for row in rows] == [
        (shape, path) for shape in ("16x8x3", "64x48x3") for path in PATHS
    ]
    for row in rows:
        assert 0 < row["p10_ms"] <= row["p50_ms"] <= row["p99_ms"] < 10_000
        assert 6 <= row["n"] <= 60
    speed = {row["path"]: row["gb_per_s"] for row in rows if row["shape"] == "64x48x3"}
    assert speed["memcpy"] > speed["curve"]
    printed = capsys.readouterr().out
    assert "memcpy times" in printed
    assert all(path in printed for path in PATHS)


def test_pictures_tell_themselves_apart():
    pictures = make_pictures((4, 5, 3))
    assert [(p[0, 0, 0], p[-1, -1, -1]) for p in pictures] == [(n, n) for n in range(4)]


def test_a_consumer_that_ends_is_named(tmp_path):
    make_keys(tmp_path / "k", [])
    spec = ConsumerSpec(str(tmp_path), str(tmp_path), str(tmp_path / "k" / "hub"))
    with ConsumerProcess(spec) as consumer:
        consumer._process.kill()
        consumer.begin(Block("shm"))
        with pytest.raises(StageError, match="the consumer ended with exit status -9"):
            consumer.done()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rounds", "0", "--out", "t.json"], "--rounds: expected 1 or more, got 0"),
        (["--out", "."], "--out: expected a file in a folder that can be written"),
    ],
)
def test_bad_flags_are_refused(capsys, arguments, line):
    assert main(["bench", "transport", *arguments]) == 2
    assert line in capsys.readouterr().err
