"""What can be said of sinks before a run is started."""

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
from pipeline.supervisor.sink_files import check_no_clash, check_result_file, is_bare

_ENDLESS_MB: Final = 10_240.0


def settle_sinks(config: PipelineConfig, *, gone_may_be: bool = False) -> PipelineConfig:
    """Hold the sinks against each other and against the sources; fill in what is left to defaults.

    Args:
        config: Of the run.
        gone_may_be: The source of a video may have been removed in an earlier part of the run.

    Raises:
        ConfigError: A file has no name of its own in the output folder, a video is of no source,
            or a class of one's own is none.
    """
    sinks = [
        sink
        if gone_may_be and _is_gone(sink, config.sources)
        else _settled(f"sinks[{n}]", sink, config.sources)
        for n, sink in enumerate(config.sinks)
    ]
    check_no_clash(sinks)
    return msgspec.structs.replace(config, sinks=sinks)


def _is_gone(sink: SinkConfig, sources: dict[str, SourceConfig]) -> bool:
    named = sink.source if isinstance(sink, VideoSinkConfig) else None
    return named is not None and named not in sources


def _settled(key: str, sink: SinkConfig, sources: dict[str, SourceConfig]) -> SinkConfig:
    if isinstance(sink, CustomSinkConfig):
        import_class(sink.cls, Sink, key="sinks.class")
    if isinstance(sink, JsonlSinkConfig):
        check_result_file(key, sink.file)
    if not isinstance(sink, VideoSinkConfig):
        return sink
    source = next(iter(sources)) if sink.source is None and len(sources) == 1 else sink.source
    if source is None or source not in sources:
        raise ConfigError(f"{key}.source: expected one of {', '.join(sources)}, got {source!r}")
    file = f"{source}.mp4" if sink.file is None else sink.file
    if PurePath(file).suffix != ".mp4" or not is_bare(file):
        raise ConfigError(f"{key}.file: expected a name that ends in .mp4, got {file!r}")
    max_mb = _default_mb(sources[source]) if sink.max_mb is None else sink.max_mb
    return msgspec.structs.replace(sink, source=source, file=file, max_mb=max_mb)


def _default_mb(source: SourceConfig) -> float:
    """A video of what ends is as long as that; one of what does not would fill any disk."""
    is_endless = source.loop is True or open_reader(source).live
    return _ENDLESS_MB if is_endless else 0.0
