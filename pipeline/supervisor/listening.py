"""Where readers on other hosts connect, and what can be said of them before a run is started."""

from pathlib import Path

from pipeline.config import (
    CustomRegions,
    ListenConfig,
    PipelineConfig,
    SourceConfig,
    VideoSinkConfig,
)
from pipeline.curve import HubKeys
from pipeline.errors import ConfigError
from pipeline.remote_address import REMOTE_URI, check_address, is_remote
from pipeline.remote_transport import Door


def check_remote_source(name: str, source: SourceConfig) -> None:
    """Refuse what a hub must not decide for another host.

    Raises:
        ConfigError: It names a class to be imported there, or says whether it is a camera.
    """
    if source.live is not None:
        raise ConfigError(
            f"sources.{name}: expected no `live` beside {REMOTE_URI}, got "
            f"{str(source.live).lower()}; whether it is a camera says its own host"
        )
    if source.reader is not None or source.options:
        raise ConfigError(
            f"sources.{name}: expected no `reader` and no `options` beside {REMOTE_URI}, got some; "
            "which reader it is says its own host"
        )
    if isinstance(source.regions, CustomRegions):
        raise ConfigError(
            f"sources.{name}.regions: expected type frame or zones beside {REMOTE_URI}, got "
            f"{source.regions.cls!r}; a hub names no class on another host"
        )


def check_listening(config: PipelineConfig) -> None:
    """Hold `listen` against the sources and sinks.

    Raises:
        ConfigError: One lacks the other, keys are missing or damaged, or a sink wants whole frames.
    """
    remote = [name for name, source in config.sources.items() if is_remote(source)]
    listen = config.listen
    if listen is None:
        if remote:
            raise ConfigError(
                f"sources.{remote[0]}: expected `listen` beside a source with {REMOTE_URI}, got "
                "none; give listen.address and listen.keys"
            )
        return
    if not remote:
        raise ConfigError(
            f"listen: expected a source with the URI {REMOTE_URI}, got none; add one, or leave "
            "`listen` out"
        )
    check_address(
        listen.address,
        where="listen.address",
        has_keys=listen.keys is not None,
        is_listened_at=True,
    )
    if listen.keys is not None:
        HubKeys.load(Path(listen.keys))
    for sink in config.sinks:
        if isinstance(sink, VideoSinkConfig) and sink.source in remote:
            raise ConfigError(
                f"sinks: expected a video of a source on this host, got {sink.source!r}, whose "
                "whole frames stay on its own"
            )


def open_door(listen: ListenConfig | None) -> Door | None:
    """Listen for readers on other hosts; None where the configuration has none.

    Raises:
        ConfigError: The address cannot be listened at, or the keys are not there any more.
    """
    if listen is None:
        return None
    keys = None if listen.keys is None else HubKeys.load(Path(listen.keys))
    return Door(listen.address, keys, timeout_s=listen.timeout_s)
