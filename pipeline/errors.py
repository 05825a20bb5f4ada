"""Errors of the running system.

PipelineError
├── UserError            the user's input is wrong: one line, exit status 2
│   ├── ConfigError      a configuration key or value
│   └── SourceError      a source that cannot be opened or read at all
├── CommandError         a command that cannot be obeyed now; nothing has changed
├── StageError           one of our stages failed for good: exit status 1
└── PeerError            a peer sent what we cannot accept; it is refused and counted, never fatal
"""


class PipelineError(Exception):
    """Base of every error of the running system; the text is one line for a person."""


class UserError(PipelineError):
    """What the user gave cannot be used: expected, got, where, what to do."""


class ConfigError(UserError):
    """A configuration key or value is wrong."""


class SourceError(UserError):
    """A source cannot be opened or holds no video."""


class CommandError(PipelineError):
    """A command to a running pipeline cannot be obeyed; nothing has changed."""


class StageError(PipelineError):
    """A stage failed for good and the run with it."""


class PeerError(PipelineError):
    """A message from a peer breaks the protocol."""
