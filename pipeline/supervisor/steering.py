"""Obeys commands to a running pipeline."""

from collections.abc import Callable
from typing import Final

import msgspec

from dart_stream.errors import DataError
from pipeline.commands import (
    AnyCommand,
    Freeze,
    Label,
    Pause,
    Reload,
    Resume,
    Rollback,
    Set,
    SourceAdd,
    SourceChange,
    SourceCommand,
    SourceRemove,
    Stop,
    Unfreeze,
)
from pipeline.config import AdaptationConfig, PolicyConfig
from pipeline.errors import CommandError
from pipeline.stages.hub import Hub

SETTINGS: Final = {
    "policy.max_disagreement": ("epsilon", PolicyConfig, "max_disagreement"),
    "adaptation.audit_rate": ("audit_rate", AdaptationConfig, "audit_rate"),
}
"""Settings that can be changed while it runs: what adaptation calls them, and who checks them."""


class Steering:
    """Carries out commands on a hub.

    Args:
        hub: Of the run.
        classes: Names of what the model answers.
        stop: Drains the run.
        change_sources: Does what is wanted of sources; returns what was done.
    """

    def __init__(
        self,
        hub: Hub,
        classes: list[str],
        stop: Callable[[], None],
        change_sources: Callable[[SourceCommand], str],
    ) -> None:
        self._hub = hub
        self._classes = classes
        self._stop = stop
        self._change_sources = change_sources

    def obey(self, command: AnyCommand) -> str:
        """Carry a command out; returns what was done, in a line.

        Raises:
            CommandError: it cannot be obeyed; nothing has changed.
        """
        match command:
            case Pause() | Resume():
                self._hub.is_paused = isinstance(command, Pause)
                done = "paused: what was accepted is finished" if self._hub.is_paused else "running"
            case Stop():
                self._stop()
                done = "stopping: accepted frames are finished"
            case Freeze() | Unfreeze() | Rollback():
                done = self._steer(command)
            case Set(key, value):
                done = self._set(key, value)
            case SourceAdd() | SourceChange() | SourceRemove() | Reload():
                done = self._change_sources(command)
            case Label():
                done = self._label(command)
        return done

    def _steer(self, command: Freeze | Unfreeze | Rollback) -> str:
        hub = self._hub
        if isinstance(command, Freeze):
            hub.steer(lambda policies: policies.hold("frozen by hand"))
            return f"policy v{hub.policies.in_force.version} is kept; audits go on"
        if isinstance(command, Rollback):
            hub.steer(lambda policies: policies.roll_back("rolled back by hand"))
            return f"rolled back, as v{hub.policies.in_force.version}; adaptation is frozen"
        hub.steer(lambda policies: policies.release("adaptation goes on after a freeze"))
        return "adaptation goes on, from no evidence"

    def _set(self, key: str, value: float) -> str:
        if key not in SETTINGS:
            raise CommandError(f"set: expected {' or '.join(SETTINGS)}, got {key!r}")
        name, section, field = SETTINGS[key]
        try:
            msgspec.convert({field: value}, section)
        except msgspec.ValidationError as error:
            reason = str(error).partition(" - at ")[0]
            raise CommandError(f"set {key}: {reason}, got {value:g}") from error
        adapter = self._hub.policies.adapter
        if adapter is None:
            raise CommandError("set: expected a run that adapts; this one keeps its policy")
        settings = msgspec.structs.replace(adapter.settings, **{name: value})
        is_other = settings != adapter.settings
        words = f"{key} is {value:g} from here on"
        try:
            self._hub.steer(lambda policies: policies.retune(settings, words))
        except DataError as error:
            raise CommandError(f"set {key}: {error}") from error
        if not is_other:
            return f"{key} is {value:g} already; nothing has changed"
        return f"{words}; evidence begins anew"

    def _label(self, command: Label) -> str:
        if command.label not in self._classes:
            some = ", ".join(self._classes[:10]) + (", ..." if len(self._classes) > 10 else "")
            raise CommandError(f"label: expected one of {some}, got {command.label!r}")
        name = (command.source, command.frame, command.region)
        truth = self._hub.truth
        truth.tell(name, self._classes.index(command.label))
        return f"{truth.right} of {truth.labels} labelled answers were right"
