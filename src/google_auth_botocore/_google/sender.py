"""Post requests to Google: retried until one deadline, never redirected, with errors that explain the failure without secrets."""

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import transport_errors
from google_auth_botocore._google.transport import NotATransport, Transport
from google_auth_botocore._redaction.proxies import proxy_secrets
from google_auth_botocore._refresh.clock import LAST_SECOND, Clock, Moment
from google_auth_botocore._refresh.exchange import ExchangeContext, Request
from google_auth_botocore._version import __version__
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

_ATTEMPT_TIMEOUT = 10.0
# Seconds between two attempts: 0.25, 0.5, 1 ... up to 8, each with jitter.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


class Call(NamedTuple):
    """One request to Google, in the words of its errors.

    Attributes:
        step: The step that fails if this fails, as in `FederationError.step`.
        server: The server's name.
        url: The endpoint.
        wanted: What is requested, such as "an access token".
        facts: Returns what is known about the request, for its errors.
    """

    step: str
    server: str
    url: str
    wanted: str
    facts: Callable[[], Facts]


class Reply(NamedTuple):
    """A server's reply.

    Attributes:
        status: HTTP status.
        headers: The headers, with their names in lower case.
        body: The decompressed body.
        requested_at: When the request was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    requested_at: Moment

    def __repr__(self) -> str:
        return f"Reply(status={self.status!r}, body=<hidden>)"

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed the next time."""
        return self.status in (408, 429) or self.status >= 500

    @property
    def date(self) -> float | None:
        """The server's time, in seconds since the epoch."""
        return _timestamp(self.headers.get("date"))

    @property
    def retry_after(self) -> float | None:
        """How many seconds the server requests to wait."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        when = _timestamp(value)
        return None if when is None else max(0.0, when - (self.date or self.requested_at.wall))


class Sender:
    """Post the requests of one exchange, until its deadline.

    Args:
        request: google.auth.transport.Request or a callable like it. None: this package's own transport.
        clock: Wall and elapsed time.
        context: The terms of the exchange.
        known_secrets: Returns secrets that the servers know from earlier exchanges, which no error may quote either.

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
            self._transport = Transport(request, clock)
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
        """The secrets that no error may quote."""
        return [*self.secrets, *self._known_secrets(), *proxy_secrets(self._transport.request)]

    @property
    def date(self) -> float | None:
        """The server's time in its last reply, in seconds since the epoch."""
        return None if self._last is None else self._last.date

    def post(self, call: Call, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request until there is a reply that another attempt would not change, or until the deadline.

        Args:
            call: The request.
            headers: Headers in addition to those that every request has.
            body: The body.

        Returns:
            The reply. At the deadline it may be one that another attempt would change.

        Raises:
            TransientFederationError: No reply came before the deadline.
            FederationError: A local mistake, a certificate that is not trusted, or a redirect.
        """
        # Compression does not shorten tokens, and a small compressed reply can be a huge one.
        headers = {"user-agent": f"google-auth-botocore/{__version__}", "accept-encoding": "identity", **headers}
        context = self._context
        context.step, context.doing = call.step, f"{call.server} at {call.url} has not replied"
        pause = _FIRST_PAUSE
        while True:
            requested_at = Moment.now(self._clock)
            reply, error = self._attempt(call, headers, body, requested_at)
            now = self._clock.monotonic()
            if now - requested_at.monotonic > 3 * _ATTEMPT_TIMEOUT:
                context.resume(now)  # no attempt takes this long: the process was suspended
            _LOGGER.debug("%s: %s", call.url, type(error).__name__ if reply is None else f"HTTP {reply.status}")
            if reply is not None:
                self._last = reply
                if 300 <= reply.status < 400:
                    raise _redirected(call, reply.status)
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
            f"{call.server} could not be reached at {call.url}: {self._cleaned(error)}.",
            self._facts(call, error)._replace(
                failure="resources-exhausted" if transport_errors.too_many_files(error) else None,
                detail="unreachable",
                transient=True,
            ),
        ) from _redaction.safe_cause(error, self.all_secrets)

    def _attempt(
        self, call: Call, headers: Mapping[str, str], body: bytes, requested_at: Moment
    ) -> tuple[Reply | None, Exception | None]:
        timeout = min(_ATTEMPT_TIMEOUT, max(1.0, self._context.deadline - requested_at.monotonic))
        self._context.url = call.url
        try:
            status, reply_headers, reply_body = self._transport.post(
                call.url, headers, body, timeout, complete_by=requested_at.monotonic + timeout
            )
        except Exception as error:
            redirect = transport_errors.rejected_redirect(error)
            if redirect is not None:
                return Reply(redirect, {}, b"", requested_at), None
            mistake = transport_errors.local_mistake(error, call.url)
            if mistake is not None:
                raise _failures.error(
                    f"No request could be sent to {call.url}: {mistake.what or self._cleaned(error)}.",
                    self._facts(call, error)._replace(reason=mistake.reason, detail=mistake.detail),
                ) from _redaction.safe_cause(error, self.all_secrets)
            if not transport_errors.failed_transport(error):
                raise  # it comes from a signal handler, a debugger or a user's own transport
            return None, error
        finally:
            self._context.url = None
        return Reply(status, reply_headers, reply_body, requested_at), None

    def _facts(self, call: Call, error: Exception | None) -> Facts:
        kinds = dict.fromkeys(kind.__name__ for each in _redaction.related(error) for kind in type(each).__mro__)
        return call.facts()._replace(step=call.step, kinds=tuple(kinds), url=call.url, text=self._cleaned(error))

    def _cleaned(self, error: object) -> str:
        return _redaction.cleaned(str(error), self.all_secrets).rstrip(".")


def _redirected(call: Call, status: int) -> FederationError:
    return _failures.error(
        f"{call.server} answered with a redirect (HTTP {status}), which is not followed because it would take the AWS identity elsewhere.",
        call.facts()._replace(step=call.step, status=status, url=call.url),
    )


def _timestamp(http_date: str | None) -> float | None:
    try:
        seconds = parsedate_to_datetime(http_date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LAST_SECOND else None
