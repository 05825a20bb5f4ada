"""Fixtures for the whole suite."""

import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))  # fuzz checks are shared with a script


@pytest.fixture
def tmp_path(tmp_path_factory):
    """A folder with a short name: a socket's path may have 107 bytes, and workers of xdist add."""
    return tmp_path_factory.mktemp("t")


@pytest.fixture(autouse=True)
def no_thread_left_behind():
    """A test that leaves a stage running would disturb the next one."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and "/" in t.name]
    for thread in left:
        thread.join(timeout=5)
    assert [t.name for t in left if t.is_alive()] == []
