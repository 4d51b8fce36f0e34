"""Invalid replies: one clear error, no changed state, and the object works again afterwards."""

from __future__ import annotations

import base64
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conftest import Make
from core.stand_in import (
    ACCOUNT,
    PROVIDER,
    Answer,
    FakeClock,
    FakeGoogle,
    Sent,
    federated,
    impersonated,
    message_without_hint,
    visible_text,
)
from google_auth_botocore import FederationError, IDTokenCredentials, Token, TransientFederationError
from google_auth_botocore.emulator import Emulator, Fault

EXCHANGE = [
    (b"not JSON", "a body that is not a JSON object"),
    (b"", "a body that is not a JSON object"),
    (b"null", "a body that is not a JSON object"),
    (b'"text"', "a body that is not a JSON object"),
    (b"[]", "a body that is not a JSON object"),
    (b"[" * 100_000, "a body that is not a JSON object"),
    (b"\xff\xfe", "a body that is not a JSON object"),
    (b"{}", "no lifetime in seconds ('expires_in')"),
    (b'{"access_token": "t"}', "no lifetime in seconds ('expires_in')"),
    (federated("t", None), "no lifetime in seconds ('expires_in')"),
    (federated("t", 0), "no lifetime in seconds ('expires_in')"),
    (federated("t", -1), "no lifetime in seconds ('expires_in')"),
    (federated("t", True), "no lifetime in seconds ('expires_in')"),
    (federated("t", "soon"), "no lifetime in seconds ('expires_in')"),
    (federated("t", float("nan")), "no lifetime in seconds ('expires_in')"),
    (federated("t", 1e300), "no lifetime in seconds ('expires_in')"),
    (federated(None), "no token ('access_token')"),
    (federated(""), "no token ('access_token')"),
    (federated("two\nlines"), "no token ('access_token')"),
    (federated("two words"), "no token ('access_token')"),
    (federated("tökén"), "no token ('access_token')"),
    (federated(7), "no token ('access_token')"),
]
IMPERSONATION = [
    (b"null", "a body that is not a JSON object"),
    (impersonated(None), "no token ('accessToken')"),
    (impersonated("x\r\ny"), "no token ('accessToken')"),
    (impersonated("t", None), "no time of expiry ('expireTime')"),
    (impersonated("t", 7), "no time of expiry ('expireTime')"),
    (impersonated("t", "2027-02-30T00:00:00Z"), "no time of expiry ('expireTime')"),
    (impersonated("t", "2027-01-15T09:00:00"), "no time of expiry ('expireTime')"),
    (impersonated("t", "2027-01-15T07:59:59Z"), "a token that has already expired or never expires"),
]


@pytest.mark.parametrize(
    ("account", "reply", "what"),
    [(None, *case) for case in EXCHANGE] + [(ACCOUNT, *case) for case in IMPERSONATION],
    ids=[f"{number}" for number in range(len(EXCHANGE) + len(IMPERSONATION))],
)
def test_unusable_reply_is_one_clear_error(
    make: Make, request_: FakeGoogle, account: str | None, reply: bytes | Answer, what: str
) -> None:
    credentials = make(account)
    credentials.refresh(request_)
    before = credentials.get_token()
    answer = Answer(reply) if isinstance(reply, bytes) else reply
    if account:
        server, wanted = "Google's IAM Credentials API", f"an access token of {ACCOUNT}"
    else:
        server, wanted = "Google's Security Token Service", f"a federated token for {PROVIDER}"
    request_.script.append(answer)
    with pytest.raises(TransientFederationError) as caught:
        credentials.refresh(request_)
    url = request_.calls[-1].url
    assert (caught.value.failure, caught.value.status_code) == ("reply-not-googles", 200)
    assert message_without_hint(caught.value) == (
        f"{server} answered with {what} (HTTP 200, {len(answer.data)} bytes) to the request for {wanted}."
    )
    assert url in str(caught.value.hint)
    assert caught.value.__cause__ is None
    assert credentials.get_token() == before
    credentials.refresh(request_)
    assert credentials.get_token() != before


@pytest.mark.parametrize("life", [3600, "3600", 3600.0], ids=repr)
def test_lifetime_can_be_a_number_or_text(make: Make, request_: FakeGoogle, life: object) -> None:
    request_.script.append(federated("t", life))
    credentials = make()
    credentials.refresh(request_)
    assert credentials.get_token() == Token("t", credentials.get_token().expiry)
    assert credentials.expiry is not None
    assert credentials.expiry.hour == 9


@pytest.mark.parametrize(
    "expires",
    [
        "2027-01-15T09:00:00Z",
        "2027-01-15T09:00:00.123456789Z",
        "2027-01-15t09:00:00z",
        "2027-01-15T10:00:00+01:00",
        "2027-01-15T04:30:00.5-04:30",
    ],
)
def test_expiry_is_accepted_in_every_form_of_rfc_3339(make: Make, request_: FakeGoogle, expires: str) -> None:
    credentials = make(ACCOUNT)
    request_.script.extend([federated("federated-0"), impersonated("t", expires)])
    credentials.refresh(request_)
    assert credentials.get_token().expiry.isoformat() == "2027-01-15T09:00:00+00:00"


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["access_token", "expires_in", "error", "error_description", "message", "details", "status"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    ),
    st.sampled_from([200, 201, 204, 400, 401, 403, 404, 418]),
)
def test_any_reply_is_a_token_or_one_of_our_errors(document: Any, status: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "SECRET"}.items():
            patch.setenv(name, value)
        from google_auth_botocore import Credentials

        credentials, request = Credentials(PROVIDER), FakeGoogle()
        request.script.append(Answer(document, status))
        error = None
        try:
            credentials.refresh(request)
        except FederationError as raised:
            error = raised
    if error is None:
        assert status == 200
    else:
        assert str(error).startswith("Google's Security Token Service ")
        assert credentials.token is None


def test_an_invalid_date_from_google_is_ignored(make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
    request_.script.extend(
        [
            federated("federated-0"),
            Answer({"accessToken": "t", "expireTime": "2027-01-15T09:00:00Z"}, 200, {"Date": "never"}),
        ]
    )
    credentials = make(ACCOUNT)
    credentials.refresh(request_)
    assert credentials.get_token().expiry.hour == 9


@pytest.mark.parametrize("location", ["http://[bad", "http://\xff/"])
def test_redirect_to_an_invalid_address_is_reported_as_a_redirect(make: Make, google: Emulator, location: str) -> None:
    """requests parses the address even if it does not follow redirects."""
    google.fail("token", Fault(status=302, headers={"Location": location}))
    with pytest.raises(FederationError, match="answered with a redirect"):
        make(token_url=google.token_url).refresh()


class _UserError(Exception):
    """A user's exception, which cannot be copied from its text alone."""

    def __init__(self, text: str, *, number: int) -> None:
        super().__init__(text)
        self.number = number


def test_an_unknown_exception_of_a_callable_reaches_the_caller_unchanged(make: Make, request_: FakeGoogle) -> None:
    """It may not mean a failed request, so it is not translated or remembered. It has no frames of the exchange."""
    raised = _UserError("no", number=3)

    def fail(sent: Sent) -> Answer:
        raise raised

    request_.script.append(fail)
    credentials = make()
    with pytest.raises(_UserError) as caught:
        credentials.refresh(request_)
    assert caught.value is raised
    assert not any(frame.f_code is fail.__code__ for frame, _ in traceback.walk_tb(caught.value.__traceback__))
    credentials.before_request(request_, "GET", "https://x", {})


@pytest.mark.usefixtures("clock")
def test_password_in_an_invalid_proxy_url_is_in_no_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests parses part of the password as the host."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2/x@proxy.example:3128")
    with pytest.raises(FederationError) as caught:
        make().refresh(None)
    assert "hunter2" not in visible_text(caught.value)
    assert "hunter2" not in str(caught.value)


def test_lifetime_of_thousands_of_digits_is_invalid(make: Make, request_: FakeGoogle) -> None:
    request_.script.append(federated("t", "9" * 5000))
    with pytest.raises(TransientFederationError, match="no lifetime in seconds"):
        make().refresh(request_)


@pytest.mark.parametrize(
    "claims",
    [
        b'{"iat": 0, "exp": 1%s}' % (b"0" * 400),
        b'{"exp": 1%s, "iat": 1.5}' % (b"0" * 400),
        b'{"iat": 0, "exp": 1e308}',
        b'{"iat": 0, "exp": NaN}',
        b'{"iat": NaN, "exp": 1}',
        b'{"iat": 0, "exp": Infinity}',
        b'{"iat": -1e300, "exp": 1}',
        b'{"iat": 5, "exp": 5}',
        b'{"iat": 0, "exp": 1000000000}',
        b'{"iat": "0", "exp": 3600}',
        b'{"iat": 0}',
        b"[" * 100_000,
    ],
    ids=lambda claims: claims[:30].decode(),
)
def test_id_token_without_a_measurable_lifetime_is_rejected(make: Make, request_: FakeGoogle, claims: bytes) -> None:
    payload = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    request_.script.extend([federated("federated-0"), Answer({"token": f"header.{payload}.signature"})])
    with pytest.raises(TransientFederationError, match=r"an ID token without a lifetime \('iat' and 'exp'\)"):
        IDTokenCredentials(make(ACCOUNT), "https://x").refresh(request_)


def test_lifetime_of_an_id_token_is_measured_by_the_servers_clock(make: Make, request_: FakeGoogle) -> None:
    """The server can return a token that it has cached for some time."""
    claims = base64.urlsafe_b64encode(b'{"iat": 1799999400, "exp": 1800003000}').decode().rstrip("=")
    headers = {"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}  # 1,800,000,000
    request_.script.extend([federated("federated-0"), Answer({"token": f"header.{claims}.signature"}, 200, headers)])
    credentials = IDTokenCredentials(make(ACCOUNT), "https://x")
    credentials.refresh(request_)
    assert credentials.get_token().expiry.timestamp() == 1_800_003_000


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT"])
def test_a_date_that_no_clock_can_show_does_not_move_the_signature(make: Make, request_: FakeGoogle, date: str) -> None:
    text = "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: x"
    request_.script.append(Answer({"error": "invalid_grant", "error_description": text}, 400, {"Date": date}))
    credentials = make()
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    assert caught.value.failure == "clock-skew"
    credentials.refresh(request_)
    assert "20270115T080000Z" in request_.calls[-1].form["subject_token"]


@pytest.mark.parametrize(
    "body",
    [b'{"access_token": "ya29.new-and-secret', b'[{"access_token" : "ya29.new-and-secret", "expires_in": 3600}]'],
)
def test_token_in_a_rejection_that_is_not_a_json_object_is_not_quoted(
    make: Make, request_: FakeGoogle, body: bytes
) -> None:
    request_.script.append(Answer(body, 400))
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert "[hidden]" in str(caught.value)
    assert "ya29.new-and-secret" not in visible_text(caught.value)
