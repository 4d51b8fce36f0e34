"""Requests that wait until an entry changes, and the ETag that identifies its content.

https://cloud.google.com/compute/docs/metadata/querying-metadata#waitforchange
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

# A new key in each process, so that the ETag of a token cannot be compared with the ETag of a guess.
_KEY = secrets.token_bytes(16)
# Digits of timeout_sec: 31 years are enough, and the event loop accepts them.
_MAX_DIGITS = 9


class InvalidTimeoutError(Exception):
    """The parameter timeout_sec is not a number of seconds."""


class Wait(NamedTuple):
    """What a client waits for.

    Attributes:
        last_etag: The ETag of the content that the client knows. None: the content at the time of the request.
        timeout: Seconds after which the client gets the content even if it is the same. None: no limit.
    """

    last_etag: str | None
    timeout: float | None


def requested_wait(query: Mapping[str, str]) -> Wait | None:
    """Return what a request waits for, or None if it requests the content at once.

    Raises:
        InvalidTimeoutError: The timeout is not a whole number of seconds, or has too many digits.
    """
    if query.get("wait_for_change", "").lower() != "true":
        return None
    timeout = query.get("timeout_sec")
    if timeout is not None and not re.fullmatch(f"[0-9]{{1,{_MAX_DIGITS}}}", timeout):
        raise InvalidTimeoutError(
            f"The parameter timeout_sec must be a whole number of seconds, with at most {_MAX_DIGITS} digits."
        )
    return Wait(query.get("last_etag"), None if timeout is None else float(timeout))


def etag(content: str) -> str:
    """Return the ETag of content: 16 hexadecimal digits, as from Google's server."""
    return hashlib.blake2b(content.encode(errors="backslashreplace"), key=_KEY, digest_size=8).hexdigest()


class WaitingRoom:
    """The requests that wait for a change, the longest-waiting one first."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._closed = False

    async def wait(self, client_acts: asyncio.Future[bytes], timeout: float | None) -> bool:
        """Wait for *timeout* seconds, or without a limit if it is None.

        Args:
            client_acts: Done if the client disconnects or sends more. It must be answered then.
            timeout: Seconds.

        Returns:
            Whether the time has passed. False: the request must be answered now.
        """
        if self._closed:
            return False
        woken = asyncio.get_running_loop().create_future()
        self._waiting[woken] = None
        try:
            done, _ = await asyncio.wait({client_acts, woken}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(woken, None)
        return not done

    def wake(self, count: int | None = None) -> None:
        """Wake the requests that have waited longest: *count* of them, or all."""
        for woken in list(islice(self._waiting, count)):
            del self._waiting[woken]
            woken.set_result(None)

    def close(self) -> None:
        """Wake all requests, and let no further ones wait."""
        self._closed = True
        self.wake()
