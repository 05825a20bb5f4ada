"""What can be said of sinks before a run is started."""

from pathlib import PurePath

import msgspec

from pipeline.config import (
    CustomSinkConfig,
    JsonlSinkConfig,
    PipelineConfig,
    SinkConfig,
    VideoSinkConfig,
)
from pipeline.errors import ConfigError
from pipeline.import_path import import_class
from pipeline.sinks import Sink


def settle_sinks(config: PipelineConfig) -> PipelineConfig:
    """Hold the sinks against each other and against the sources; fill in what is left to defaults.

    Raises:
        ConfigError: Two would write to one file, a video is of no source, or a class of one's own
            is none.
    """
    sources = list(config.sources)
    sinks = [_settled(f"sinks[{n}]", sink, sources) for n, sink in enumerate(config.sinks)]
    for kind in (JsonlSinkConfig, VideoSinkConfig):
        files = [sink.file for sink in sinks if isinstance(sink, kind)]
        if len(set(files)) < len(files):
            name = kind.__struct_config__.tag
            raise ConfigError(
                f"sinks: expected a file of its own for each {name} sink, got {files}"
            )
    return msgspec.structs.replace(config, sinks=sinks)


def _settled(key: str, sink: SinkConfig, sources: list[str]) -> SinkConfig:
    if isinstance(sink, CustomSinkConfig):
        import_class(sink.cls, Sink, key="sinks.class")
    if not isinstance(sink, VideoSinkConfig):
        return sink
    source = sources[0] if sink.source is None and len(sources) == 1 else sink.source
    if source is None or source not in sources:
        raise ConfigError(f"{key}.source: expected one of {', '.join(sources)}, got {source!r}")
    file = f"{source}.mp4" if sink.file is None else sink.file
    if PurePath(file).suffix != ".mp4" or PurePath(file).name != file:
        raise ConfigError(f"{key}.file: expected a name that ends in .mp4, got {file!r}")
    return msgspec.structs.replace(sink, source=source, file=file)
