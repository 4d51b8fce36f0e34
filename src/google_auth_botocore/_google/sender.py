"""Post requests to Google. They are retried until the deadline and never redirected, and their errors contain no secrets."""

import logging
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import transport, transport_errors
from google_auth_botocore._redaction.proxies import proxy_secrets
from google_auth_botocore._refresh import backoff
from google_auth_botocore._refresh.clock import LAST_SECOND, Clock, Moment
from google_auth_botocore._refresh.exchange import ExchangeContext, Request
from google_auth_botocore._version import __version__
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

# Seconds that one attempt may take.
_ATTEMPT_TIMEOUT = 10.0
# Seconds between two attempts: 0.25, 0.5, 1 ... up to 8, each with jitter.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


class Call(NamedTuple):
    """One request to Google, and how its errors describe it.

    Attributes:
        step: The step that the request belongs to, as in `FederationError.step`.
        server: The name of the server in errors.
        url: The endpoint.
        wanted: What is requested, such as "an access token".
        facts: Returns what is known about the request, for its errors.
    """

    step: str
    server: str
    url: str
    wanted: str
    facts: Callable[[], Facts]

    def known(self, **seen: Any) -> Facts:
        """Return what is known about the request, and what was seen, for its errors."""
        return self.facts()._replace(step=self.step, url=self.url, **seen)


class Reply(NamedTuple):
    """A server's reply.

    Attributes:
        status: HTTP status.
        headers: The headers. Their names are in lower case, or the mapping ignores case.
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
        """Whether the same request may succeed later."""
        return self.status in (408, 429) or self.status >= 500

    @property
    def date(self) -> float | None:
        """The server's time, in seconds since the epoch."""
        return _timestamp(self.headers.get("date"))

    @property
    def retry_after(self) -> float | None:
        """Seconds that the client must wait before the next request, according to the server."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        when = _timestamp(value)
        return None if when is None else max(0.0, when - (self.date or self.requested_at.wall))


class Sender:
    """Posts the requests of one exchange, until its deadline.

    Args:
        request: google.auth.transport.Request or a callable like it. None: this package's own transport.
        clock: Wall and elapsed time.
        context: The terms of the exchange.
        known_secrets: Returns secrets of earlier exchanges, which the servers know and no error may quote.

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
            self._transport = transport.prepared(request, clock)
        except transport.NotATransport as error:
            facts = Facts(context.step, reason="TypeError", detail="transport")
            raise _failures.error(f"The request cannot be sent: {error}.", facts) from None
        self._clock = clock
        self._context = context
        self._known_secrets = known_secrets
        self.secrets: list[str] = []

    @property
    def all_secrets(self) -> list[str]:
        """The secrets that no error may quote."""
        return [*self.secrets, *self._known_secrets(), *proxy_secrets(self._transport.request)]

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
        # Compression does not shorten tokens, and a small compressed reply may be huge after decompression.
        headers = {"user-agent": f"google-auth-botocore/{__version__}", "accept-encoding": "identity", **headers}
        context = self._context
        context.step, context.doing = call.step, f"{call.server} at {call.url} has not replied"
        context.failed = None
        failures = 0
        while True:
            requested_at = Moment(self._clock.time(), self._clock.monotonic())
            reply, error = self._attempt(call, headers, body, requested_at)
            now = self._clock.monotonic()
            if now - requested_at.monotonic > 3 * _ATTEMPT_TIMEOUT:
                context.resume(now)  # no attempt takes this long: the process was suspended
            _LOGGER.debug("%s: %s", call.url, type(error).__name__ if reply is None else f"HTTP {reply.status}")
            if reply is not None:
                context.failed = None
                if 300 <= reply.status < 400:
                    raise _redirected(call, reply.status)
                if reply.status < 300 or not reply.transient:
                    return reply
            failures += 1
            wait = backoff.pause(failures, _FIRST_PAUSE, _LONGEST_PAUSE)
            if reply is not None and reply.retry_after is not None:
                wait = max(wait, reply.retry_after)
            too_late = now + wait >= context.deadline
            if reply is None:
                context.failed = failure = self._unreachable(call, error)
                if too_late:
                    raise failure
            elif too_late:
                context.not_before = now + (reply.retry_after or 0.0)
                return reply
            self._clock.sleep(wait)

    def _unreachable(self, call: Call, error: Exception | None) -> FederationError:
        failure = _failures.error(
            f"{call.server} could not be reached at {call.url}: {self._cleaned(error)}.",
            self._facts(call, error)._replace(
                failure="resources-exhausted" if transport_errors.too_many_files(error) else None,
                detail="unreachable",
                transient=True,
            ),
        )
        failure.__cause__ = _redaction.safe_cause(error, self.all_secrets)
        return failure

    def _attempt(
        self, call: Call, headers: Mapping[str, str], body: bytes, requested_at: Moment
    ) -> tuple[Reply | None, Exception | None]:
        timeout = min(_ATTEMPT_TIMEOUT, max(1.0, self._context.deadline - requested_at.monotonic))
        self._context.url = call.url
        try:
            message = {"url": call.url, "method": "POST", "body": body, "headers": dict(headers)}
            status, reply_headers, reply_body = self._transport.post(message, timeout, requested_at.monotonic + timeout)
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
        return call.known(kinds=tuple(kinds), text=self._cleaned(error))

    def _cleaned(self, error: object) -> str:
        return _redaction.cleaned(str(error), self.all_secrets).rstrip(".")


def _redirected(call: Call, status: int) -> FederationError:
    return _failures.error(
        f"{call.server} answered with a redirect (HTTP {status}), which is not followed because it would send the AWS identity to another server.",
        call.known(status=status),
    )


def _timestamp(http_date: str | None) -> float | None:
    try:
        seconds = parsedate_to_datetime(http_date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LAST_SECOND else None
