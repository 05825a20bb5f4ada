"""Network cameras: `rtsp://` and `rtsps://`."""

from typing import Final

from pipeline.errors import ConfigError
from pipeline.readers.stream import StreamReader
from pipeline.redact import redact

_UDP_BUFFER_BYTES: Final = 1 << 20
"""Room for a key frame that arrives at once, where the kernel allows it."""
_MAX_TIMEOUT_US: Final = (1 << 31) - 1
"""FFmpeg opens no camera with a longer one; it is 35 minutes."""


class RtspReader(StreamReader):
    """RTSP over TCP, or with pictures over UDP; RTSPS always over TCP."""

    def check(self) -> None:
        """Raise ConfigError when an option cannot work; the camera is not asked."""
        super().check()
        if self._is_encrypted and self.config.transport == "udp":
            raise ConfigError(
                f"transport: expected tcp for {redact(self.uri)} (rtsps:// encrypts one TCP"
                " connection), got udp"
            )

    @property
    def protocol_options(self) -> dict[str, str]:
        """Transport, limits, and that no sound is asked for."""
        limit_s = max(self.config.open_timeout, self.config.stall_after)
        return {
            "rtsp_transport": self.config.transport,
            "allowed_media_types": "video",
            "buffer_size": str(_UDP_BUFFER_BYTES),
            # Of the control connection; the watch on pictures covers everything else.
            "timeout": str(min(int(limit_s * 1e6), _MAX_TIMEOUT_US)),
        }

    @property
    def _is_encrypted(self) -> bool:
        return self.uri.lower().startswith("rtsps:")
