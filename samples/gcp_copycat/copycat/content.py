"""The content of an object while it is read, and a check that a response has the requested range."""

from __future__ import annotations

from collections.abc import Mapping

from awscrt.checksums import crc32c

from copycat.direct_reply import DirectReply
from copycat.google_connections import Reply
from copycat.google_errors import InvalidGoogleResponseError
from copycat.objects import SourceObject


class Content:
    """A range of an object while it is read.

    Attributes:
        start: offset of the range in the object.
        data: buffer with the length of the range.
        filled: number of bytes read so far.
        crc: CRC32C of the bytes read so far.
        hashes: checksums of the whole object that Cloud Storage sent: `crc32c` and `md5`, or fewer.
    """

    __slots__ = ("crc", "data", "filled", "hashes", "start")

    def __init__(self, start: int, data: bytearray) -> None:
        self.start = start
        self.data = data
        self.filled = 0
        self.crc = 0
        self.hashes: dict[str, str] = {}

    @property
    def missing(self) -> int:
        """Number of bytes that are still to be read."""
        return len(self.data) - self.filled

    @property
    def remaining(self) -> memoryview:
        """The part of the buffer that is still to be filled."""
        return memoryview(self.data)[self.filled :]

    def add(self, count: int) -> None:
        """Record that the next bytes were written to the buffer, and update the checksum."""
        # Unlike google-crc32c, awscrt reads a buffer without copying it.
        self.crc = crc32c(self.remaining[:count], self.crc)
        self.filled += count

    def note_hashes(self, headers: Mapping[str, str]) -> None:
        """Read the checksums of the whole object from a response: `x-goog-hash: crc32c=n03x6A==, md5=…`."""
        for each in headers.get("x-goog-hash", "").split(","):
            name, _, value = each.strip().partition("=")
            if value:
                self.hashes[name] = value


def check_range(reply: Reply | DirectReply, source: SourceObject, expected_range: tuple[int, int] | None) -> None:
    """Check that a response has the requested range of the requested generation.

    Args:
        reply: the response.
        source: the requested object.
        expected_range: offsets of the first and the last byte. None: the whole object.

    Raises:
        InvalidGoogleResponseError: It has something else.
    """
    generation = reply.headers.get("x-goog-generation", str(source.generation))
    if generation != str(source.generation):
        raise InvalidGoogleResponseError(f"Cloud Storage sent generation {generation}, not {source.generation}")
    if expected_range is None:
        if reply.status != 200:
            raise InvalidGoogleResponseError(f"Cloud Storage sent HTTP {reply.status} instead of 200")
        return
    span = f"bytes {expected_range[0]}-{expected_range[1]}/{source.size}"
    sent = reply.headers.get("content-range", "no range")
    if reply.status != 206 or sent != span:
        raise InvalidGoogleResponseError(f"Cloud Storage sent {sent} (HTTP {reply.status}), not {span}")
