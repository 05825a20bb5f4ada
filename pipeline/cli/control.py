"""`dart-stream control`: steer a pipeline that runs."""

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from pipeline.commands import (
    AnyCommand,
    Freeze,
    Label,
    Pause,
    Resume,
    Rollback,
    Set,
    Stop,
    Unfreeze,
)
from pipeline.errors import CommandError, ConfigError
from pipeline.running import find_running
from pipeline.transport import ControlClient, new_context

HELP = "steer a pipeline that runs"


class Action(NamedTuple):
    """An action of the command line."""

    arguments: str
    """Names of what follows it; what stands in brackets may be left out."""
    text: str
    make: Callable[[list[str]], AnyCommand]


def _set(words: list[str]) -> AnyCommand:
    key, value = words
    try:
        return Set(key, float(value))
    except ValueError as error:
        raise ConfigError(f"control set {key}: expected a number, got {value!r}") from error


def _label(words: list[str]) -> AnyCommand:
    source, frame, *region, label = words
    try:
        return Label(source, int(frame), int(region[0]) if region else 0, label)
    except ValueError as error:
        raise ConfigError(
            f"control label: expected numbers for frame and region, got {' '.join(words[1:-1])!r}"
        ) from error


ACTIONS: Final = {
    "pause": Action("", "take no new frames", lambda _: Pause()),
    "resume": Action("", "take frames again", lambda _: Resume()),
    "freeze": Action("", "keep the policy; audits go on", lambda _: Freeze()),
    "unfreeze": Action("", "adapt again, from no evidence", lambda _: Unfreeze()),
    "rollback": Action("", "back to the policy before, and freeze", lambda _: Rollback()),
    "set": Action("KEY VALUE", "policy.max_disagreement or adaptation.audit_rate", _set),
    "label": Action("SOURCE FRAME [REGION] LABEL", "what a region really shows", _label),
    "stop": Action("", "finish what was accepted, and end", lambda _: Stop()),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `control`."""
    lines = [f"  {f'{name} {each.arguments}':34} {each.text}" for name, each in ACTIONS.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["actions:", *lines])
    parser.usage = f"{parser.prog} [-h] [ADDRESS] ACTION [ARGUMENT ...]"
    parser.add_argument(
        "words",
        metavar="[ADDRESS] ACTION [ARGUMENT ...]",
        nargs="+",
        help="ADDRESS is the run's output folder, its name, or its process number; it may be left "
        "out if only one runs",
    )


def execute(args: argparse.Namespace) -> int:
    """Ask once and say what became of it."""
    address, command = parse(args.words)
    run = find_running(address)
    context = new_context()
    client = ControlClient(context, run.control)
    try:
        reply = client.ask(command)
    finally:
        client.close()
        context.destroy(linger=0)
    if not reply.ok:
        raise CommandError(reply.text)
    print(reply.text)  # noqa: T201  # the answer
    return 0


def parse(words: list[str]) -> tuple[str | None, AnyCommand]:
    """Whom to ask, and what.

    Raises:
        ConfigError: no such action, or it takes other arguments.
    """
    address, rest = (None, words) if words[0] in ACTIONS else (words[0], words[1:])
    action = ACTIONS.get(rest[0]) if rest else None
    if action is None:
        raise ConfigError(
            f"control: expected one of {', '.join(ACTIONS)}, got {(rest or words)[0]!r}"
        )
    names = action.arguments.split()
    least = sum(not name.startswith("[") for name in names)
    if not least <= len(rest) - 1 <= len(names):
        raise ConfigError(
            f"control {rest[0]}: expected {action.arguments or 'nothing more'}, "
            f"got {' '.join(rest[1:]) or 'nothing'}"
        )
    return address, action.make(rest[1:])
