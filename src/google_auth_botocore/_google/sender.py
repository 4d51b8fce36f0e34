"""Posts to Google: retried under one deadline, never redirected, with errors that say what failed and hold no secret."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple, NoReturn

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import transport_errors
from google_auth_botocore._google.transport import NotATransport, Transport
from google_auth_botocore._redaction.proxies import proxy_secrets
from google_auth_botocore._refresh import clock as refresh_clock
from google_auth_botocore._refresh.clock import LAST_SECOND, Clock, Moment
from google_auth_botocore._refresh.exchange import ExchangeContext, Request
from google_auth_botocore._version import __version__

_LOGGER = logging.getLogger(__name__)

_ATTEMPT_TIMEOUT = 10.0
# 0.25 s, 0.5 s, 1 s ... between two attempts, each times a jitter.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


class Reply(NamedTuple):
    """A server's reply.

    Attributes:
        status: HTTP status.
        headers: Its headers, their names in lower case.
        body: Its body, decompressed.
        requested_at: When the attempt that it answers began.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    requested_at: Moment

    def __repr__(self) -> str:
        return f"Reply(status={self.status!r}, body=<hidden>)"

    @property
    def transient(self) -> bool:
        """Whether the same request may have another answer the next time."""
        return self.status in (408, 429) or self.status >= 500

    @property
    def date(self) -> float | None:
        """The server's own time, in seconds since the epoch."""
        return _timestamp(self.headers.get("date"))

    @property
    def retry_after(self) -> float | None:
        """How many seconds the server asks to wait."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        when = _timestamp(value)
        return None if when is None else max(0.0, when - (self.date or self.requested_at.wall))


class Sender:
    """Posts all the requests that one new token requires, under one deadline.

    Args:
        request: google.auth.transport.Request or a callable like it; None for a transport of our own.
        clock: Wall and elapsed time.
        context: The terms of the exchange.
        known_secrets: Returns secrets that the servers know from before, which no error may quote either.

    Attributes:
        secrets: Secrets of this exchange, which no error may quote.
    """

    def __init__(
        self,
        request: Request,
        clock: Clock,
        context: ExchangeContext,
        known_secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        try:
            self._transport = Transport(request)
        except NotATransport as error:
            facts = Facts(context.step, reason="TypeError", detail="transport")
            raise _failures.error(f"No request can be sent: {error}.", facts) from None
        self._clock = clock
        self._context = context
        self._known_secrets = known_secrets
        self.secrets: list[str] = []
        self._last: Reply | None = None

    @property
    def all_secrets(self) -> list[str]:
        """What no error may quote."""
        return [*self.secrets, *self._known_secrets(), *proxy_secrets(self._transport.request)]

    @property
    def date(self) -> float | None:
        """The server's time in its last reply, in seconds since the epoch."""
        return None if self._last is None else self._last.date

    def post(self, step: str, server: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request until there is a reply that another attempt would not change.

        Args:
            step: The step that fails if this fails.
            server: The server's name, for the error.
            url: The endpoint.
            headers: The headers, beside those that every request has.
            body: The body.

        Raises:
            TransientFederationError: No such reply came before the deadline.
            FederationError: A local mistake, a certificate that is not trusted, or a redirect.
        """
        # Tokens do not get shorter by compression, and a small compressed reply may be a very long one.
        headers = {"user-agent": f"google-auth-botocore/{__version__}", "accept-encoding": "identity", **headers}
        context = self._context
        context.step, context.doing = step, f"{server} at {url} has not replied"
        pause = _FIRST_PAUSE
        while True:
            requested_at = refresh_clock.read(self._clock)
            reply, error = self._attempt(step, url, headers, body, requested_at)
            now = self._clock.monotonic()
            if now - requested_at.monotonic > 3 * _ATTEMPT_TIMEOUT:
                context.resume(now)  # hardly an attempt takes so long: the process was suspended
            _LOGGER.debug("%s: %s", url, type(error).__name__ if reply is None else f"HTTP {reply.status}")
            if reply is not None:
                self._last = reply
                if 300 <= reply.status < 400:
                    _redirected(step, server, url, reply.status)
                if not reply.transient:
                    return reply
            wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
            if reply is not None and reply.retry_after is not None:
                wait = max(wait, reply.retry_after)
            if now + wait >= context.deadline:
                break
            self._clock.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if reply is not None:
            context.not_before = now + (reply.retry_after or 0.0)
            return reply
        raise _failures.error(
            f"{server} could not be reached at {url}: {self._cleaned(error)}.",
            self._facts(error, step, url)._replace(
                failure="resources-exhausted" if transport_errors.too_many_files(error) else None,
                detail="unreachable",
                transient=True,
            ),
        ) from _redaction.safe_cause(error, self.all_secrets)

    def _attempt(
        self, step: str, url: str, headers: Mapping[str, str], body: bytes, requested_at: Moment
    ) -> tuple[Reply | None, Exception | None]:
        timeout = min(_ATTEMPT_TIMEOUT, max(1.0, self._context.deadline - requested_at.monotonic))
        overdue = requested_at.monotonic + timeout
        self._context.url = url
        try:
            status, answered, data = self._transport.post(
                url, headers, body, timeout, lambda: self._clock.monotonic() >= overdue
            )
        except Exception as error:
            redirect = transport_errors.rejected_redirect(error)
            if redirect is not None:
                return Reply(redirect, {}, b"", requested_at), None
            mistake = transport_errors.local_mistake(error, url)
            if mistake is not None:
                raise _failures.error(
                    f"No request could be sent to {url}: {mistake.what or self._cleaned(error)}.",
                    self._facts(error, step, url)._replace(reason=mistake.reason, detail=mistake.detail),
                ) from _redaction.safe_cause(error, self.all_secrets)
            if not transport_errors.failed_transport(error):
                raise  # from a signal handler, a debugger or a user's own transport
            return None, error
        finally:
            self._context.url = None
        return Reply(status, answered, data, requested_at), None

    def _facts(self, error: Exception | None, step: str, url: str) -> Facts:
        kinds = dict.fromkeys(kind.__name__ for each in _redaction.related(error) for kind in type(each).__mro__)
        return Facts(step, kinds=tuple(kinds), url=url, text=self._cleaned(error))

    def _cleaned(self, error: object) -> str:
        return _redaction.cleaned(str(error), self.all_secrets).rstrip(".")


def _redirected(step: str, server: str, url: str, status: int) -> NoReturn:
    raise _failures.error(
        f"{server} answered with a redirect (HTTP {status}), which is not followed because it would take the AWS identity elsewhere.",
        Facts(step, status=status, url=url),
    )


def _timestamp(http_date: str | None) -> float | None:
    try:
        seconds = parsedate_to_datetime(http_date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LAST_SECOND else None
