"""`dart-stream control`: steer a pipeline that runs."""

import argparse
import difflib
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from pipeline.cli.typed_path import absolute_uri
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
    SourceRemove,
    Stop,
    Unfreeze,
)
from pipeline.errors import CommandError, ConfigError
from pipeline.messages import Count, FrameNumber
from pipeline.running import find_running
from pipeline.schema_check import refuse_odd_values
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
        numbers = [int(frame), int(region[0]) if region else 0]
        return Label(source, *msgspec.convert(numbers, tuple[FrameNumber, Count]), label)
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"control label: expected numbers for frame and region, got {' '.join(words[1:-1])!r}"
        ) from error


def _settings(words: list[str]) -> list[str]:
    """A path is meant from the folder of whoever types it, not from that of the run."""
    return [
        f"uri={absolute_uri(word.removeprefix('uri='))}" if word.startswith("uri=") else word
        for word in words
    ]


ACTIONS: Final = {
    "pause": Action("", "take no new frames", lambda _: Pause()),
    "resume": Action("", "take frames again", lambda _: Resume()),
    "freeze": Action("", "keep the policy; audits go on", lambda _: Freeze()),
    "unfreeze": Action("", "adapt again, from no evidence", lambda _: Unfreeze()),
    "rollback": Action("", "back to the policy before, and freeze", lambda _: Rollback()),
    "set": Action("KEY VALUE", "policy.max_disagreement or adaptation.audit_rate", _set),
    "label": Action("SOURCE FRAME [REGION] LABEL", "what a region really shows", _label),
    "source add": Action(
        "NAME KEY=VALUE ...",
        "read another source; keys as in a configuration",
        lambda words: SourceAdd(words[0], _settings(words[1:])),
    ),
    "source change": Action(
        "NAME [KEY=VALUE] ...",
        "drain a source and begin it anew, with these settings",
        lambda words: SourceChange(words[0], _settings(words[1:])),
    ),
    "source remove": Action(
        "NAME", "drain a source and read it no more", lambda words: SourceRemove(words[0])
    ),
    "reload": Action("", "do what the file now says of sources", lambda _: Reload()),
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
        ConfigError: no such action, it takes other arguments, or one is no text.
    """
    address, rest = (None, words) if words[0] in _FIRST_WORDS else (words[0], words[1:])
    name = next((name for name in ACTIONS if rest[: len(name.split())] == name.split()), None)
    if name is None:
        raise ConfigError(_no_such_action(rest or words))
    action, arguments = ACTIONS[name], rest[len(name.split()) :]
    if not _takes(action, len(arguments)):
        raise ConfigError(
            f"control {name}: expected {action.arguments or 'nothing more'}, "
            f"got {' '.join(arguments) or 'nothing'}"
        )
    command = action.make(arguments)
    refuse_odd_values(msgspec.structs.asdict(command), f"control {name}")
    return address, command


def _takes(action: Action, count: int) -> bool:
    """Whether so many arguments may follow."""
    names = action.arguments.split()
    goes_on = names[-1:] == ["..."]
    names = names[:-1] if goes_on else names
    least = sum(not name.startswith("[") for name in names)
    return least <= count and (goes_on or count <= len(names))


def _no_such_action(words: list[str]) -> str:
    got = " ".join(words[:2]) if words[0] in _FIRST_WORDS else words[0]
    near = difflib.get_close_matches(got, ACTIONS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"control: expected one of {', '.join(ACTIONS)}, got {got!r}{hint}"


_FIRST_WORDS: Final = frozenset(name.split()[0] for name in ACTIONS)
