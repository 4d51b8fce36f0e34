"""Read the body of a reply, with a limit on its length, also after decompression, and a deadline."""

import functools
import zlib
from collections.abc import Callable
from typing import Any

from google_auth_botocore._refresh.clock import Clock

# Bytes. A reply with a token has a few kB.
_LONGEST = 1024 * 1024
_TOO_LONG = f"the reply is longer than {_LONGEST} bytes"
# Bytes that are read at a time.
_PART = 64 * 1024


class ReplyTooLong(OSError):  # noqa: N818 - the name is the error
    """A reply is longer than any reply with a token can be."""


def of_urllib3(response: Any, clock: Clock, complete_by: float) -> bytes:
    """Read the body of a `urllib3.HTTPResponse`, and return its connection to the pool; see `read`."""
    # urllib3 2 can return what has arrived so far. In urllib3 1, the deadline is checked only after each whole part.
    part = functools.partial(getattr(response, "read1", response.read), decode_content=False)
    try:
        body = read(part, response.headers.get("content-encoding"), clock, complete_by)
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return body


def read(part: Callable[[int], bytes], encoding: str | None, clock: Clock, complete_by: float) -> bytes:
    """Read a body part by part, and decompress it, because a server may ignore `accept-encoding`.

    Args:
        part: Returns the next bytes, at most as many as its argument says. It returns no bytes at the end.
        encoding: The `content-encoding`.
        clock: Elapsed time.
        complete_by: When the body must be complete, in seconds of the monotonic clock.

    Raises:
        ReplyTooLong: The body is longer than 1 MiB, perhaps only after decompression.
        TimeoutError: The body was not complete in time.
        OSError: The body cannot be decompressed.
    """
    body = b""
    while new := part(_PART):
        body += new
        if len(body) > _LONGEST:
            raise ReplyTooLong(_TOO_LONG)
        if clock.monotonic() >= complete_by:
            raise TimeoutError("the reply was not complete in time")
    return _decompressed(body) if encoding and encoding.strip().lower() in ("gzip", "x-gzip", "deflate") else body


def _decompressed(body: bytes) -> bytes:
    try:
        body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, _LONGEST + 1)
    except zlib.error as error:
        raise OSError(f"the reply cannot be decompressed ({error})") from None
    return short_enough(body)


def short_enough(body: bytes) -> bytes:
    """Return a body of at most 1 MiB. Raise `ReplyTooLong` for a longer one."""
    if len(body) > _LONGEST:
        raise ReplyTooLong(_TOO_LONG)
    return body
