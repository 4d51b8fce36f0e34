"""Fuzz tests of input from AWS: environment, endpoints, processes and STS. The result is keys or one of our errors.

botocore parses it, and a script replaces its HTTP connections. `nox -s fuzz` tries more examples.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections import deque
from io import BytesIO
from pathlib import Path
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import botocore.httpsession
import botocore.utils
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.malformed import bodies, mutated, near
from core.stand_in import PROVIDER, Answer, FakeGoogle, HurriedClock, Sent, federated, is_printable, visible_text
from google_auth_botocore import ConfigurationError, Credentials, FederationError

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": "AKID",
    "SecretAccessKey": SECRET_KEY,
    "Token": "FwoGZXIvYXdzE+/=" * 4,
    "Expiration": "2099-01-31T12:00:00Z",
}
PRINTED = {"Version": 1, **{name: KEYS[name] for name in ("AccessKeyId", "SecretAccessKey", "Expiration")}}
_OF_KEYS = (*KEYS, "Version", "SessionToken", "Failed", "soon", "2030-01-31T12:00:00", "0001-01-01T00:00:00Z", "AKID ")

# Each example creates a session, which takes a hundred times as long as reading a configuration.
few = settings(
    max_examples=max(1, settings().max_examples // 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Wire:
    """Replaces botocore's HTTP connections.

    Attributes:
        replies: status, headers and body of the next replies. The last one is repeated.
    """

    def __init__(self) -> None:
        self.replies: deque[tuple[int, dict[str, str], bytes]] = deque()

    def send(self, request: Any) -> botocore.awsrequest.AWSResponse:
        if not self.replies:
            raise botocore.exceptions.EndpointConnectionError(endpoint_url=request.url)
        status, headers, body = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]

        class Raw(BytesIO):
            def stream(self, **_: Any) -> Any:
                yield self.read()

        given: Any = headers
        return botocore.awsrequest.AWSResponse(request.url, status, given, Raw(body))


@pytest.fixture(name="wire", autouse=True)
def _wire(_keys: None, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """There are no keys in the environment and no sources that cause a wait."""
    wire = Wire()
    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", lambda _, request: wire.send(request))
    monkeypatch.setattr(botocore.utils.ContainerMetadataFetcher, "SLEEP_TIME", 0)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(Credentials, "_clock", HurriedClock())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    return wire


class Trusting(FakeGoogle):
    """Accepts any subject token."""

    def default_answer(self, sent: Sent) -> Answer:
        assert sent.form["subject_token"]
        return federated("ya29.token")


def attempt(**arguments: Any) -> Exception | None:
    """Return the error of a refresh, if any, after checking that it belongs to the AWS step and does not contain the key."""
    error: FederationError | ConfigurationError | None = None
    try:
        credentials = Credentials(PROVIDER, **arguments)
        credentials.refresh(Trusting())
        assert credentials.token == "ya29.token"
    except (FederationError, ConfigurationError) as raised:
        error = raised
    if error is not None:
        assert is_printable(error)
        assert SECRET_KEY not in visible_text(error)
        assert getattr(error, "step", "aws") == "aws"
    return error


_statuses = st.sampled_from([200] * 5 + [400, 401, 403, 404, 429, 500, 503, 204, 302])
_bodies = bodies(mutated(KEYS, *_OF_KEYS)) | st.sampled_from(
    [b"role", b"token", b"eu-central-1", json.dumps(KEYS).encode()]
)
_replies = st.lists(
    st.tuples(_statuses, st.just({"Content-Type": "application/json"}), _bodies), min_size=1, max_size=5
)


@few
@given(replies=_replies)
def test_instance_metadata(wire: Wire, replies: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_EC2_METADATA_DISABLED")
        wire.replies = deque(replies)
        attempt()


@few
@given(replies=_replies)
def test_container_endpoint(wire: Wire, replies: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/keys")
        wire.replies = deque(replies)
        attempt()


_ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2099-01-31T12:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
_JWT = """<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>
<WebIdentityToken>a.b.c</WebIdentityToken><Expiration>2099-01-31T12:00:00Z</Expiration></GetWebIdentityTokenResult>
</GetWebIdentityTokenResponse>"""
_REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"""
_xml = st.builds(str.encode, near(_ASSUMED, _JWT, _REFUSED), st.just("utf-8"), st.just("replace")) | st.binary(
    max_size=40
)


@few
@given(
    replies=st.lists(st.tuples(_statuses, st.just({"Content-Type": "text/xml"}), _xml), min_size=1, max_size=3),
    arguments=st.sampled_from(
        [
            {"assume_role": "arn:aws:iam::123456789012:role/reader"},
            {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
        ]
    ),
)
def test_security_token_service(wire: Wire, replies: list[Any], arguments: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        wire.replies = deque(replies)
        attempt(**arguments)


@few
@given(printed=bodies(mutated(PRINTED, *_OF_KEYS)), code=st.sampled_from([0, 0, 0, 1]))
def test_credential_process(tmp_path: Path, printed: bytes, code: int) -> None:
    output = tmp_path / "printed"
    output.write_bytes(printed)
    program = f"sh -c 'cat {shlex.quote(str(output))}; exit {code}'"
    with pytest.MonkeyPatch.context() as patch:
        config = tmp_path / "config"
        config.write_text(f"[default]\ncredential_process = {program}\n")
        patch.setenv("AWS_CONFIG_FILE", str(config))
        attempt()


# Without programs to run and without a high number of retries, which would take too long.
_VARIABLES = {
    **{name: near("AKIAEXAMPLE", SECRET_KEY) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")},
    **{name: near("eu-central-1", "aws-global", "x") for name in ("AWS_REGION", "AWS_DEFAULT_REGION")},
    "AWS_SESSION_TOKEN": near("FwoGZXIvYXdzE"),
    "AWS_CREDENTIAL_EXPIRATION": near("2030-01-31T12:00:00Z", "2020-01-31T12:00:00Z"),
    "AWS_PROFILE": near("default"),
    "AWS_ROLE_ARN": near("arn:aws:iam::123456789012:role/reader"),
    "AWS_ROLE_SESSION_NAME": near("session"),
    "AWS_WEB_IDENTITY_TOKEN_FILE": near(os.devnull, "/none"),
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": near("http://127.0.0.1/keys", "https://keys.example.com/"),
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": near("/keys"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": near("token"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": near(os.devnull, "/none"),
    "AWS_EC2_METADATA_DISABLED": near("true", "false"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": near("http://127.0.0.1/", "http://[::1]/"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": near("IPv4", "IPv6"),
    "AWS_METADATA_SERVICE_TIMEOUT": near("1"),
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": st.sampled_from(["", "1", "0", "-1", "x"]),
    "AWS_STS_REGIONAL_ENDPOINTS": near("regional", "legacy"),
    "AWS_USE_FIPS_ENDPOINT": near("true"),
    "AWS_USE_DUALSTACK_ENDPOINT": near("true"),
    "AWS_ENDPOINT_URL": near("http://127.0.0.1:1"),
    "AWS_ENDPOINT_URL_STS": near("http://127.0.0.1:1"),
    "AWS_RETRY_MODE": near("standard", "adaptive", "legacy"),
    "AWS_MAX_ATTEMPTS": st.sampled_from(["", "1", "0", "-1", "x"]),
    "AWS_CA_BUNDLE": near(os.devnull),
}


@few
@given(
    variables=st.fixed_dictionaries({}, optional=_VARIABLES),
    replies=_replies,
    arguments=st.sampled_from([{}, {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}]),
)
def test_environment(wire: Wire, variables: dict[str, str], replies: list[Any], arguments: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            # Only what an environment variable can contain.
            patch.setenv(name, value.replace("\0", "").encode(errors="ignore").decode())
        wire.replies = deque(replies)
        attempt(**arguments)
