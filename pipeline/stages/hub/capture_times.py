"""When frames were captured, by the hub's clock."""

import msgspec

from pipeline.messages import Frames


def captured_by(now_ns: int, message: Frames) -> Frames:
    """The same frames, none of them captured later than now.

    A reader on another host knows the hub's clock roughly only, and less after one of both hosts
    was suspended. An answer would then be younger than 0 ms, and a frame never too old.

    Args:
        now_ns: when they arrived, on the hub's monotonic clock.
        message: as it came.
    """
    if all(frame.captured_mono_ns <= now_ns for frame in message.frames):
        return message
    frames = [
        msgspec.structs.replace(frame, captured_mono_ns=min(frame.captured_mono_ns, now_ns))
        for frame in message.frames
    ]
    return msgspec.structs.replace(message, frames=frames)
