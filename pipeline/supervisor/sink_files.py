"""Names in the output folder: those that the run itself writes, and those of each sink."""

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from pipeline.config import JsonlSinkConfig, SinkConfig, VideoSinkConfig
from pipeline.errors import ConfigError

_OWN_FILES: Final = frozenset(
    {
        *("summary.json", "telemetry.mpk", "run.log", "run.log.1", "config.resolved.yaml"),
        *("adapter.mpk", "policy_version", "sources.json"),
        *("verify.json", "verify.partial", "report.html"),
    }
)
_SEGMENT: Final = re.compile(r"telemetry\.\d{6,}\.mpk")


def check_result_file(key: str, file: str) -> None:
    """Look at the name that a person gave to results.

    A path elsewhere would be shared by runs, and the second would take the lines of the first for
    its own.

    Args:
        key: Of the sink.
        file: Its name.

    Raises:
        ConfigError: It is a path, or a file that the run itself writes.
    """
    if not is_bare(file):
        raise ConfigError(
            f"{key}.file: expected a name without a folder, such as results.jsonl, got {file!r}; "
            "it lies in the output folder"
        )
    whole = file.removesuffix(".partial")
    if file in _OWN_FILES or whole in _OWN_FILES or _SEGMENT.fullmatch(file):
        raise ConfigError(
            f"{key}.file: expected another name than {file!r}, which the run itself writes; "
            "the usual one is results.jsonl"
        )


def is_bare(file: str) -> bool:
    """Whether a name is one in the folder, and not a path."""
    return file not in {"", ".."} and PurePath(file).name == file


def check_no_clash(sinks: Iterable[SinkConfig]) -> None:
    """Hold the sinks' files against each other, those of later parts included.

    Raises:
        ConfigError: One would write into another's.
    """
    names = {n: name for n, sink in enumerate(sinks) if (name := _name_of(sink)) is not None}
    for writer, written in names.items():
        taken = _taken_with(*written)
        for n, (_, file) in names.items():
            if n != writer and taken.fullmatch(file):
                raise ConfigError(
                    f"sinks[{n}].file: expected a file of its own, got {file!r}, which "
                    f"sinks[{writer}] writes"
                )


def _name_of(sink: SinkConfig) -> tuple[bool, str] | None:
    """Whether it is a video, and its file; None for a class of one's own."""
    if isinstance(sink, JsonlSinkConfig):
        return False, sink.file
    if isinstance(sink, VideoSinkConfig):
        return True, sink.file or f"{sink.source}.mp4"
    return None


def _taken_with(is_video: bool, file: str) -> re.Pattern[str]:
    """Every name that a sink may write: `VideoParts` and `ResultParts` say how parts are called."""
    path = PurePath(file)
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    if is_video:
        return re.compile(rf"{stem}(\.part\d+)?{suffix}|{stem}\.parts\.json(\.partial)?")
    return re.compile(rf"{stem}(\.\d{{6,}})?{suffix}|{re.escape(file)}\.next")
