"""No key, token or signature appears anywhere, with every logger at DEBUG and servers that quote requests."""

from __future__ import annotations

import json
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote

import boto3
import botocore.session
import google.auth.transport.requests
import google.auth.transport.urllib3
import google_auth_httplib2
import httplib2
import pytest
import requests
import seams
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from records import Records, recording

from core.conftest import Make
from core.frames import text_in_frames
from core.stand_in import ACCOUNT, PROVIDER, Answer, FakeClock, FakeGoogle, Sent, visible_text
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata

TRANSPORTS = ["requests", "urllib3", "httplib2"]


@pytest.fixture(name="transport", params=TRANSPORTS)
def _transport(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A transport of each kind, which is closed after the test."""
    if request.param == "requests":
        with requests.Session() as session:
            yield google.auth.transport.requests.Request(session=session)
    elif request.param == "urllib3":
        with urllib3.PoolManager() as pool:
            yield google.auth.transport.urllib3.Request(pool)
    else:
        http = httplib2.Http()
        yield google_auth_httplib2.Request(http)
        http.close()


@pytest.fixture(name="records")
def _records(monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", "google")
    with recording() as records:
        yield records


def trusting(google: Emulator) -> AwsProvider:
    """Let the role `app` impersonate the account."""
    provider = google.add_aws_provider()
    google.add_service_account(ACCOUNT)
    role = provider.principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app")
    google.grant(ACCOUNT, "roles/iam.workloadIdentityUser", role)
    return provider


@pytest.mark.parametrize("source", ["environment", "session", "metadata", "container"])
def test_nothing_secret_is_logged(
    records: Records, source: str, transport: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with Emulator() as google:
        provider = trusting(google)
        keys = google.aws_keys.issue()
        arguments: dict[str, Any] = {}
        servers: list[Any] = []
        if source == "environment":
            _export(monkeypatch, keys)
        else:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
                monkeypatch.delenv(name)
        if source == "session":
            arguments["session"] = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token)
        elif source == "metadata":
            servers.append(InstanceMetadata(lambda: keys))
        elif source == "container":
            servers.append(ContainerCredentials(lambda: keys))
        for server in servers:
            server.__enter__()
            for name, value in server.environment().items():
                monkeypatch.setenv(name, value)
        try:
            credentials = Credentials(
                provider.audience,
                ACCOUNT,
                token_url=google.token_url,
                iam_credentials_endpoint=google.iam_credentials_endpoint,
                **arguments,
            )
            credentials.refresh(transport)
        finally:
            for server in servers:
                server.__exit__(None, None, None)
        federated = google.calls[-1].headers["authorization"].removeprefix("Bearer ")
        subject_token = google.calls[0].form()["subject_token"]
        signature = re.search(r"Signature=([0-9a-f]{64})", unquote(subject_token))
        assert signature is not None
        assert records.text, "nothing was logged"
        assert any("google_auth_botocore" in text and "HTTP 200" in text for text in records.text)
        for secret in (
            keys.secret_access_key,
            keys.session_token or "",
            signature[1],
            subject_token,
            federated,
            credentials.get_token().value,
        ):
            assert len(secret) > 20
            assert secret not in records


def _export(monkeypatch: pytest.MonkeyPatch, keys: AwsKeys) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")


def test_debug_records_of_other_code_are_not_suppressed(records: Records, request_: FakeGoogle, make: Make) -> None:
    """Only records caused by our own requests are suppressed."""
    make().refresh(request_)
    logging.getLogger("google.auth.transport.requests").debug("another library's request")
    logging.getLogger("botocore.auth").debug("another library's signature")
    assert "another library's request" in records
    assert "another library's signature" in records


@pytest.mark.parametrize("echo", ["description", "message", "body", "reason", "escaped"])
@pytest.mark.parametrize("account", [None, ACCOUNT])
def test_error_hides_what_a_server_quotes_from_the_request(
    make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch, echo: str, account: str | None
) -> None:
    secret_key, session = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE+/=" * 8
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    sent: list[str] = []

    def quoting(call: Sent) -> Answer:
        text = (
            call.body.decode() + str(call.headers) + unquote(call.body.decode()) + unquote(unquote(call.body.decode()))
        )
        text += f" {secret_key} {session}\x1b[31m\r\n"
        sent.append(text)
        return Answer(
            {
                "description": {"error": "invalid_grant", "error_description": text},
                "message": {"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}},
                "body": text.encode(),
                "reason": {"error": text, "error_description": "x"},
                "escaped": json.dumps({"error": "x", "error_description": text}, ensure_ascii=True).encode(),
            }[echo],
            400,
        )

    if account:
        request_.script.append(lambda call: Answer({"access_token": "ya29.federated-and-long", "expires_in": 3600}))
    request_.script.append(quoting)
    with pytest.raises(FederationError) as caught:
        make(account).refresh(request_)
    signature = re.search(r"Signature=([0-9a-f]{64})", unquote(unquote(request_.calls[0].body.decode())))
    assert signature is not None
    text = visible_text(caught.value)
    hidden = ["ya29.federated-and-long"] if account else [signature[1], session, quote(session, safe="")]
    if not account:
        hidden.append(secret_key)
    for secret in hidden:
        assert secret not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", str(caught.value))


def test_the_server_that_accepts_the_assertion_quotes_no_secret_it_was_obtained_with(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even in the first refresh, during which these secrets are created."""
    secret_key, session = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE+/=" * 8
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    request_ = FakeGoogle({"AKID": secret_key}.__getitem__)
    federated, assertion = "ya29.federated-and-long", "header.assertion-and-long.signature"
    text = f"before {secret_key} {session} {federated} {assertion} after"
    request_.script.extend(
        [
            Answer({"access_token": federated, "expires_in": 3600}),
            Answer({"signedJwt": assertion}),
            Answer({"error": "invalid_request", "error_description": text}, 400),
        ]
    )
    with pytest.raises(FederationError) as caught:
        make(ACCOUNT, subject="user@example.com").refresh(request_)
    assert caught.value.step == "delegation"
    assert re.search(r": before (\[hidden\] ?)+ after", str(caught.value))
    assert not any(secret in visible_text(caught.value) for secret in (secret_key, session, federated, assertion))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60), st.text(max_size=40))
def test_no_secret_survives_in_an_error(secret: str, around: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        credentials, request = Credentials(PROVIDER), FakeGoogle(lambda _: secret)
        text = f"{around} {secret} {around}"
        request.script.append(Answer({"error": "e", "error_description": text}, 400))
        with pytest.raises(FederationError) as caught:
            credentials.refresh(request)
        said = str(caught.value).split("(HTTP 400, e): ")[-1]
        assert secret not in said


def test_text_too_short_for_a_secret_is_not_hidden(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise, a placeholder key of one letter would remove that letter from every sentence."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    request = FakeGoogle({"AKID": "x"}.__getitem__)
    request.script.append(Answer({"error": "invalid_target", "error_description": "exactly exchanged"}, 400))
    with pytest.raises(FederationError, match="exactly exchanged"):
        make().refresh(request)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("failing", ["keys", "exchange", "connection", "answer", "impersonation", "signature"])
def test_no_frame_of_an_error_has_a_secret(make: Make, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """Crash reporters send the local variables of each frame."""
    secret_key, session = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE+/=" * 8
    federated = "ya29.federated-and-long"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{secret_key}\n" if failing == "keys" else secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    request = FakeGoogle({"AKID": secret_key}.__getitem__)
    no = Answer({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, 403)
    if failing == "connection":
        request.script.extend([OSError("no")] * 100)
    elif failing == "answer":
        request.script.append(ValueError("no"))
    elif failing == "exchange":
        request.script.append(no)
    else:
        request.script.extend([Answer({"access_token": federated, "expires_in": 3600}), no])
    credentials = make(ACCOUNT)
    seams.use_own_transport(monkeypatch, request)
    with pytest.raises((FederationError, ValueError)) as caught:
        credentials.sign_bytes(b"message") if failing == "signature" else credentials.refresh(request)
    found = text_in_frames(caught.value)
    assert PROVIDER in found, "no frame was examined"
    for secret in (secret_key, session, federated):
        assert secret not in found


def test_netrc_file_changes_no_header(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Emulator() as emulator:
        provider = trusting(emulator)
        _export(monkeypatch, emulator.aws_keys.issue())
        credentials = Credentials(
            provider.audience, ACCOUNT, token_url=emulator.token_url, iam_credentials_endpoint=emulator.url
        )
        with requests.Session() as session:
            credentials.refresh(google.auth.transport.requests.Request(session=session))
            credentials.refresh(None)
        assert "authorization" not in emulator.calls[0].headers
        assert all(call.headers.get("authorization", "Bearer ").startswith("Bearer ") for call in emulator.calls)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_transport_follows_a_redirect(transport: Any, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with Emulator() as google, Emulator() as thief:
        provider = google.add_aws_provider()
        _export(monkeypatch, google.aws_keys.issue())
        google.fail("token", Fault(status=status, headers={"Location": thief.token_url}))
        credentials = Credentials(provider.audience, token_url=google.token_url)
        with pytest.raises(FederationError, match="redirect"):
            credentials.refresh(transport)
        assert thief.calls == []
        assert len(google.calls) == 1


ECHOES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda secret: quote(secret, safe=""),
    "lower-case percent": lambda secret: re.sub("%..", lambda m: m[0].lower(), quote(secret, safe="")),
    "percent but for slashes": quote,
    "percent three times": lambda secret: quote(quote(quote(secret, safe=""), safe=""), safe=""),
    "form": lambda secret: quote(secret, safe="").replace("%2B", " "),
    "JSON": lambda secret: secret.replace("/", r"\/").replace("+", r"\u002b").replace("=", r"\u003D"),
    "HTML": lambda secret: secret.replace("+", "&#43;").replace("/", "&#x2F;"),
    "capitals": str.upper,
    "lines": lambda secret: "\n".join(re.findall(".{1,10}", secret)),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("step", ["exchange", "impersonation"])
def test_a_secret_is_hidden_in_every_form(
    make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch, echo: str, step: str
) -> None:
    """Even IAM Credentials, which never gets the AWS keys, could quote them or the current token."""
    session = "Fw+/oGZ/XI=vYX+dzE/+Qk9/Pz+aaBBcc//++==ddEEff00"
    monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    credentials = make(ACCOUNT if step == "impersonation" else None)
    credentials.refresh(request_)
    token = credentials.get_token().value
    said = ECHOES[echo](session)
    text = f"before {said} and {token} after"

    def refuse(_: Sent) -> Answer:
        return Answer({"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}}, 403)

    request_.script.append(refuse)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    assert ": before [hidden] and " in str(caught.value)
    assert " after." in str(caught.value)
    assert token not in str(caught.value)


@pytest.mark.parametrize("padding", [0, 700, 70_000])
def test_cause_that_contains_a_secret_anywhere_is_left_out(make: Make, request_: FakeGoogle, padding: int) -> None:
    """Text that is removed from the message is still in the traceback of its cause."""

    def fail(sent: Sent) -> Answer:
        raise ConnectionError("x " * padding + sent.body.decode())

    request_.script.extend([fail] * 100)
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert caught.value.__cause__ is None
    assert "Signature" not in "".join(traceback.format_exception(caught.value))


def test_no_request_is_attached_to_an_error(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """requests attaches the whole request to its errors."""
    credentials = Credentials(PROVIDER, token_url="http://127.0.0.1:1/v1/token")
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert caught.value.__cause__ is None
    assert "Connection refused" in str(caught.value)


def test_keys_of_a_session_are_not_pickled(make: Make) -> None:
    session = botocore.session.Session()
    session.set_credentials("AKID", "SECRET", "SESSION")
    with pytest.raises(pickle.PicklingError) as caught:
        pickle.dumps(make(session=session))
    assert seams.sentences(caught.value) == (
        "The session of these credentials has its own keys, and keys are never pickled. "
        "Pass profile=, region= or assume_role= instead of session=, so that the other process resolves its own identity."
    )
