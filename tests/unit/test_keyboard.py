"""Keys from a real pseudo-terminal."""

import os
import select
import termios

import pytest

from pipeline.ui.keyboard import Keyboard, keyboard_if_any, terminal_kept


@pytest.fixture
def terminal():
    master, slave = os.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def test_keys_come_one_by_one_without_enter_or_echo(terminal):
    master, slave = terminal
    with Keyboard(slave) as keyboard:
        assert keyboard.pressed() == []
        os.write(master, b"pf+")
        assert select.select([keyboard.fileno()], [], [], 5)[0]
        assert keyboard.pressed() == ["p", "f", "+"]
        assert not select.select([master], [], [], 0)[0], "keys are not echoed"


def test_arrows_and_broken_text_are_no_keys(terminal):
    master, slave = terminal
    with Keyboard(slave) as keyboard:
        for text in (b"\x1b[A", b"\xff\xfe"):
            os.write(master, text)
            assert select.select([keyboard.fileno()], [], [], 5)[0]
            assert keyboard.pressed() == []


def test_ctrl_c_is_still_a_signal_and_the_terminal_is_given_back(terminal):
    _, slave = terminal
    before = termios.tcgetattr(slave)
    with Keyboard(slave):
        during = termios.tcgetattr(slave)
        assert during[3] & termios.ISIG
        assert not during[3] & termios.ICANON
    assert termios.tcgetattr(slave) == before


def test_what_is_no_terminal_has_no_keys():
    read, write = os.pipe()
    try:
        with keyboard_if_any(read) as keyboard:
            assert keyboard is None
    finally:
        os.close(read)
        os.close(write)


def test_a_killed_screen_leaves_no_trace(terminal):
    master, slave = terminal
    before = termios.tcgetattr(slave)
    with terminal_kept(slave):
        lost = Keyboard(slave)
        lost.__enter__()  # and is killed
        os.close(lost.fileno())
    assert termios.tcgetattr(slave) == before
    assert b"\x1b[?1049l\x1b[?25h" in os.read(master, 1000)
