"""A transport that remembers what was answered, and what must never be shown."""

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
from urllib.parse import parse_qs, unquote

import requests
from google.auth.transport.requests import Request

from google_auth_botocore import _redaction
from google_auth_botocore._redaction.proxies import proxy_secrets

_TIMEOUT = 10.0
# Nobody is listened to for longer, however slowly it speaks.
_DEADLINE = 30.0
# More than a policy of IAM's takes, with its 1500 members: https://cloud.google.com/iam/quotas.
_LONGEST_BODY = 1 << 20
_TOKENS = ("access_token", "accessToken", "id_token", "token", "signedJwt", "signedBlob")
_LONGEST = 300
_SIGNATURE = re.compile(r"Signature=([0-9a-f]+)")


class Reply(NamedTuple):
    """A server's answer.

    Attributes:
        url: who was asked.
        status: HTTP status.
        ahead: by how many seconds the server's clock is ahead of this machine's; None: it did not say.
        text: the body.
    """

    url: str
    status: int
    ahead: float | None
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body; an empty one where there is none."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Recorder(Request):
    """google-auth's own transport, with a memory.

    Args:
        clock: Elapsed time in seconds.

    Attributes:
        replies: all so far.
        secrets: keys, tokens and signatures that went over the wire.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self.replies: list[Reply] = []
        self.secrets: set[str] = set()

    def __call__(self, url: str, *arguments: Any, **more: Any) -> Any:
        """Sends what credentials have to send."""
        self._keep_request(more.get("headers"), more.get("body"))
        response = super().__call__(url, *arguments, **more)  # type: ignore[no-untyped-call]  # google-auth has no types here
        self._keep(url, response.status, response.headers, response.data)
        return response

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], data: Any = None, at_most: int = _LONGEST_BODY
    ) -> Reply:
        """Sends what doctor itself wants to know; follows no redirect, and takes nothing from a netrc file.

        The body may be an endless one: no more than its first *at_most* bytes are kept, and what comes in half a minute.

        Raises:
            requests.RequestException: there is no answer.
        """
        self._keep_request(headers, None)
        end = self._clock() + _DEADLINE
        body = bytearray()
        with (
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
            # By single bytes: more of them would be waited for until all have come.
            for byte in response.iter_content(1):
                body += byte
                if len(body) >= at_most or self._clock() >= end:
                    break
        return self._keep(url, response.status_code, response.headers, bytes(body))

    @property
    def federated_token(self) -> str | None:
        """What the first exchange that worked was for."""
        return next((each.document["access_token"] for each in self.replies if "access_token" in each.document), None)

    def keep_subject_token(self, subject_token: str) -> None:
        """Remember the secrets of a proof of identity."""
        try:
            headers = json.loads(unquote(subject_token))["headers"]
        except (ValueError, KeyError, TypeError):
            self.secrets.add(subject_token)  # AWS's JWT
        else:
            # Not the whole: it has the name of the provider and the region in it, which a report must show.
            for each in headers:
                self._keep_header(each["key"], each["value"])

    def hidden(self, text: str) -> str:
        """Return a report without secrets: of this exchange, and of the environment."""
        return _redaction.redacted(text, self.secrets.union(_of_environment()))

    def quotable(self, text: str) -> str:
        """Return what a server wrote, in one line and not too long, without secrets and without what looks like a key."""
        secrets = self.secrets.union(_of_environment())
        return _redaction.cleaned(text, secrets, hide=_redaction.KEY_LIKE, at_most=_LONGEST)

    def _keep_request(self, headers: Mapping[str, str] | None, body: bytes | None) -> None:
        for name, value in (headers or {}).items():
            self._keep_header(name, value)
        form = parse_qs(body.decode("utf-8", "replace")) if body else {}
        for token in form.get("subject_token", []):
            self.keep_subject_token(token)
        self.secrets.update(form.get("assertion", []))

    def _keep_header(self, name: str, value: str) -> None:
        if name.lower() not in _SECRET_HEADERS:
            return
        scheme, _, proof = value.partition(" ")
        if scheme.startswith("AWS4-"):
            self.secrets.update(_SIGNATURE.findall(value))
            return
        self.secrets.add(proof or value)
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                self.secrets.add(base64.b64decode(proof).decode("latin-1").partition(":")[2])

    def _keep(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            ahead = parsedate_to_datetime(headers.get("date", "")).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            ahead = None
        reply = Reply(url, status, ahead, body.decode("utf-8", "replace"))
        self.secrets.update(value for name in _TOKENS if isinstance(value := reply.document.get(name), str) and value)
        self.replies.append(reply)
        return reply


_SECRET_HEADERS = {"authorization", "x-amz-security-token"}
_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_CLIENT_SECRET",
)


def _of_environment() -> Iterator[str]:
    yield from filter(None, map(os.environ.get, _VARIABLES))
    yield from proxy_secrets()
