"""What a person has asked of the screen, beside the run's own state."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """Part of what is drawn; the same view and snapshot give the same picture.

    Attributes:
        has_keys: keys are listened to.
        shows_help: the help page stands in place of the run.
        attached: the screen can leave without the run.
        says: answer to the last key, while it is news.
    """

    has_keys: bool = False
    shows_help: bool = False
    attached: bool = False
    says: str | None = None
