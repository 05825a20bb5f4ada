"""What differs between two configurations: the sources that come, go or change, and all else."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.config import Config, PipelineConfig, SourceConfig


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """Names, in the order of the configuration that has them."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def words(self) -> str:
        """For a person."""
        parts = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        told = [f"{did} {', '.join(names)}" for did, names in parts if names]
        return "; ".join(told) or "no source has changed"


def source_changes(
    before: Mapping[str, SourceConfig], wanted: Mapping[str, SourceConfig]
) -> SourceChanges:
    """From the sources that there are to those that there should be.

    A source is changed when any of its settings is another one; its place in the file does not
    matter.
    """
    return SourceChanges(
        added=tuple(name for name in wanted if name not in before),
        removed=tuple(name for name in before if name not in wanted),
        changed=tuple(name for name in wanted if name in before and wanted[name] != before[name]),
    )


def other_changes(before: PipelineConfig, now: PipelineConfig) -> list[str]:
    """Keys beside `sources` whose values differ: `policy.max_disagreement`, `sinks`."""
    found: list[str] = []
    for key in PipelineConfig.__struct_fields__:
        old, new = getattr(before, key), getattr(now, key)
        if key == "sources" or old == new:
            continue
        if isinstance(old, Config) and isinstance(new, Config):
            names = type(old).__struct_fields__
            found += [f"{key}.{n}" for n in names if getattr(old, n) != getattr(new, n)]
        else:
            found.append(key)
    return found
