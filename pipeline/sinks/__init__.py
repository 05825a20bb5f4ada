"""Where results go: `results.jsonl`, or a class of the user's own."""

from pathlib import Path
from typing import Final

import msgspec

from pipeline.config import CustomSinkConfig, JsonlSinkConfig, SinkConfig, VideoSinkConfig
from pipeline.import_path import import_class
from pipeline.sinks.base import END_KEY, Key, Network, NoRoomError, Record, Sink, key_of
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.video import VideoSink

SINKS: Final[dict[type[SinkConfig], type[Sink]]] = {
    JsonlSinkConfig: JsonlSink,
    VideoSinkConfig: VideoSink,
}
"""Every sink that ships, by its configuration."""

__all__ = [
    "END_KEY",
    "SINKS",
    "Key",
    "Network",
    "NoRoomError",
    "Record",
    "Sink",
    "build_sink",
    "key_of",
]


def build_sink(config: SinkConfig, out: Path) -> Sink:
    """The sink that a configuration asks for.

    Raises:
        ConfigError: A class of the user's own cannot be imported or is not a `Sink`.
    """
    if isinstance(config, CustomSinkConfig):
        own: type[Sink] = import_class(config.cls, Sink, key="sinks.class")
        return own(out, config.options)
    return SINKS[type(config)](out, msgspec.structs.asdict(config))
