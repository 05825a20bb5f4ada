"""What can be said of sinks before a run is started."""

import os
from pathlib import PurePath
from typing import Final

import msgspec

from pipeline.config import (
    CustomSinkConfig,
    JsonlSinkConfig,
    PipelineConfig,
    SinkConfig,
    SourceConfig,
    VideoSinkConfig,
)
from pipeline.errors import ConfigError
from pipeline.import_path import import_class
from pipeline.readers import open_reader
from pipeline.sinks import Sink

_ENDLESS_MB: Final = 10_240.0
_OWN_FILES: Final = frozenset(
    {
        *("summary.json", "telemetry.mpk", "run.log", "run.log.1", "config.resolved.yaml"),
        *("adapter.mpk", "policy_version", "sources.json"),
    }
)


def settle_sinks(config: PipelineConfig, *, gone_may_be: bool = False) -> PipelineConfig:
    """Hold the sinks against each other and against the sources; fill in what is left to defaults.

    Args:
        config: Of the run.
        gone_may_be: The source of a video may have been removed in an earlier part of the run.

    Raises:
        ConfigError: Two would write to one file, a video is of no source, or a class of one's own
            is none.
    """
    sinks = [
        sink
        if gone_may_be and _is_gone(sink, config.sources)
        else _settled(f"sinks[{n}]", sink, config.sources)
        for n, sink in enumerate(config.sinks)
    ]
    for kind in (JsonlSinkConfig, VideoSinkConfig):
        files = [os.path.normpath(sink.file or "") for sink in sinks if isinstance(sink, kind)]
        if len(set(files)) < len(files):
            name = kind.__struct_config__.tag
            raise ConfigError(
                f"sinks: expected a file of its own for each {name} sink, got {files}"
            )
    return msgspec.structs.replace(config, sinks=sinks)


def _check_not_the_runs_own(key: str, file: str) -> None:
    if os.path.normpath(file) in _OWN_FILES:
        raise ConfigError(
            f"{key}.file: expected another name than {file!r}, which the run itself writes; "
            "the usual one is results.jsonl"
        )


def _is_gone(sink: SinkConfig, sources: dict[str, SourceConfig]) -> bool:
    named = sink.source if isinstance(sink, VideoSinkConfig) else None
    return named is not None and named not in sources


def _settled(key: str, sink: SinkConfig, sources: dict[str, SourceConfig]) -> SinkConfig:
    if isinstance(sink, CustomSinkConfig):
        import_class(sink.cls, Sink, key="sinks.class")
    if isinstance(sink, JsonlSinkConfig):
        _check_not_the_runs_own(key, sink.file)
    if not isinstance(sink, VideoSinkConfig):
        return sink
    source = next(iter(sources)) if sink.source is None and len(sources) == 1 else sink.source
    if source is None or source not in sources:
        raise ConfigError(f"{key}.source: expected one of {', '.join(sources)}, got {source!r}")
    file = f"{source}.mp4" if sink.file is None else sink.file
    if PurePath(file).suffix != ".mp4" or PurePath(file).name != file:
        raise ConfigError(f"{key}.file: expected a name that ends in .mp4, got {file!r}")
    max_mb = _default_mb(sources[source]) if sink.max_mb is None else sink.max_mb
    return msgspec.structs.replace(sink, source=source, file=file, max_mb=max_mb)


def _default_mb(source: SourceConfig) -> float:
    """A video of what ends is as long as that; one of what does not would fill any disk."""
    is_endless = source.loop is True or open_reader(source).live
    return _ENDLESS_MB if is_endless else 0.0
