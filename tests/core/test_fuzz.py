"""Fuzz tests of configurations, arguments and Google's replies: the result is valid, or one of our errors.

`nox -s fuzz` tries a million of them, the default run a hundred of each.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
import seams
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from core.malformed import bodies, mutated, near, numbers, values
from core.stand_in import (
    ACCOUNT,
    IAM_URL,
    PROVIDER,
    STS_URL,
    Answer,
    FakeGoogle,
    Sent,
    federated,
    impersonated,
    is_printable,
    visible_text,
)
from google_auth_botocore import ConfigurationError, Credentials, FederationError, IDTokenCredentials

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "FwoGZXIvYXdzE+/=" * 4
FEDERATED = "ya29.d.federated-and-long"
ACCESS = "ya29.c.access-and-long-enough"
ROLE = "arn:aws:iam::123456789012:role/team/reader"

INFO = {
    "universe_domain": "googleapis.com",
    "type": "external_account",
    "audience": PROVIDER,
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "token_url": STS_URL,
    "credential_source": {
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    },
    "service_account_impersonation_url": f"{IAM_URL}:generateAccessToken",
    "service_account_impersonation": {"token_lifetime_seconds": 1800},
    "quota_project_id": "quota",
    "project_id": "project",
}
_OF_A_FILE = (
    *(name for name in INFO),
    "client_id",
    "client_secret",
    "evil.com",
    ".evil.com",
    "evil.com/",
    "user@",
    "sts.googleapis.com",
    "sts.mtls.googleapis.com",
    "sts.us-east1.rep.googleapis.com",
    "sts-x.p.googleapis.com",
    "sts.cn-north-1.amazonaws.com.cn",
    "{region}",
    "apis.example",
    ":443",
    "urn:ietf:params:oauth:token-type:jwt",
)


@pytest.fixture(autouse=True)
def _long_keys(_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use secrets that are too long to be found by chance."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)


_GOOGLE = re.compile(r"(sts|iamcredentials|oauth2)([.-][a-z0-9-]+)*\.googleapis\.com")
_AWS = re.compile(
    r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)"
)


def _calls_only_google_and_aws(credentials: Credentials) -> bool:
    """Return whether the endpoints are Google's and AWS's, parsed with the library that connects to them."""
    info = credentials.with_quota_project("that-no-document-has").info
    used = [info["token_url"], *(info[name] for name in ("service_account_impersonation_url",) if name in info)]
    urls = [parse_url(url) for url in used]
    at_aws = parse_url(info["credential_source"]["regional_cred_verification_url"].replace("{region}", "eu-central-1"))
    return (
        (at_aws.scheme, at_aws.auth) == ("https", None)
        and _AWS.fullmatch(at_aws.host or "") is not None
        and all(
            (url.scheme, url.auth, url.port or 443) == ("https", None, 443) and _GOOGLE.fullmatch(url.host or "")
            for url in urls
        )
    )


@given(mutated(INFO, *_OF_A_FILE) | values(_OF_A_FILE))
def test_any_document_is_a_configuration_that_info_returns_or_one_error(info: Any) -> None:
    try:
        credentials = Credentials.from_info(info)
    except ConfigurationError:
        return
    assert credentials.info == info
    assert _calls_only_google_and_aws(credentials)
    changed = credentials.with_quota_project("another")
    again = Credentials.from_info(changed.info)
    assert again.info == changed.info
    # Without a service account, the lifetime has no meaning and is not written.
    assert repr(again) == repr(changed) or credentials.service_account_email is None


_ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "audience": near(PROVIDER, PROVIDER.removeprefix("//iam.googleapis.com/"), f"https:{PROVIDER}"),
    "service_account_email": near(ACCOUNT, "123456789012345678901"),
    "scopes": st.lists(near("https://www.googleapis.com/auth/cloud-platform"), max_size=2),
    "default_scopes": st.builds(iter, st.lists(st.just("openid"))),
    "lifetime": st.integers(-1, 43201) | numbers,
    "delegates": st.lists(near(ACCOUNT), max_size=2),
    "subject": near("user@example.com"),
    "quota_project_id": near("quota"),
    "project_id": near("project"),
    "session": st.just("no session") | st.builds(object),
    "profile": near("default"),
    "region": near("eu-central-1", "us-west-2-lax-1a", "aws-global"),
    "assume_role": near(ROLE)
    | st.dictionaries(
        near("RoleArn", "RoleSessionName", "ExternalId") | st.integers(), near(ROLE) | st.integers(), max_size=3
    ),
    "subject_token_type": near("urn:ietf:params:oauth:token-type:jwt"),
    "universe_domain": near("apis.example", "googleapis.com"),
    "token_url": near(STS_URL, "http://localhost:8080/v1/token", "http://[::1]/"),
    "iam_credentials_endpoint": near("https://iamcredentials.googleapis.com", "http://127.0.0.1:1"),
    "oauth_token_url": near("https://oauth2.googleapis.com/token"),
}
_junk = values((PROVIDER, ACCOUNT, STS_URL, ROLE)) | st.binary(max_size=4) | st.builds(object)


@given(
    st.fixed_dictionaries({}, optional={name: right | right | _junk for name, right in _ARGUMENTS.items()})
    | st.builds(
        lambda arguments, name, value: {
            "audience": PROVIDER,
            "service_account_email": ACCOUNT,
            **arguments,
            name: value,
        },
        st.just({}),
        st.sampled_from([*_ARGUMENTS]),
        st.sampled_from([*_ARGUMENTS]).flatmap(_ARGUMENTS.__getitem__) | _junk,
    )
)
def test_any_arguments_are_credentials_or_one_error(arguments: dict[str, Any]) -> None:
    credentials = error = None
    try:
        credentials = Credentials(**arguments)
    except ConfigurationError as raised:
        error = raised
    except TypeError:
        assert "audience" not in arguments
    assert error is None or seams.sentences(error).isprintable()
    if credentials is None:
        return
    assert repr(credentials).isprintable()
    configuration = credentials.__getstate__()["configuration"]
    urls = [credentials.info["token_url"], configuration["iam_credentials_endpoint"], configuration["oauth_token_url"]]
    for url in filter(None, urls):  # None: the universe's own
        seen = parse_url(url)
        assert seen.scheme == "https" or seen.host in ("localhost", "127.0.0.1", "[::1]")
    assert set(credentials.info) >= {"type", "audience", "token_url"}
    assert repr(
        credentials.with_scopes(["openid"]).with_scopes(credentials.scopes, credentials.default_scopes)
    ) == repr(credentials)


class Google(FakeGoogle):
    """Answers correctly, except that a script sets the replies to one kind of request."""

    def __init__(self, kind: str, replies: list[Answer]) -> None:
        super().__init__({"AKID": SECRET_KEY}.__getitem__)
        self._kind = kind
        self.replies = deque(replies)

    def default_answer(self, sent: Sent) -> Answer:
        kind = sent.url.rsplit("/", 1)[1].rsplit(":", 1)[-1]
        if "assertion" in sent.body.decode():
            kind = "assertion"
        if kind == self._kind and self.replies:
            return self.replies.popleft()
        return right(kind)


def jwt(claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "sig"]
    )


CLAIMS = {"iss": "https://accounts.google.com", "aud": "https://x", "iat": 1_800_000_000, "exp": 1_800_003_600}


def right(kind: str) -> Answer:
    """Return Google's answer."""
    return {
        "token": federated(FEDERATED),
        "assertion": federated(ACCESS),
        "generateAccessToken": impersonated(ACCESS),
        "generateIdToken": Answer({"token": jwt(CLAIMS)}),
        "signBlob": Answer({"keyId": "1", "signedBlob": base64.b64encode(b"signed").decode()}),
        "signJwt": Answer({"keyId": "1", "signedJwt": jwt({"iss": ACCOUNT})}),
    }[kind]


class Way(NamedTuple):
    """One kind of request to Google.

    Attributes:
        kind: The kind of request whose replies are arbitrary.
        make: Creates the credentials.
        ask: Sends the request with them, and returns what it brings.
    """

    kind: str
    make: Callable[[], Any]
    ask: Callable[[Any, Google], Any]


def _refreshed(credentials: Any, request: Google) -> Any:
    credentials.refresh(request)
    token = credentials.get_token()
    assert token.value == credentials.token
    assert re.fullmatch("[!-~]+", token.value)
    assert token.expiry.timestamp() > seams.clock_of(credentials).time()
    assert repr(credentials).isprintable()
    return token.value


def _signature(credentials: Credentials, request: Google) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        seams.use_own_transport(patch, request)
        signature = credentials.sign_bytes(b"message")
    assert isinstance(signature, bytes)
    assert signature
    return signature


def _account(**more: Any) -> Credentials:
    return Credentials(PROVIDER, ACCOUNT, **more)


WAYS = {
    "exchange": Way("token", lambda: Credentials(PROVIDER), _refreshed),
    "exchange before impersonation": Way("token", _account, _refreshed),
    "impersonation": Way("generateAccessToken", _account, _refreshed),
    "ID token": Way("generateIdToken", lambda: IDTokenCredentials(_account(), "https://x"), _refreshed),
    "signature": Way("signBlob", _account, _signature),
    "signed assertion": Way("signJwt", lambda: _account(subject="user@example.com"), _refreshed),
    "delegation": Way("assertion", lambda: _account(subject="user@example.com"), _refreshed),
}

_AWS_SAYS = "Received invalid AWS response of type {} with error message: {}"
REFUSALS = (
    {"error": "invalid_grant", "error_description": _AWS_SAYS.format("SignatureDoesNotMatch", "Signature expired: x")},
    {"error": "invalid_grant", "error_description": _AWS_SAYS.format("ExpiredToken", "The token is expired")},
    {"error": "invalid_target", "error_description": "The audience is not right"},
    {
        "error": {
            "code": 403,
            "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
            "status": "PERMISSION_DENIED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "IAM_PERMISSION_DENIED",
                    "metadata": {"permission": "iam.serviceAccounts.getAccessToken"},
                }
            ],
        }
    },
)
_SAID = (
    *(
        "access_token",
        "expires_in",
        "accessToken",
        "expireTime",
        "token",
        "signedBlob",
        "signedJwt",
        "error",
        "message",
    ),
    *("error_description", "details", "reason", "metadata", "permission", "status", "SERVICE_DISABLED", "lifetime"),
    *("unauthorized_client", "invalid_grant", "in project my-project", "Signature expired", "vpcServiceControls"),
    *(
        SECRET_KEY,
        SESSION_TOKEN,
        FEDERATED,
        ACCESS,
        "2027-01-15T09:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ),
)
_dates = near(
    "Fri, 15 Jan 2027 08:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Fri, 15 Jan 2027 08:00:00 -0000",
)
_headers = st.dictionaries(st.sampled_from(["Date", "date", "DATE", "X"]), _dates, max_size=1) | st.fixed_dictionaries(
    {"Retry-After": near("1", "600", "9" * 400, "Fri, 15 Jan 2027 08:00:09 GMT")}, optional={"date": _dates}
)


# A token under the name that Google gives it, even in a truncated document.
_GIVEN = re.compile(r'"(?:access_token|accessToken|token)": "([^"]+)')


def replies(kind: str) -> st.SearchStrategy[list[Answer]]:
    """Return a few replies that are almost valid, or arbitrary."""
    known = _SAID if kind == "token" else (*_SAID, FEDERATED)
    documents = mutated(json.loads(right(kind).data), *known)
    if kind == "generateIdToken":
        claims = mutated(CLAIMS, "iat", "exp") | st.builds(
            lambda iat, exp: {"iat": iat, "exp": exp}, numbers | st.integers(), numbers | st.integers()
        )
        documents |= st.builds(lambda claims: {"token": jwt(claims)}, claims)
    refusals = st.one_of(*(mutated(refusal, *known) for refusal in REFUSALS))
    statuses = st.sampled_from([200, 200, 200, 400, 400, 401, 403, 404, 408, 429, 500, 503, 204, 302, 307, 418, 0, 999])
    return st.lists(st.builds(Answer, bodies(documents | refusals), statuses, _headers), min_size=1, max_size=3)


# Created once, because creating a strategy takes longer than drawing from it.
_REPLIES = {way.kind: replies(way.kind) for way in WAYS.values()}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.usefixtures("clock")
@given(data=st.data())
def test_any_replies_give_a_result_or_an_error_without_secrets(way: Way, data: st.DataObject) -> None:
    """Afterwards the object works normally."""
    script = data.draw(_REPLIES[way.kind])
    google, asked = Google(way.kind, script), way.make()
    error = None
    try:
        way.ask(asked, google)
    except FederationError as raised:
        error = raised
    if error is not None:
        text = visible_text(error)
        signatures = re.findall(r"Signature=([0-9a-f]{64})", unquote(unquote(google.calls[0].body.decode())))
        last = script[len(script) - len(google.replies) - 1].data.decode(errors="replace")
        given_away = {FEDERATED, ACCESS}.intersection(_GIVEN.findall(last))
        known = [] if way.kind == "token" else [FEDERATED]
        assert signatures
        for secret in (SECRET_KEY, SESSION_TOKEN, *signatures, *known, *given_away):
            assert secret not in text
        assert is_printable(error)
        assert error.step
    google.replies.clear()
    seams.clock_of(asked).advance(61)
    assert way.ask(asked, google) in (ACCESS, FEDERATED, jwt(CLAIMS), b"signed")
