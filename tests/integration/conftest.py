"""What whole runs need: a tiny model, short clips, and a way to start and read a run."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from dart_stream.macs import Macs
from dart_stream.model_dir import Architecture, ModelInfo, PixelStatistics, write_model_dir
from pipeline.cli.main import main

TINY = {
    "stages": [[8], [8], [8]],
    "strides": [1, 2, 2],
    "stem": [8],
    "stem_strides": [2],
    "heads": [],
}
CLASSES = ["car", "van", "bus", "truck"]
AGREEING = 1
"""A seed with which exit 0 of an untrained model answers as the last one seven times in ten."""
POLICY = {
    "format_version": 1,
    "frontier": [],
    "chosen": {"kind": "fixed", "thresholds": [0.3, 0.3]},
    "certificate": None,
    "selection": {},
}


def pytest_collection_modifyitems(items):
    """One that starts torch in a process of its own is slower than the rest of the suite."""
    for item in items:
        if item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """An untrained model directory, 16x16 pictures, three exits."""
    return _write_untrained(tmp_path_factory.mktemp("model") / "tiny", seed=0)


@pytest.fixture(scope="session")
def adaptive_model(tmp_path_factory):
    """Another one, whose early exits agree with the last, calibrated on the clean world."""
    untrained = _write_untrained(tmp_path_factory.mktemp("model") / "tiny", seed=AGREEING)
    out = tmp_path_factory.mktemp("adaptive") / "model"
    source = "synthetic://?frames=600&width=32&height=32"
    words = ["--model", str(untrained), "--source", source, "--out", str(out), "--quiet"]
    assert main(["calibrate", *words, "--precision", "fp32"]) == 0
    return out


def _write_untrained(directory, seed):
    import torch

    from dart_stream.models import create_model

    torch.manual_seed(seed)
    network = create_model("dartnet", num_classes=len(CLASSES), input_size=(16, 16), **TINY)
    info = ModelInfo(
        name="tiny",
        architecture=Architecture("dartnet", TINY),
        classes=CLASSES,
        input_size=(16, 16),
        resize="stretch",
        normalisation=PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        temperatures=[1.0] * 3,
        difficulty=None,
        macs=Macs(stages=[100, 100, 100], heads=[1, 1, 1]),
        data="none",
        recipe={},
        figures={},
    )
    write_model_dir(directory, info, network.state_dict(), POLICY)
    return directory


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory):
    """Write a small H.264 file once per length."""
    folder = tmp_path_factory.mktemp("clips")

    def _make(frames=60, fps=25):
        path = folder / f"{frames}x{fps}.mp4"
        if not path.exists():
            _write_clip(path, frames, fps)
        return path

    return _make


def _write_clip(path, frames, fps):
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 12
        for number in range(frames):
            picture = np.full((48, 64, 3), 40 + number, np.uint8)
            picture[10:30, number % 40 : number % 40 + 16] = (200, 30, 30)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        output.mux(stream.encode())


@pytest.fixture
def clip(make_clip):
    """Sixty frames, 2.4 s."""
    return make_clip()


@pytest.fixture(scope="session")
def kill_drill():
    """The drill of `tools/`, so that what it measures and what is tested are the same."""
    path = Path(__file__).parents[2] / "tools" / "kill_drill.py"
    spec = importlib.util.spec_from_file_location("kill_drill", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_drill"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_threads(tiny_model, tmp_path):
    """Run sources to their end in this process; gives status, records by source and summary."""

    def _run(sources, *settings, out=tmp_path / "out"):
        arguments = ["run", "--headless", "--out", str(out)]
        for name, uri in sources.items():
            arguments += ["--source", f"{name}={uri}"]
        for setting in (f"model.name={tiny_model}", "model.precision=fp32", *settings):
            arguments += ["--set", setting]
        status = main([*arguments, "--set", "runtime.type=threads"])
        return read_run(out, status)

    return _run


def read_run(out, status=None):
    """What a run left: records by source (the end record last), summary, log."""
    records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    by_source = {}
    for record in records:
        by_source.setdefault(record["source"], []).append(record)
    return SimpleNamespace(
        out=out,
        status=status,
        records=by_source,
        lines=records,
        frames={
            name: [r["frame"] for r in found if "event" not in r]
            for name, found in by_source.items()
        },
        ends={name: found[-1] for name, found in by_source.items() if "event" in found[-1]},
        summary=json.loads((out / "summary.json").read_text()),
        log=(out / "run.log").read_text(),
    )


@pytest.fixture(scope="session")
def read():
    """`read_run`, for test modules."""
    return read_run
