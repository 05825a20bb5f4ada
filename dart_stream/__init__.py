"""Early-exit inference that adapts: the algorithms of DART Stream.

Importing this package never imports torch; only `data`, `models`, `training` and `engine` do.
"""

__version__ = "0.1.0"
