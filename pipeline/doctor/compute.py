"""What the network runs on: torch, CUDA, bf16, and the model itself. The only part with torch."""

import os
import time
from pathlib import Path
from typing import Final

import numpy as np

from dart_stream.errors import DartStreamError
from pipeline.doctor.check import Check

_BF16_FLAGS: Final = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16")
"""As /proc/cpuinfo calls them: Intel matrix units and vectors, Arm."""
_BATCH: Final = 32
_REPEATS: Final = 5


def torch_device() -> Check:
    """The device that `auto` takes, and a GPU that torch cannot use."""
    import torch

    version = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return Check("torch", f"{version}, CUDA {torch.version.cuda}: {', '.join(names)}")
    if Path("/proc/driver/nvidia/version").exists():
        built = torch.version.cuda or "no CUDA"
        advice = "install the torch build for this driver's CUDA version"
        return Check("torch", f"{version} ({built}) cannot use the GPU here", "warn", advice)
    return Check("torch", f"{version}, CPU (no CUDA device)")


def bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """Whether the hardware computes bf16 by itself; the engine measures what is faster."""
    import torch

    if torch.cuda.is_available():
        return Check("bf16", "yes (GPU)" if torch.cuda.is_bf16_supported() else "no: fp32 (GPU)")
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    found = [flag for flag in _BF16_FLAGS if flag in words]
    return Check("bf16", f"yes ({', '.join(found)})" if found else "no: fp32 (CPU)")


def model_runs(name: str) -> Check:
    """Load a model as a worker does, and classify a batch of random pictures to full depth."""
    from dart_stream.engine import Engine, staged_model
    from dart_stream.model_dir import load_network, read_info, resolve

    try:
        directory = resolve(name)
        info = read_info(directory)
        network = load_network(directory, info)
        engine = Engine(staged_model(info, network), threads=len(os.sched_getaffinity(0)))
    except DartStreamError as error:
        advice = "give --model a directory, train one (dart-stream train), or install again"
        return Check("model", str(error), "fail", advice)
    pictures = np.random.default_rng(0).integers(
        0, 256, size=(_BATCH, *info.input_size, 3), dtype=np.uint8
    )
    engine.all_exits(pictures)
    times_s = []
    for _ in range(_REPEATS):
        begin_s = time.perf_counter()
        engine.all_exits(pictures)
        times_s.append(time.perf_counter() - begin_s)
    rate = _BATCH / sorted(times_s)[_REPEATS // 2]
    return Check(
        "model",
        f"{info.name}: {rate:,.0f} regions/s, all exits, batch {_BATCH}; {engine.description}",
    )
