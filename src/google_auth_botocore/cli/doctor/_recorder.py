"""A transport that records replies, and the secrets that must not appear in a report."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import requests
from google.auth.transport.requests import Request

from google_auth_botocore import _redaction
from google_auth_botocore._redaction.proxies import proxy_secrets
from google_auth_botocore.cli.doctor._waiting import Waiting

# Seconds to wait for the next part of a reply.
_TIMEOUT = 10.0
# Seconds after which the rest of a reply is not read, however slowly the server sends it.
_DEADLINE = 30.0
# Larger than any IAM policy, which has at most 1500 members: https://cloud.google.com/iam/quotas.
_MAX_BODY_SIZE = 1 << 20
_MAX_EXCERPT_LENGTH = 300
_SIGNATURE = re.compile(r"Signature=([0-9a-f]+)")


class Reply(NamedTuple):
    """A server's reply.

    Attributes:
        url: The URL of the request.
        status: HTTP status.
        clock_offset: Seconds by which the server's clock is ahead of this machine's. None if the reply has no Date.
        text: The body.
    """

    url: str
    status: int
    clock_offset: float | None
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body, or an empty one if the body is not a JSON object."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Recorder(Request):
    """google-auth's transport, which also records replies and secrets.

    Args:
        clock: Returns a monotonic time in seconds.
        waiting: Shows on a terminal which server has not replied yet.

    Attributes:
        replies: All replies so far.
        requests: One line for each request so far: its URL, its proxy, and the status of the reply or the error.
        secrets: Keys, tokens and signatures that were sent or received.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, waiting: Waiting | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._waiting = waiting or Waiting(None)
        self.replies: list[Reply] = []
        self.requests: list[str] = []
        self.secrets: set[str] = set()

    def __call__(self, url: str, *arguments: Any, **more: Any) -> Any:
        """Send a request of the credentials."""
        self._record_request(more.get("headers"), more.get("body"))
        with self._observed(more.get("method") or next(iter(arguments), "GET"), url, None):
            response = super().__call__(url, *arguments, **more)  # type: ignore[no-untyped-call]  # google-auth has no types here
            self._record_reply(url, response.status, response.headers, response.data)
        return response

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], data: Any = None, max_size: int = _MAX_BODY_SIZE
    ) -> Reply:
        """Send a request of doctor itself. Redirects are not followed, and a netrc file is not used.

        The body may be endless: reading stops after *max_size* bytes, or after 30 seconds.

        Raises:
            requests.RequestException: There is no reply.
        """
        self._record_request(headers, None)
        deadline = self._clock() + _DEADLINE
        body = bytearray()
        with (
            self._observed(method, url, _TIMEOUT),
            requests.Session() as session,
            session.request(
                method,
                url,
                headers=dict(headers),
                data=data,
                auth=lambda prepared: prepared,
                allow_redirects=False,
                timeout=_TIMEOUT,
                stream=True,
            ) as response,
        ):
            # Read single bytes: a read of more bytes would block until all of them have arrived.
            for byte in response.iter_content(1):
                body += byte
                if len(body) >= max_size or self._clock() >= deadline:
                    break
            return self._record_reply(url, response.status_code, response.headers, bytes(body))

    @contextlib.contextmanager
    def _observed(self, method: str, url: str, limit: float | None) -> Iterator[None]:
        """Show that a request waits for its reply, and then add its line to `requests`."""
        proxy = _proxy(url)
        through = f" through proxy {proxy}" if proxy else ""
        started, replies, result = time.monotonic(), len(self.replies), "no reply"
        try:
            with self._waiting.trying(f"{_redaction.shown(urlsplit(url).netloc)}{through}", limit):
                yield
        except Exception as error:
            result = type(error).__name__
            raise
        finally:
            if len(self.replies) > replies:
                result = f"HTTP {self.replies[-1].status}"
            address = _redaction.shown(url.partition("?")[0])
            self.requests.append(f"{method} {address}{through}: {result}, {time.monotonic() - started:.1f} s")

    @property
    def federated_token(self) -> str | None:
        """The federated token of the first successful exchange, or None."""
        return next((each.document["access_token"] for each in self.replies if "access_token" in each.document), None)

    def record_subject_token(self, subject_token: str) -> None:
        """Record the secrets in a subject token."""
        try:
            headers = json.loads(unquote(subject_token))["headers"]
        except (ValueError, KeyError, TypeError):
            self.secrets.add(subject_token)  # a JWT from AWS
        else:
            # Not the whole subject token: it contains the provider's name and the region, which a report must show.
            for each in headers:
                self._record_header(each["key"], each["value"])

    def redacted(self, text: str) -> str:
        """Return a report without the recorded secrets and those in the environment."""
        return _redaction.redacted(text, self.secrets.union(_environment_secrets()))

    def excerpt(self, text: str) -> str:
        """Return a server's text, shortened to one line, without secrets and without anything that looks like a key."""
        secrets = self.secrets.union(_environment_secrets())
        return _redaction.cleaned(text, secrets, hide=_redaction.KEY_LIKE, at_most=_MAX_EXCERPT_LENGTH)

    def _record_request(self, headers: Mapping[str, str] | None, body: bytes | None) -> None:
        for name, value in (headers or {}).items():
            self._record_header(name, value)
        form = parse_qs(body.decode("utf-8", "replace")) if body else {}
        for token in form.get("subject_token", []):
            self.record_subject_token(token)
        self.secrets.update(form.get("assertion", []))

    def _record_header(self, name: str, value: str) -> None:
        if name.lower() not in _SECRET_HEADERS:
            return
        scheme, _, secret = value.partition(" ")
        if scheme.startswith("AWS4-"):
            self.secrets.update(_SIGNATURE.findall(value))
            return
        self.secrets.add(secret or value)
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                self.secrets.add(base64.b64decode(secret).decode("latin-1").partition(":")[2])

    def _record_reply(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            clock_offset = parsedate_to_datetime(headers.get("date", "")).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            clock_offset = None
        reply = Reply(url, status, clock_offset, body.decode("utf-8", "replace"))
        values = map(reply.document.get, _redaction.TOKEN_FIELDS)
        self.secrets.update(value for value in values if isinstance(value, str) and value)
        self.replies.append(reply)
        return reply


_SECRET_HEADERS = {"authorization", "x-amz-security-token"}
_SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_CLIENT_SECRET",
)


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment sets for a URL, without its user and password. None: it sets no proxy."""
    try:
        found = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
        # A URL without a scheme has the form user:password@host.
        return None if found is None else found.rpartition("//")[2].rpartition("@")[2]
    except ValueError:  # the URL of the endpoint is malformed
        return None


def _environment_secrets() -> Iterator[str]:
    yield from filter(None, map(os.environ.get, _SECRET_VARIABLES))
    yield from proxy_secrets()
