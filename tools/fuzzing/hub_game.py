"""A real hub among honest children and somebody who sends it mutated and old messages.

The children are played here, so that a hundred thousand messages take a minute: readers send
against credit, workers answer in turn, sinks acknowledge, and whoever the hub kills comes back.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import msgspec

from fuzzing.mutation import case
from fuzzing.report import Report
from fuzzing.wire import mutated
from pipeline import messages as m
from pipeline.config import SourceConfig
from pipeline.errors import PeerError, StageError
from pipeline.messages import AnyMessage
from pipeline.results import EndRecord, RegionRecord
from pipeline.stages.hub import Hub, HubPlan, Kill, Send, SourcePlan

SOURCES = ("lot", "gate")
EXITS, CLASSES, CROP, FRAMES, SLOTS = 3, 4, 12, 40, 12
LOT = SourcePlan(
    name="lot", config=SourceConfig(uri="lot"), credits=6, has_deadline=True, ring_slots=SLOTS
)
GATE = SourcePlan(
    name="gate", config=SourceConfig(uri="gate"), credits=6, always_full=True, ring_slots=0
)
_HISTORY = 400
_PER_TURN = 100
"""Intrusions between two honest turns; a game has some twenty of these."""


class HubGame:
    """One run from hello to the last record.

    Args:
        rng: chance.
        possessed: The intruder may also speak in the name of children that live, as a child that
            is out of its mind would. Frames may then be lost, but nothing else may happen.
    """

    def __init__(self, rng: random.Random, *, possessed: bool) -> None:
        self.rng, self.possessed = rng, possessed
        self.hub = Hub(
            HubPlan(
                sources=[LOT, GATE],
                workers=["0", "1"],
                sinks=["jsonl-0", "video-1"],
                labels=list("abcd"),
                num_exits=EXITS,
                full_macs=100,
                crop_bytes=CROP,
                policy_version=1,
                policy_body={"kind": "full"},
                max_batch=5,
                region_deadline_ns=50_000_000,
                draws={"video-1": "lot"},
            )
        )
        self.now_ns = 1_000_000_000
        self.living: dict[str, Player] = {}
        self.dead: list[str] = ["worker/7#0", "reader/nobody#3"]
        self.incarnations: dict[tuple[str, str], int] = {}
        self.history: deque[tuple[str, bytes, bytes]] = deque(maxlen=_HISTORY)
        self.written: dict[str, list[dict]] = {"jsonl-0": [], "video-1": []}
        self.refused = self.accepted = 0
        for role, names in (
            ("reader", SOURCES),
            ("worker", ("0", "1")),
            ("sink", ("jsonl-0", "video-1")),
        ):
            for name in names:
                self.start(role, name)

    def start(self, role: str, name: str) -> None:
        """A new incarnation of a child."""
        number = self.incarnations[role, name] = self.incarnations.get((role, name), -1) + 1
        peer = f"{role}/{name}#{number}"
        self.hub.child_started(peer, role, name)
        player = Player(self, peer, role, name)
        self.living[peer] = player
        player.greet()

    def say(self, peer: str, message: AnyMessage, blob: bytes = b"") -> bool:
        """An honest child speaks; False if it is refused, because somebody else spoke for it."""
        header = m.encode(message)
        self.history.append((peer, header, blob))
        return self._receive(peer, header, blob)

    def intrude(self) -> tuple[bytes, bytes]:
        """Somebody sends something; returns it."""
        peer, header, blob = self.rng.choice(self.history)
        speaker = self._speaker(peer)
        if self.rng.random() < 0.8:
            header = mutated(header, self.rng, [one for _, one, _ in self.history])
        if self.rng.random() < 0.15:
            blob = blob[: self.rng.randrange(len(blob) + 1)] + b"\0" * self.rng.randrange(30)
        if self._receive(speaker, header, blob):
            self.accepted += 1
        else:
            self.refused += 1
        self.hub.check_ledger()
        return header, blob

    def step(self) -> None:
        """The hub acts, and so do its children."""
        self.now_ns += self.rng.choice((1_000_000, 1_000_000, 60_000_000))
        for action in self.hub.step(self.now_ns):
            if isinstance(action, Send) and action.peer in self.living:
                self.living[action.peer].inbox.append(action.message)
            elif isinstance(action, Kill) and action.peer in self.living:
                self._die(action.peer)
        for player in list(self.living.values()):
            if player.peer in self.living:
                player.act()
        self.hub.check_ledger()

    def _die(self, peer: str) -> None:
        player = self.living.pop(peer)
        self.dead.append(peer)
        self.hub.child_lost(peer)
        if player.role == "reader" and self.hub.sources[player.name].ended is not None:
            return
        if player.role == "sink" and self.hub.sinks[player.name].closed:
            return
        self.start(player.role, player.name)

    def _receive(self, peer: str, header: bytes, blob: bytes) -> bool:
        try:
            self.hub.receive(peer, m.decode_from_child(header), blob, self.now_ns)
        except PeerError:
            return False
        return True

    def _speaker(self, peer: str) -> str:
        if self.possessed and peer in self.living and self.rng.random() < 0.7:
            return peer
        return self.rng.choice([*self.dead, "", "stranger", f"{peer}x", "sink/jsonl-0#99"])

    def problems(self) -> list[str]:
        """What must never be, at the end."""
        found = []
        for name, source in self.hub.sources.items():
            records = [r for r in self.written["jsonl-0"] if r["source"] == name]
            frames = [record["frame"] for record in records if "event" not in record]
            if frames != sorted(set(frames)):
                found.append(f"{name}: frames doubled or out of order: {frames}")
            if not self.possessed and frames != list(range(FRAMES)):
                found.append(f"{name}: expected {FRAMES} frames, got {frames}")
            if len(source.window) > source.credits or len(source.filled) > 2 * SLOTS:
                found.append(f"{name}: more in flight than there is credit for")
        for record in self.written["jsonl-0"]:
            found += _unsound(record)
        return found


@dataclass(slots=True, eq=False)
class Player:
    """One honest child."""

    game: HubGame
    peer: str
    role: str
    name: str
    inbox: deque[AnyMessage] = field(default_factory=deque)
    credits: int = 0
    next_frame: int = 0
    captured: int = 0
    free: int = SLOTS
    next_slot: int = 0
    has_ended: bool = False
    newest: int = -1

    def greet(self) -> None:
        """Say hello, with what its role has to say."""
        about = {}
        if self.role == "reader":
            source = self.game.hub.sources[self.name]
            point = source.last_accepted
            self.next_frame = 0 if point is None else point.frame + 1
            self.captured = source.accepted_counters.captured
        if self.role == "sink" and self.name.startswith("jsonl"):
            held: dict[str, tuple[int, int]] = {}
            for record in self.game.written[self.name]:
                held[record["source"]] = (
                    (2**62, 0) if "event" in record else (record["frame"], record["region"])
                )
            about = {"keys": held}
        if self.role == "worker":
            about = {"description": "played", "precision": "fp32"}
        self.game.say(self.peer, m.Hello(self.role, self.name, 1, about=about))

    def act(self) -> None:
        """Do what it was told, and read on."""
        while self.inbox and self.peer in self.game.living:
            self._obey(self.inbox.popleft())
        if self.role == "reader":
            self._read()

    def _obey(self, message: AnyMessage) -> None:
        match message:
            case m.Credit():
                self.credits += message.frames
                self.free += message.slots
            case m.Batch():
                self._answer(message)
            case m.Records():
                self._write(message)
            case m.CloseSink():
                self.game.say(self.peer, m.Closed(message.seq))

    def _read(self) -> None:
        while self.credits and self.next_frame < FRAMES:
            slot = None
            if self.name == "lot" and self.free:
                slot, self.next_slot = self.next_slot, (self.next_slot + 1) % SLOTS
                self.free -= 1
            header = m.FrameHeader(
                self.next_frame,
                self.next_frame / 25,
                1_700_000_000_000_000_000,
                self.game.now_ns,
                1.0,
                [m.RegionHeader((0, 0, 4, 4))],
                slot=slot,
            )
            self.credits -= 1
            self.captured += 1
            self.next_frame += 1
            counters = m.Counters(self.captured)
            if not self.game.say(
                self.peer, m.Frames(self.name, [header], counters), b"\x07" * CROP
            ):
                return
        self.game.say(self.peer, m.ReaderStatus(self.name, m.Counters(self.captured), "running", 0))
        if self.next_frame >= FRAMES and not self.has_ended:
            self.has_ended = True
            self.game.say(
                self.peer, m.SourceEnded(self.name, "complete", m.Counters(self.captured))
            )

    def _answer(self, batch: m.Batch) -> None:
        full = set(batch.audit)
        results = [
            m.RegionResult(
                1,
                0.9,
                1,
                0.5,
                40,
                exit_label_ids=[1] * EXITS if number in full else [],
                exit_confidences=[0.5] * EXITS if number in full else [],
            )
            for number in range(batch.regions)
        ]
        self.game.say(self.peer, m.BatchDone(batch.batch, results, 1.0, 1.0))

    def _write(self, message: m.Records) -> None:
        if message.first_seq <= self.newest:
            return
        self.newest = message.first_seq + len(message.records) - 1
        self.game.written[self.name] += message.records
        self.game.say(self.peer, m.SinkAck(self.newest, len(self.game.written[self.name])))


def play(number: int, seed: int, report: Report, messages: int, *, possessed: bool) -> None:
    """One game with so many intrusions; what must not be is reported with its seed."""
    rng = case(seed, number)
    header = b""
    try:
        game = HubGame(rng, possessed=possessed)
        turns = 400
        for _ in range(turns):
            game.step()
            for _ in range(min(_PER_TURN, messages - game.refused - game.accepted)):
                header, _ = game.intrude()
                report.cases += 1
            if game.hub.is_done or game.hub.fatal:
                break
        else:
            if not possessed:
                report.failed(number, f"not done after {turns} turns", header)
        for problem in game.problems():
            report.failed(number, problem, header)
    except (Exception, StageError) as error:  # noqa: BLE001  # it is what is sought
        report.failed(number, f"{type(error).__name__}: {error}", header)
        return
    report.outcomes["refused"] += game.refused
    report.outcomes["accepted"] += game.accepted


def _unsound(record: dict) -> list[str]:
    try:
        body = msgspec.json.decode(msgspec.json.encode(record))
        msgspec.convert(body, EndRecord if "event" in record else RegionRecord)
    except msgspec.ValidationError as error:
        return [f"record outside its schema: {error}: {record}"]
    if "event" in record:
        return []
    known = record["source"] in SOURCES and record["label_id"] < CLASSES and record["exit"] < EXITS
    return [] if known else [f"record of what is not there: {record}"]
