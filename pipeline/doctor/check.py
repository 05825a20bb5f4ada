"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail"]
"""`warn`: the pipeline runs, but not as well as it could; `fail`: it does not run."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    what: str
    found: str
    verdict: Verdict = "ok"
    advice: str = ""
