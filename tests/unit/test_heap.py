"""Freed memory goes back to the system."""

import ctypes
import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from pipeline import heap

MEGABYTE = 1 << 20


def anonymous_bytes():
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no line Anonymous")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_blocks_between_those_that_live_on_are_given_back():
    """Blocks below the size that malloc maps one by one, every second of which is freed."""
    blocks = [bytearray(b"x" * 65_000) for _ in range(1_000)]
    full = anonymous_bytes()
    del blocks[::2]
    heap.give_back()
    assert anonymous_bytes() < full - 20 * MEGABYTE


def test_a_thread_settles_once_and_gives_back_until_it_is_told_to_stop(monkeypatch):
    stopping, calls = threading.Event(), []

    def give_back():
        calls.append("give back")
        if calls.count("give back") == 3:
            stopping.set()

    monkeypatch.setattr(heap, "settle", lambda: calls.append("settle"))
    monkeypatch.setattr(heap, "give_back", give_back)
    heap.tidy_until(stopping, interval_s=0.001)
    assert calls == ["settle", *3 * ["give back"]]


def test_settling_leaves_only_what_comes_later_to_the_collector():
    class Circle:
        def __init__(self):
            self.me = self

    try:
        heap.settle()
        assert gc.get_freeze_count() > 1_000
        later = weakref.ref(Circle())
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()


_MALLOC = """
import ctypes, resource, sys
from pipeline.heap import keep_large_blocks, map_large_blocks
{"mapped": map_large_blocks, "kept": keep_large_blocks, "as it is": lambda: None}[sys.argv[1]]()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
"""


def number_printed(program, how):
    """Run a program in a process of its own, whose malloc is set that way."""
    command = [sys.executable, "-c", _MALLOC + program, how]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return int(said.stdout)


_LARGE = """
libc.free(libc.malloc(4 << 20))  # from now on malloc would lay blocks of this size among small ones
held = [libc.malloc(1 << 20) for _ in range(20)]

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    )]
libc.mallinfo2.restype = Info
print(libc.mallinfo2().hblks)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
@pytest.mark.parametrize(("how", "mapped"), [("mapped", True), ("as it is", False)])
def test_large_blocks_come_from_the_system_one_by_one(how, mapped):
    assert (number_printed(_LARGE, how) >= 20) is mapped


_TAKEN_AGAIN = """
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def layers():
    blocks = [libc.malloc(4 << 20) for _ in range(4)]
    for block in blocks:
        libc.memset(block, 1, 4 << 20)
    for block in blocks:
        libc.free(block)

layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    layers()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
@pytest.mark.parametrize(("how", "kept"), [("kept", True), ("as it is", False)])
def test_large_blocks_are_kept_for_the_next_ones(how, kept):
    """Each round touches 4,096 pages, or 32 where the system has huge ones."""
    assert (number_printed(_TAKEN_AGAIN, how) < 5 * 8) is kept


@pytest.fixture
def looked_up_anew():
    heap._malloc_trim.cache_clear()
    yield
    heap._malloc_trim.cache_clear()


@pytest.mark.usefixtures("looked_up_anew")
def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    heap.give_back()
    heap.map_large_blocks()
    heap.keep_large_blocks()


def test_giving_back_leaves_nothing_for_the_collector():
    """It runs once a minute for months, in processes that make too little garbage to collect."""
    heap.give_back()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            heap.give_back()
        assert gc.collect() == 0
    finally:
        gc.enable()
