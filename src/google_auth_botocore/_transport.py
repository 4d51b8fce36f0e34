"""HTTP by the caller's transport: retried under one deadline, never redirected, and quiet about it."""

from __future__ import annotations

import functools
import http.client
import inspect
import logging
import random
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import google.auth.transport.requests
from google.auth import exceptions

from google_auth_botocore import _clock, _hints, _text
from google_auth_botocore._clock import LAST_SECOND, Clock, Moment
from google_auth_botocore._token import Errand, Request
from google_auth_botocore._version import __version__
from google_auth_botocore.exceptions import FederationError, TransientFederationError

_LOGGER = logging.getLogger(__name__)

_ATTEMPT_TIMEOUT = 10.0
# Of each address that a name has, and a firewall may drop packets to all of them; a little more than TCP takes for a second try.
_CONNECT_TIMEOUT = 3.05
# 0.25 s, 0.5 s, 1 s … between two attempts, each times a jitter.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


class Reply(NamedTuple):
    """A server's answer.

    Attributes:
        status: HTTP status.
        headers: With names in lower case.
        body: As it came.
        asked_at: When the attempt that it answers began.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: Moment

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
        return None if when is None else max(0.0, when - (self.date or self.asked_at.wall))


def _timestamp(http_date: str | None) -> float | None:
    try:
        seconds = parsedate_to_datetime(http_date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LAST_SECOND else None


class Sender:
    """Posts everything that one new token takes, under one deadline.

    Args:
        request: google.auth.transport.Request, or any callable like it.
        clock: Wall and elapsed time.
        errand: What it is for, and until when.

    Attributes:
        secrets: What no error may quote.
    """

    def __init__(self, request: Request, clock: Clock, errand: Errand) -> None:
        self._call = _Transport(_own.request if request is None else request)
        self._clock = clock
        self._errand = errand
        self.secrets: list[str] = []
        self._last: Reply | None = None

    @property
    def date(self) -> float | None:
        """The server's time in its last reply, in seconds since the epoch."""
        return None if self._last is None else self._last.date

    def post(self, step: str, server: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Sends the request until there is an answer that another try would not change.

        Args:
            step: For the error; so is *server*, the name of whoever is asked.
            server: See *step*.
            url: Where to.
            headers: Beside the User-Agent.
            body: What to send.

        Raises:
            TransientFederationError: No such answer came before the deadline.
            FederationError: The server's certificate is not trusted, or it redirects.
        """
        headers = {"user-agent": f"google-auth-botocore/{__version__}", **headers}
        pause = _FIRST_PAUSE
        while True:
            asked_at = _clock.read(self._clock)
            timeout = min(_ATTEMPT_TIMEOUT, max(1.0, self._errand.deadline - asked_at.monotonic))
            reply, error = self._attempt(step, url, headers, body, timeout, asked_at)
            now = self._clock.monotonic()
            if now - asked_at.monotonic > 3 * _ATTEMPT_TIMEOUT:
                self._errand.resume(now)  # hardly an attempt takes so long: the process was suspended
            _LOGGER.debug("%s: %s", url, type(error).__name__ if reply is None else f"HTTP {reply.status}")
            if reply is not None:
                self._last = reply
            if reply is not None and not reply.transient:
                if 300 <= reply.status < 400:
                    raise FederationError(
                        f"{server} answered with a redirect (HTTP {reply.status}), which is not followed because it would take the AWS identity elsewhere.",
                        step=step,
                        status_code=reply.status,
                        hint=f"Check what stands between this machine and {url}: a proxy, a captive portal, or a wrong endpoint.",
                    )
                return reply
            wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
            if reply is not None and reply.retry_after is not None:
                wait = max(wait, reply.retry_after)
            if now + wait >= self._errand.deadline:
                if reply is not None:
                    self._errand.not_before = now + (reply.retry_after or 0.0)
                    return reply
                break
            self._clock.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise TransientFederationError(
            f"{server} could not be reached at {url}: {self._cleaned(error)}.",
            step=step,
            hint="Check the network, the proxy (HTTPS_PROXY, NO_PROXY) and the firewall.",
        ) from _text.harmless(error, self.secrets)

    def _cleaned(self, error: object) -> str:
        return _text.cleaned(str(error), [*self.secrets, *_proxy_secrets()]).rstrip(".")

    def _attempt(
        self,
        step: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,
        asked_at: Moment,
    ) -> tuple[Reply | None, Exception | None]:
        try:
            response = self._call(url, headers, body, timeout)
            answered = {str(name).lower(): str(value) for name, value in response.headers.items()}
            data = response.data
        except (OSError, http.client.HTTPException, exceptions.TransportError) as caught:
            redirect = _refused_redirect(caught)
            if redirect is not None:
                return Reply(redirect, {}, b"", asked_at), None
            error: Exception = caught
        except RecursionError as caught:
            raise FederationError(
                f"No connection to {url} could be opened (RecursionError): {caught}.",
                step=step,
                hint=_hints.recursion(),
            ) from None
        except Exception as caught:  # noqa: BLE001 - ValueError for an answer or a proxy's URL; a callable's own, and all it says
            raise FederationError(
                f"The transport got no answer of {url} that it can read ({type(caught).__name__}): {self._cleaned(caught)}.",
                step=step,
                hint="Check that the transport passed to refresh() is a google.auth.transport.Request, and no class."
                if isinstance(caught, TypeError)
                else "Check the proxy's URL (HTTPS_PROXY), and what stands between this machine and Google.",
            ) from None
        else:
            return Reply(
                response.status,
                answered,
                data if isinstance(data, bytes) else str(data).encode(),
                asked_at,
            ), None
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise FederationError(
                f"The certificate of {url} is not trusted: {self._cleaned(error)}.",
                step=step,
                reason="CERTIFICATE_VERIFY_FAILED",
                hint="Give the transport the right CA bundle (REQUESTS_CA_BUNDLE), or ask who intercepts TLS.",
            ) from _text.harmless(error, self.secrets)
        return None, error


def _proxy_secrets() -> Iterator[str]:
    """Passwords of proxies, also the part of one that a URL's reader takes for the host."""
    for proxy in urllib.request.getproxies().values():
        found = re.search("//[^:]*:(.*)@", proxy)
        yield from re.split("[/#?]", found[1]) if found else ()


def _refused_redirect(error: BaseException) -> int | None:
    """The status of the redirect that httplib2 makes an error of when it may not follow it."""
    for cause in (error, error.__cause__, error.__context__):
        status = getattr(getattr(cause, "response", None), "status", None)
        if isinstance(status, int) and 300 <= status < 400:
            return status
    return None


class _Transport:
    """A transport and the arguments that this one understands beyond google-auth's four."""

    def __init__(self, request: Any) -> None:
        self._request = request
        target, self._bound_timeout = request, None
        if isinstance(request, functools.partial):  # AuthorizedSession binds its own timeout
            target, self._bound_timeout = request.func, request.keywords.get("timeout")
        self.kind = _kind(target)
        self._extra: dict[str, Any] = {}
        if self.kind == "requests":
            self._extra = {"allow_redirects": False, "auth": _leave_headers_alone}
        elif self.kind == "urllib3":
            self._extra = {"redirect": False}
        elif self.kind == "httplib2":
            self._extra = {"redirections": 0}
        self._takes_timeout = self.kind != "httplib2" and (bool(self._extra) or _takes(target, "timeout"))

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Any:
        extra = dict(self._extra)
        if self._takes_timeout:
            extra["timeout"] = self._shortened(timeout)
        return self._request(url=url, method="POST", body=body, headers=dict(headers), **extra)

    def _shortened(self, timeout: float) -> Any:
        bound = self._bound_timeout
        connect = min(timeout, _CONNECT_TIMEOUT)
        if isinstance(bound, tuple):
            limits = (connect, timeout)
            return tuple(limit if part is None else min(part, limit) for part, limit in zip(bound, limits, strict=True))
        if isinstance(bound, (int, float)):
            timeout = min(bound, timeout)
        return (min(connect, timeout), timeout) if self.kind == "requests" else timeout


def in_background(request: Request) -> bool:
    """Whether a second thread may use the transport meanwhile. httplib2 mixes up the answers of two threads."""
    return request is None or _Transport(request).kind in ("requests", "urllib3")


def _kind(target: Any) -> str | None:
    """Which of the transports with arguments of their own it is; a subclass that does not take them is none."""
    if isinstance(target, google.auth.transport.requests.Request):
        return "requests" if _takes(target, "allow_redirects") else None
    # Whoever passes one of these has imported its module already.
    for kind, module, argument in (
        ("urllib3", "google.auth.transport.urllib3", "redirect"),
        ("httplib2", "google_auth_httplib2", "redirections"),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(target, loaded.Request):
            return kind if _takes(target, argument) else None
    return None


def _takes(target: Any, argument: str) -> bool:
    if type(target) is google.auth.transport.requests.Request:
        return True  # known, and to look takes a while
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.name == argument or each.kind is each.VAR_KEYWORD for each in parameters)


def _leave_headers_alone(prepared: Any) -> Any:
    """In the place of requests' own authentication, which would put a netrc entry into the header."""
    return prepared


class _OwnTransport:
    """The transport of calls that bring none, such as `get_token`; made at the first and shared."""

    def __init__(self) -> None:
        self._request: google.auth.transport.requests.Request | None = None

    @property
    def request(self) -> google.auth.transport.requests.Request:
        if self._request is None:
            self._request = google.auth.transport.requests.Request()
        return self._request

    def drop(self) -> None:
        """In the child of a fork: its parent's connections are not its own."""
        self._request = None


_own = _OwnTransport()
drop_own = _own.drop
