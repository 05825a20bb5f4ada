"""Freed memory goes back to the system."""

import ctypes
import gc
import threading
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


def test_a_thread_gives_back_until_it_is_told_to_stop(monkeypatch):
    stopping, calls = threading.Event(), []

    def give_back():
        calls.append(1)
        if len(calls) == 3:
            stopping.set()

    monkeypatch.setattr(heap, "give_back", give_back)
    heap.give_back_until(stopping, interval_s=0.001)
    assert len(calls) == 3


@pytest.fixture
def looked_up_anew():
    heap._malloc_trim.cache_clear()
    yield
    heap._malloc_trim.cache_clear()


@pytest.mark.usefixtures("looked_up_anew")
def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    heap.give_back()


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
