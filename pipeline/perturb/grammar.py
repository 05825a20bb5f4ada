"""The words of a schedule: phases, effects, choices of pictures, mixtures.

    schedule = phase ("," phase)*
    phase    = part ("+" part)* [":" count]
    part     = name ["(" argument ("," argument)* ")"] ["@" severity]

A part is an effect, `clean`, `mix(phase,phase)` without counts, or a choice of pictures.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.errors import ConfigError
from pipeline.perturb.registry import ALIASES, EFFECTS, PROGRESSIVE
from pipeline.perturb.split import split_outside

Steps = tuple[tuple[str, int], ...]
"""(effect, severity) in turn; empty is clean."""

CLEAN: Final = "clean"
MIX: Final = "mix"
DEFAULT_SEVERITY: Final = 3
CHOICES: Final[Mapping[str, bool]] = MappingProxyType(
    {"classmix": True, "correlated": False, "still": False}
)
"""Phases that say which pictures come, and whether they take arguments."""
_PART: Final = re.compile(r"([^@()]*)(\(.*\))?(?:(@)(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures come: only a bench that holds a whole data set can grant it.

    Attributes:
        name: of `CHOICES`.
        arguments: names of classes for `classmix`.
        severity: 1 to 5.
    """

    name: str
    arguments: tuple[str, ...]
    severity: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of regions under the same effects.

    Attributes:
        name: as the user wrote it, without the count.
        alternatives: effects in turn; each region draws one of them if there are several.
        choices: which pictures come.
        count: regions; None where the last phase has none.
    """

    name: str
    alternatives: tuple[Steps, ...]
    choices: tuple[Choice, ...]
    count: int | None

    @property
    def is_clean(self) -> bool:
        """Whether no pixel changes."""
        return not any(self.alternatives)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What stands before the colon."""

    alternatives: tuple[Steps, ...]
    choices: tuple[Choice, ...] = ()


def parse_schedule(text: str) -> tuple[Phase, ...]:
    """Read a schedule.

    Raises:
        ConfigError: an effect is unknown, a bracket open, or a severity or count out of range.
    """
    entries = split_outside(text, ",")
    last = len(entries) - 1
    return tuple(_parse_phase(entry, last=i == last) for i, entry in enumerate(entries))


def _parse_phase(entry: str, *, last: bool) -> Phase:
    name, *counts = split_outside(entry, ":", at_most=1)
    parts = _parse_parts(name, entry)
    count = None if last and not counts else _parse_count(name, counts, entry)
    steps = {effect for steps in parts.alternatives for effect, _ in steps}
    if count is None and steps & PROGRESSIVE:
        raise ConfigError(
            f"perturb: expected a count of regions in {entry!r}, over which light fades; got none;"
            f" write {name}:1000"
        )
    return Phase(name, parts.alternatives, parts.choices, count)


def _parse_count(name: str, counts: list[str], entry: str) -> int:
    count = counts[0] if counts else ""
    if not re.fullmatch(r"[0-9]+", count) or int(count) == 0:
        got = repr(count) if counts else "none"
        raise ConfigError(
            f"perturb: expected a count of regions of at least 1 in {entry!r}, got {got}; write"
            f" {name or CLEAN}:1000"
        )
    return int(count)


def _parse_parts(text: str, entry: str) -> _Parts:
    """Effects joined by `+`: each alternative so far goes on with each of the next part's."""
    alternatives: tuple[Steps, ...] = ((),)
    choices: tuple[Choice, ...] = ()
    for each in split_outside(text, "+"):
        part = _parse_part(each, entry)
        alternatives = tuple(a + b for a in alternatives for b in part.alternatives)
        choices += part.choices
    if len({choice.name for choice in choices}) < len(choices):
        raise ConfigError(f"perturb: expected each choice of pictures once, got {entry!r}")
    return _Parts(alternatives, choices)


def _parse_part(text: str, entry: str) -> _Parts:
    found = _PART.fullmatch(text)
    name = text if found is None else found[1].strip()
    if found is None or name not in _known():
        raise _unknown(name, entry)
    arguments = [] if found[2] is None else split_outside(found[2][1:-1], ",")
    takes_arguments = name == MIX or CHOICES.get(name, False)
    if takes_arguments != bool(arguments) or "" in arguments:
        expected = f"{name}(NAME,...)" if takes_arguments else name
        raise ConfigError(f"perturb: expected {expected} in {entry!r}, got {text!r}")
    severity = _parse_severity(found[4], entry) if found[3] else DEFAULT_SEVERITY
    if name == MIX:
        return _mixed(arguments, entry)
    if name in CHOICES:
        return _Parts(((),), (Choice(name, tuple(arguments), severity),))
    return _Parts(((),) if name == CLEAN else (((ALIASES.get(name, name), severity),),))


def _mixed(arguments: list[str], entry: str) -> _Parts:
    parts = [_parse_parts(argument, entry) for argument in arguments]
    if any(part.choices for part in parts):
        raise ConfigError(
            f"perturb: expected effects on pixels in {MIX}(...), got a choice of pictures in "
            f"{entry!r}; write it outside, with +"
        )
    return _Parts(tuple(steps for part in parts for steps in part.alternatives))


def _parse_severity(text: str, entry: str) -> int:
    if not re.fullmatch(r"[1-5]", text):
        raise ConfigError(f"perturb: expected a severity from 1 to 5 in {entry!r}, got {text!r}")
    return int(text)


def _known() -> list[str]:
    return [CLEAN, *EFFECTS, *ALIASES, MIX, *CHOICES]


def _unknown(name: str, entry: str) -> ConfigError:
    near = difflib.get_close_matches(name, _known(), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return ConfigError(
        f"perturb: unknown effect {name!r} in {entry!r}; known are {', '.join(_known())}{hint}"
    )
