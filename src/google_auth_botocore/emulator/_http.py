"""Requests, replies and routes, independent of sockets."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from re import Match, Pattern
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from google_auth_botocore.emulator import _json
from google_auth_botocore.emulator._errors import RpcError


@dataclass
class Call:
    """A request to the emulator, recorded on arrival and completed before the reply is sent.

    Attributes:
        method: `GET`, `POST`, ….
        path: the percent-decoded path, without the query.
        query: the query as it was sent, without the question mark.
        headers: headers by lower-case name.
        body: the body as it was sent.
        when: time of arrival by the emulator's clock, in seconds since the epoch.
        status: HTTP status of the reply; None while there is no reply, and if the connection was dropped.
        principal: the caller, once known: a `principal://` name or an e-mail address.
        assertion: for a token exchange, the verified contents of the subject token: `arn`, `account` and `userid` of an
            AWS caller, or the claims of a JWT.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    when: float
    status: int | None = None
    principal: str | None = None
    assertion: Mapping[str, Any] | None = None

    @property
    def is_json(self) -> bool:
        """Whether the content type is JSON."""
        return self.headers.get("content-type", "").partition(";")[0].strip() == "application/json"

    def parameters(self) -> dict[str, str]:
        """Return the query parameters. The last of a repeated one wins."""
        return {name: values[-1] for name, values in parse_qs(self.query).items()}

    def form(self) -> dict[str, str]:
        """Return the fields of a form-encoded body. The last of a repeated one wins."""
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in fields.items()}

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body. An empty body is an empty object.

        Raises:
            RpcError: the body is not a JSON object.
        """
        try:
            value = _json.parse(self.body or b"{}")
        except ValueError as error:
            raise RpcError(400, f"Invalid JSON payload received. {error}") from error
        if not isinstance(value, dict):
            raise RpcError(400, "Invalid JSON payload received. Expected an object.")
        return value

    def fields(self, known: Collection[str]) -> dict[str, Any]:
        """Return the fields of the JSON object in the body. A null field counts as absent, as in all of Google's JSON.

        Raises:
            RpcError: the body is not a JSON object, or has an unknown field.
        """
        body = {name: value for name, value in self.json().items() if value is not None}
        unknown = sorted(body.keys() - set(known))
        if unknown:
            raise RpcError(400, f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
        return body

    def bearer(self) -> str | None:
        """Return the bearer token of the Authorization header, or None."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" and value.strip() else None

    def basic(self) -> tuple[str, str] | None:
        """Return the user and the password of HTTP Basic authentication, or None."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


@dataclass(frozen=True)
class Response:
    """A reply. A body that is neither bytes nor text is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        """Return the body as bytes and its content type."""
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=UTF-8"
        return json.dumps(self.body).encode(), "application/json; charset=UTF-8"


class Route(NamedTuple):
    """The requests that a handler serves: the method, the whole decoded path, and the handler."""

    method: str
    path: Pattern[str]
    handler: Callable[[Call, Match[str]], Response]
