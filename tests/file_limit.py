"""A real lack of room, as long as a test wants it: no file of this process grows beyond a size."""

import contextlib
import resource


@contextlib.contextmanager
def files_end_at(num_bytes):
    """Writes behind that byte fail with EFBIG, the way those on a full disk fail with ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
