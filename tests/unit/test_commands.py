"""Commands on the wire, from the command line and from keys."""

import random

import msgspec
import pytest
from sample_snapshot import sample_snapshot

from pipeline.cli.control import ACTIONS, parse
from pipeline.commands import (
    MAX_COMMAND_BYTES,
    Freeze,
    Label,
    Pause,
    Reload,
    Reply,
    Request,
    Resume,
    Rollback,
    Set,
    SourceAdd,
    SourceChange,
    SourceRemove,
    Stop,
    Unfreeze,
    decode_reply,
    decode_request,
    encode_command,
)
from pipeline.errors import ConfigError, PeerError
from pipeline.roles.keys import LIMITS, command_for, next_limit
from pipeline.snapshot import AdaptationSnap

COMMANDS = [
    *(Pause(), Resume(), Freeze(), Unfreeze(), Rollback(), Stop()),
    *(Set("policy.max_disagreement", 0.05), Label("cam", 7, 0, "cat")),
    *(SourceAdd("gate", ["uri=gate.mp4", "stride=2"]), SourceChange("gate", []), Reload()),
    SourceRemove("gate"),
]


class TestWire:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_what_is_sent_arrives(self, command):
        assert decode_request(encode_command(Request(3, command))) == Request(3, command)

    def test_replies_too(self):
        reply = Reply(4, ok=False, text="no")
        assert decode_reply(encode_command(reply)) == reply

    @pytest.mark.parametrize("seed", range(20))
    def test_garbage_is_refused_or_is_a_command(self, seed):
        generator = random.Random(seed)
        accepted = 0
        for _ in range(100):
            body = bytearray(encode_command(Request(3, generator.choice(COMMANDS))))
            for _ in range(generator.randint(1, 4)):
                body[generator.randrange(len(body))] = generator.randrange(256)
            try:
                request = decode_request(bytes(body))
            except PeerError:
                continue
            accepted += 1
            assert msgspec.convert(msgspec.to_builtins(request), Request) == request
        assert accepted < 100

    def test_a_huge_one_is_refused_unread(self):
        with pytest.raises(PeerError, match="at most 65536 bytes"):
            decode_request(b"\x91" * (MAX_COMMAND_BYTES + 1))


class TestCommandLine:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("pause", (None, Pause())),
            ("out1 resume", ("out1", Resume())),
            ("set policy.max_disagreement 0.05", (None, Set("policy.max_disagreement", 0.05))),
            ("label cam 7 cat", (None, Label("cam", 7, 0, "cat"))),
            ("out1 label cam 7 2 cat", ("out1", Label("cam", 7, 2, "cat"))),
            *(
                (name, (None, command))
                for name, command in (
                    ("freeze", Freeze()),
                    ("unfreeze", Unfreeze()),
                    ("rollback", Rollback()),
                    ("stop", Stop()),
                )
            ),
        ],
    )
    def test_words_become_a_command(self, words, expected):
        assert parse(words.split()) == expected

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("jump", "control: expected one of pause, .*, stop, got 'jump'"),
            ("out1", "got 'out1'"),
            ("pause now", "control pause: expected nothing more, got now"),
            ("set policy.max_disagreement", "control set: expected KEY VALUE, got policy.max_"),
            ("set policy.max_disagreement much", "expected a number, got 'much'"),
            ("label cam x cat", "expected numbers for frame and region, got 'x'"),
            (f"label cam {'9' * 40} cat", "expected numbers for frame and region, got '9999"),
            ("label cam -1 cat", "expected numbers for frame and region, got '-1'"),
            ("label cam", r"control label: expected SOURCE FRAME \[REGION\] LABEL, got cam"),
        ],
    )
    def test_others_are_refused_in_a_line(self, words, reason):
        with pytest.raises(ConfigError, match=reason):
            parse(words.split())

    def test_every_command_can_be_typed(self):
        assert len(ACTIONS) == len(COMMANDS) == 12


class TestKeys:
    def snapshot(self, state="running", **adaptation):
        return sample_snapshot(
            state=state, adaptation=AdaptationSnap(epsilon=0.02, confidence=0.95, **adaptation)
        )

    def test_p_and_f_turn_over(self):
        assert command_for("p", self.snapshot()) == Pause()
        assert command_for("p", self.snapshot("paused")) == Resume()
        assert command_for("f", self.snapshot()) == Freeze()
        assert command_for("f", self.snapshot(held="frozen by hand")) == Unfreeze()

    def test_others(self):
        assert command_for("r", self.snapshot()) == Rollback()
        assert command_for("+", self.snapshot()) == Set("policy.max_disagreement", 0.03)
        assert command_for("-", self.snapshot()) == Set("policy.max_disagreement", 0.015)
        assert command_for("x", self.snapshot()) is None

    def test_at_the_last_limit_the_run_is_asked_and_says_that_it_holds_already(self):
        at_top = sample_snapshot(adaptation=AdaptationSnap(epsilon=LIMITS[-1], confidence=0.95))
        assert command_for("+", at_top) == Set("policy.max_disagreement", LIMITS[-1])

    def test_limits_end_somewhere_and_take_any_number(self):
        assert next_limit(LIMITS[-1], up=True) == LIMITS[-1]
        assert next_limit(LIMITS[0], up=False) == LIMITS[0]
        assert next_limit(0.001, up=False) == 0.001
        assert next_limit(0.3, up=True) == 0.3
        assert next_limit(0.025, up=True) == 0.03
        assert next_limit(0.025, up=False) == 0.02
