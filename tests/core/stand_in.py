"""A fake Google that is independent of the emulator: a transport that verifies signatures by AWS's specification."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import google.auth.transport
import seams

from google_auth_botocore import FederationError

PROVIDER = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"
STS_URL = "https://sts.googleapis.com/v1/token"
IAM_URL = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{quote(ACCOUNT, safe='')}"


@dataclass
class FakeClock:
    """A clock that only `advance` and `sleep` move."""

    now: float = 1_800_000_000.0
    elapsed: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


class HurriedClock(seams.SystemClock):
    """The system clock, on which a sleep skips time instead of waiting."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._at_pause: dict[int, Callable[[], object]] = {}

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.pauses)

    def sleep(self, seconds: float, /) -> None:
        self.pauses.append(seconds)
        self._at_pause.get(len(self.pauses), lambda: None)()

    def at_pause(self, number: int, do: Callable[[], object]) -> None:
        """Do something in the pause with this number, counted from 1."""
        self._at_pause[number] = do


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for something in other threads that no event reports."""
    deadline = time.monotonic() + 60  # an exchange that another test has left running can take half a minute
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Answer(google.auth.transport.Response):
    def __init__(self, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self._status = status
        self._headers = dict(headers or {})
        self._data = body if isinstance(body, bytes) else json.dumps(body).encode()

    @property
    def status(self) -> int:
        return self._status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def data(self) -> bytes:
        return self._data


class Sent(NamedTuple):
    url: str
    headers: dict[str, str]
    body: bytes
    timeout: object

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), strict_parsing=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeGoogle(google.auth.transport.Request):
    """A transport that answers like Google, unless a script has another answer.

    Attributes:
        calls: every request so far.
        script: for the next requests, in order: an answer, an exception, or a function that gets the request.
    """

    def __init__(self, secret_of: Callable[[str], str] = {"AKID": "SECRET"}.__getitem__) -> None:
        self.calls: list[Sent] = []
        self.script: deque[Any] = deque()
        self._secret_of = secret_of

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = None,
        **more: Any,
    ) -> Answer:
        assert method == "POST"
        assert not more
        sent = Sent(url, {name.lower(): value for name, value in (headers or {}).items()}, body or b"", timeout)
        self.calls.append(sent)
        step = self.script.popleft() if self.script else self.default_answer
        if isinstance(step, Exception):
            raise step
        answer = step(sent) if callable(step) else step
        assert isinstance(answer, Answer)
        return answer

    def count(self, part: str) -> int:
        return sum(part in sent.url for sent in self.calls)

    def default_answer(self, sent: Sent) -> Answer:
        if sent.url.endswith("/token"):
            assert "authorization" not in sent.headers
            if "subject_token" in sent.form:
                verify_subject_token(sent.form["subject_token"], sent.form["audience"], self._secret_of)
            return federated(f"federated-{len(self.calls)}")
        assert sent.headers["authorization"].startswith("Bearer federated-")
        return impersonated(f"access-{len(self.calls)}")


def federated(token: object = "federated", lifetime: object = 3600) -> Answer:
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return Answer({"access_token": token, "expires_in": lifetime, "token_type": "Bearer", "issued_token_type": kind})


def impersonated(token: object = "access", expires: object = "2027-01-15T09:00:00Z") -> Answer:
    """Return a reply with a token that expires an hour after the start of FakeClock, 2027-01-15T08:00:00Z."""
    return Answer({"accessToken": token, "expireTime": expires}, headers={"Date": "Fri, 15 Jan 2027 08:00:00 GMT"})


def verify_subject_token(subject_token: str, audience: str, secret_of: Callable[[str], str]) -> dict[str, str]:
    """Verify the signature by recomputing it, and return the headers.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    document = json.loads(unquote(subject_token))
    assert set(document) == {"url", "method", "headers"}
    assert document["method"] == "POST"
    headers = {each["key"].lower(): each["value"] for each in document["headers"]}
    url = urlsplit(document["url"])
    assert (url.scheme, url.netloc) == ("https", headers["host"])
    assert headers["x-goog-cloud-target-resource"] == audience
    algorithm, _, rest = headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key_id, date, region, service, terminator = parts["Credential"].split("/")
    assert (algorithm, service, terminator) == ("AWS4-HMAC-SHA256", "sts", "aws4_request")
    temporary = ["x-amz-security-token"] if "x-amz-security-token" in headers else []
    signed = parts["SignedHeaders"].split(";")
    assert signed == sorted(["host", "x-amz-date", "x-goog-cloud-target-resource", *temporary])
    assert set(headers) == {*signed, "authorization"}
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(parse_qsl(url.query))
    )
    canonical = "\n".join(
        [
            "POST",
            url.path or "/",
            query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/{terminator}"
    text = "\n".join([algorithm, headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + secret_of(key_id).encode()
    for part in (date, region, service, terminator):
        key = hmac.digest(key, part.encode(), "sha256")
    assert parts["Signature"] == hmac.digest(key, text.encode(), "sha256").hex(), "wrong signature"
    assert headers["x-amz-date"].startswith(date)
    return headers


def is_printable(error: BaseException) -> bool:
    """Return whether an error has no control character. Only the line breaks in our hint are allowed."""
    hint = getattr(error, "hint", None) or ""
    return str(error).removesuffix(hint).isprintable() and all(line.isprintable() for line in hint.split("\n", 2))


def message_without_hint(error: FederationError) -> str:
    """Return what failed and what was seen. The hints of all failures are compared in tests/failures."""
    text, hint = str(error), f" {error.hint}"
    assert text.endswith(hint)
    return text.removesuffix(hint)


def visible_text(error: BaseException) -> str:
    """Return everything that a traceback, a log record or a debugger shows of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + str(error.args)
