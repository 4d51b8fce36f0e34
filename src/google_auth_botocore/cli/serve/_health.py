"""Readiness for probes: whether there is a valid token. The reply never contains the token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from google_auth_botocore.cli.serve._http import Reply, json_reply

PATH = "/healthz"
# Seconds that a probe waits for the first token. Kubernetes gives a probe one second by default.
_MAX_WAIT = 0.5
# Seconds after a failed exchange before a probe starts another.
_RETRY_DELAY = 10.0
_STARTING = "The token exchange has not finished yet."


class Health:
    """Answers probes without a token exchange for each.

    Without a valid token, a probe starts one exchange, which all later probes share. A failure is remembered for ten
    seconds.

    Args:
        expiry: Returns when the current token expires, or None if there is no valid token. Makes no network call.
        request_token: Returns the reply to a request for an access token. This may take as long as an exchange.
    """

    def __init__(self, expiry: Callable[[], datetime | None], request_token: Callable[[], Awaitable[Reply]]) -> None:
        self._expiry = expiry
        self._request_token = request_token
        self._loop = asyncio.get_running_loop()
        self._exchange: asyncio.Future[Reply] | None = None
        self._no_exchange_before = 0.0
        self._reason = _STARTING

    async def reply(self) -> Reply:
        """Return 200 and the expiry of the token, or 503 and the reason why there is no token."""
        expiry = self._expiry()
        if expiry is None:
            await self._wait_for_token()
            expiry = self._expiry()
        if expiry is None:
            return json_reply({"ready": False, "reason": self._reason}, 503)
        return json_reply({"ready": True, "expiry": f"{expiry:%Y-%m-%dT%H:%M:%SZ}"})

    async def _wait_for_token(self) -> None:
        if self._exchange is None:
            if self._loop.time() < self._no_exchange_before:
                return
            self._exchange = asyncio.ensure_future(self._request_token())
            self._exchange.add_done_callback(self._finish)
        await asyncio.wait({self._exchange}, timeout=_MAX_WAIT)

    def _finish(self, exchange: asyncio.Future[Reply]) -> None:
        self._exchange = None
        if exchange.cancelled() or exchange.exception() is not None:  # the server stops
            return
        reply = exchange.result()
        self._reason = _STARTING if reply.status == 200 else reply.body.decode()
        self._no_exchange_before = self._loop.time() + _RETRY_DELAY
