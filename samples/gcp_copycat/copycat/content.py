"""Content of an object while it is read, and the check that a reply has what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from awscrt.checksums import crc32c

from copycat.direct_reply import DirectReply
from copycat.google_connections import Reply
from copycat.google_errors import WrongGoogleAnswerError
from copycat.objects import SourceObject


class Content:
    """Bytes of an object while they are read.

    Attributes:
        start: offset in the object.
        data: room for all bytes.
        filled: how many are there.
        crc: CRC32C of those.
        hashes: what Cloud Storage says of the whole object: `crc32c` and `md5`, if it does.
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
        """How many bytes are not there yet."""
        return len(self.data) - self.filled

    @property
    def room(self) -> memoryview:
        """Where the bytes are written that are not there yet."""
        return memoryview(self.data)[self.filled :]

    def take(self, count: int) -> None:
        """Note that the next bytes are there."""
        # Unlike google-crc32c, it reads a buffer without a copy.
        self.crc = crc32c(self.room[:count], self.crc)
        self.filled += count

    def note_hashes(self, headers: Mapping[str, str]) -> None:
        """Take the whole object's checksums from a reply: `x-goog-hash: crc32c=n03x6A==, md5=…`."""
        for each in headers.get("x-goog-hash", "").split(","):
            name, _, value = each.strip().partition("=")
            if value:
                self.hashes[name] = value


def check(reply: Reply | DirectReply, source: SourceObject, wanted: tuple[int, int] | None) -> None:
    """Check that a reply is the range of the generation that it was asked for.

    Raises:
        WrongGoogleAnswerError: It is not.
    """
    generation = reply.headers.get("x-goog-generation", str(source.generation))
    if generation != str(source.generation):
        raise WrongGoogleAnswerError(f"Cloud Storage sent generation {generation}, not {source.generation}")
    if wanted is None:
        if reply.status != 200:
            raise WrongGoogleAnswerError(f"Cloud Storage answered {reply.status} where it answers 200")
        return
    span = f"bytes {wanted[0]}-{wanted[1]}/{source.size}"
    answered = reply.headers.get("content-range", "no range")
    if reply.status != 206 or answered != span:
        raise WrongGoogleAnswerError(f"Cloud Storage sent {answered} (HTTP {reply.status}), not {span}")
