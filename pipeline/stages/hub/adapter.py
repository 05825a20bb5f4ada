"""Adaptation in the hub: draws audits, is told of every answer, numbers policies, never fails.

No I/O and no clock. What it learns from is what it notes for the recording, in the same order, so
that whoever feeds the notes to another adapter of the same kind gets the same policies.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from dart_stream.adaptation import DartController, DartSettings, Start, dart_controller
from dart_stream.errors import DartStreamError, DataError
from dart_stream.exit_table import ExitTable
from dart_stream.policies import Policy, with_always_full
from pipeline.messages import RegionResult
from pipeline.stages.hub.coin import coin
from pipeline.stages.hub.held import Held
from pipeline.stages.hub.seen import Seen

STATE_VERSION: Final = 1


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a controller was made with: another one cannot go on from its state.

    Attributes:
        epsilon: largest share of answers that may differ from full depth.
        delta: chance of ever releasing a policy above it.
        audit_rate: probability of an audit while nothing is suspected.
        seed: of coins and of the controller's own choices.
    """

    epsilon: float
    delta: float = 0.05
    audit_rate: float = 0.03
    seed: int = 0

    def controller(self, calibration: ExitTable) -> DartController:
        """Make the controller.

        Raises:
            DataError: the calibration table cannot serve.
        """
        start = Start(
            calibration=calibration,
            costs=calibration.macs,
            epsilon=self.epsilon,
            delta=self.delta,
            seed=self.seed,
        )
        return dart_controller("dart", DartSettings(audit_probability=self.audit_rate), start)


class Adapter:
    """A controller among sources, coins and errors.

    Args:
        make: a fresh controller for such settings.
        settings: that it begins with.
        sources: names, in the order of the configuration.
        num_exits: of the model.
        full_macs: of the plain network.
        always_full: classes that run to full depth, rising.
    """

    def __init__(
        self,
        make: Callable[[AdapterSettings], DartController],
        settings: AdapterSettings,
        *,
        sources: Sequence[str],
        num_exits: int,
        full_macs: int,
        always_full: tuple[int, ...] = (),
    ) -> None:
        self.settings = settings
        self.failure: str | None = None
        """Why the policy is frozen."""
        self.notes: list[dict[str, Any]] = []
        """For the recording; taken by the hub."""
        self.words: list[str] = []
        """New alarms; taken by the hub."""
        self.held: Held | None = None
        """Set while a person holds the policy as it is."""
        self._make = make
        self._controller = make(settings)
        self._sources = list(sources)
        self._numbers = {name: number for number, name in enumerate(sources)}
        self._num_exits, self._full_macs = num_exits, full_macs
        self._segments: dict[str, int] = {}
        self._always_full = always_full
        self._deployed = self._controller.policy
        self._policy = with_always_full(self._deployed, always_full)
        self._alarms_told = self._controller.num_alarms

    @property
    def policy(self) -> Policy:
        """In force from now on; a new object when it changes. An error leaves the last one."""
        return self._policy

    @property
    def forces_full_depth(self) -> bool:
        """Every region is an audit."""
        watched = self.failure is None and self.held is None
        return watched and self._controller.forces_full_depth

    @property
    def controller(self) -> DartController | None:
        """For figures; None once the policy is frozen."""
        return None if self.failure is not None else self._controller

    @property
    def probability(self) -> float:
        """Of the coin of the next batch: 1 in a burst, 0 once an error has ended adaptation."""
        if self.failure is not None:
            return 0.0
        if self.held is not None:
            return self.settings.audit_rate
        return 1.0 if self._controller.forces_full_depth else self._controller.audit_probability

    def know(self, names: Sequence[str]) -> None:
        """Learn from these sources; each keeps the number that it had.

        Args:
            names: all so far, in the order in which they came.
        """
        self._sources = list(names)
        self._numbers = {name: number for number, name in enumerate(names)}

    def draws(self, source: str, frame: int, region: int, probability: float) -> bool:
        """Whether a region is audited. The coin sees its name only."""
        if probability >= 1.0:
            return True
        return coin(self.settings.seed, source, frame, region) < probability

    def take(
        self,
        answers: Sequence[tuple[str, int, RegionResult]],
        *,
        probability: float,
        time_ms: float,
    ) -> None:
        """Learn from a batch, in its order.

        Args:
            answers: source, segment of the source, and answer of each region.
            probability: of the coin when the batch was sent.
            time_ms: one region took on average.
        """
        if self.failure is not None or not answers:
            return
        if self.held is not None:
            self.held.see(result for _, _, result in answers)
            return
        self._protected(lambda: self._take(answers, probability, time_ms))

    def hold(self, words: str) -> None:
        """Keep the policy as it is, and learn nothing, until `release`; audits count anew."""
        self.held = Held(words, self._controller.regions)
        self.notes.append({"kind": "hold", "words": words})

    def release(self, words: str) -> None:
        """Go on: the world may be another one, so evidence begins anew."""
        if self.held is not None:
            self.held = None
            self.notes.append({"kind": "reset", "source": None, "words": words})
            self._protected(lambda: self._reset(words))

    def retune(self, settings: AdapterSettings, words: str) -> None:
        """Keep to other settings from here on; evidence begins anew. The same change nothing.

        Raises:
            DataError: the calibration table cannot serve them; nothing has changed.
        """
        if settings == self.settings:
            return
        self._make(settings)
        note = {"kind": "retune", "settings": msgspec.to_builtins(settings), "words": words}
        self.notes.append(note)
        self._protected(lambda: self._retune(settings, words))

    def replay(self, note: Mapping[str, Any]) -> None:
        """Do what a recorded note says was done. Other notes are passed over."""
        if note["kind"] == "seen":
            self._protected(lambda: self._learn(Seen.from_note(dict(note))))
        elif note["kind"] == "reset":
            self._protected(lambda: self._reset(note["words"]))
        elif note["kind"] == "retune":
            self._protected(lambda: self._retune(_settings(note), note["words"]))

    def to_state(self) -> dict[str, Any] | None:
        """All that `restore` needs, in plain values; None once the policy is frozen."""
        states: list[dict[str, Any]] = []
        if self.failure is None:
            self._protected(lambda: states.append(self._controller.to_state()))
        if not states:
            return None
        return {
            "state_version": STATE_VERSION,
            "settings": msgspec.to_builtins(self.settings),
            "controller": states[0],
        }

    def restore(self, state: Any, *, as_recorded: bool = False) -> None:
        """Go on where a state was taken.

        Args:
            state: of `to_state`.
            as_recorded: take its settings too, which a person may have changed in the run.

        Raises:
            DataError: it is damaged, or of another model or configuration; nothing has changed.
        """
        if not isinstance(state, Mapping) or state.get("state_version") != STATE_VERSION:
            raise DataError(f"adapter state: expected one of version {STATE_VERSION}")
        if as_recorded:
            self.settings = _settings(state)
            self._controller = self._make(self.settings)
        settings = msgspec.to_builtins(self.settings)
        if state.get("settings") != settings:
            raise DataError(
                f"adapter state: expected settings {settings}, got {state.get('settings')}"
            )
        before = self._controller, self._deployed, self._policy
        try:
            self._controller = self._controller.from_state(state.get("controller", {}))
            self._deploy()
            self._alarms_told = self._controller.num_alarms
        except DataError:
            raise
        except (
            Exception
        ) as error:  # a sound state of another version must not keep a run from starting
            self._controller, self._deployed, self._policy = before
            raise DataError(f"adapter state: {type(error).__name__}: {error}") from error

    def _take(
        self, answers: Sequence[tuple[str, int, RegionResult]], probability: float, time_ms: float
    ) -> None:
        """Learn from stretches between breaks, each before the next break."""
        begin = 0
        for end, (source, segment, _) in enumerate(answers):
            if self._is_break(source, segment):
                self._see(answers[begin:end], probability, time_ms)
                begin = end
                words = f"{source}: its pictures come from a new connection or in another size"
                self.notes.append({"kind": "reset", "source": source, "words": words})
                self._reset(words)
        self._see(answers[begin:], probability, time_ms)

    def _see(
        self, answers: Sequence[tuple[str, int, RegionResult]], probability: float, time_ms: float
    ) -> None:
        if not answers:
            return
        rows = [(self._numbers[source], result) for source, _, result in answers]
        seen = Seen.of(rows, probability=probability, time_ms=time_ms, full_macs=self._full_macs)
        self.notes.append(seen.to_note())
        self._learn(seen)

    def _is_break(self, source: str, segment: int) -> bool:
        """The first segment of a source is none, and another worker may still answer an old one."""
        known = self._segments.setdefault(source, segment)
        self._segments[source] = max(known, segment)
        return segment > known

    def _learn(self, seen: Seen) -> None:
        for observation in seen.observations(self._sources, self._num_exits):
            self._controller.update(observation)
        self._tell_alarms()

    def _reset(self, words: str) -> None:
        self._controller.reset(words)
        self._tell_alarms()

    def _retune(self, settings: AdapterSettings, words: str) -> None:
        fresh = self._make(settings)
        fresh.go_on_counting(self._controller)
        self.settings, self._controller = settings, fresh
        self._reset(words)

    def _tell_alarms(self) -> None:
        controller = self._controller
        count = controller.num_alarms - self._alarms_told
        if count:
            self._alarms_told += count
            self.words += [
                f"adaptation: {alarm.kind}: {alarm.words} (region {alarm.at})"
                for alarm in controller.alarms[-count:]
            ]

    def _deploy(self) -> None:
        """Put the controller's policy in force, if it is another one."""
        if self._controller.policy is not self._deployed:
            self._deployed = self._controller.policy
            self._policy = with_always_full(self._deployed, self._always_full)

    def _protected(self, step: Callable[[], None]) -> None:
        """The stream goes on whatever happens here."""
        try:
            step()
            self._deploy()
        except Exception as error:  # noqa: BLE001  # a fault here must not cost a frame
            kind = "" if isinstance(error, DartStreamError) else f"{type(error).__name__}: "
            self.failure = f"{kind}{error}"
            self.words.append(f"adaptation: {self.failure}; the policy stays as it is from here on")


def _settings(record: Mapping[str, Any]) -> AdapterSettings:
    """Settings out of a recording.

    Raises:
        DataError: there are none, or others than these.
    """
    try:
        return msgspec.convert(record.get("settings"), AdapterSettings)
    except msgspec.ValidationError as error:
        raise DataError(f"adapter settings: {error}") from error
