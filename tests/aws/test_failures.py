"""Bad input: one clear error, word for word, and the object works again once the cause is gone."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import botocore.credentials
import pytest
from core.stand_in import HurriedClock

from aws.conftest import ROLE, Federation, Issue, Write, arn, environment, ini, set_all
from aws.servers import AwsEndpoint, Response, Route
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, SignIn, SsoPortal
from google_auth_botocore.emulator.aws.moto import Moto
from google_auth_botocore.exceptions import TransientFederationError

_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
_AND_REGION = {**_KEYS, "AWS_REGION": "eu-west-1"}

NO_SOURCE = "botocore found no AWS credentials in any of its sources."
_NO_SECRET = "(PartialCredentialsError): Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY."
_NO_PROFILE = "(ProfileNotFound): The config profile (nobody) could not be found."
_UNPARSED = "(ConfigParseError): Unable to parse config file: HOME/.aws/{}."
_UNUSABLE = "(ValueError): {}"
_NO_NUMBER = _UNUSABLE.format("invalid literal for int() with base 10: 'soon'.")
_WHITE = "The AWS {} from env contains white space."
_FROM_PROCESS = "(CredentialRetrievalError): Error when retrieving credentials from custom-process: {}."


def failure(credentials: Credentials) -> FederationError:
    """Return the error of a refresh: of the AWS step, known, and with a hint."""
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert caught.value.step == "aws"
    assert caught.value.failure
    assert caught.value.hint
    return caught.value


def message(error: FederationError) -> str:
    """Return the text of an error without its hint, which tests/failures compares."""
    return str(error).removesuffix(str(error.hint)).rstrip()


@dataclass
class Cause:
    """Something that is wrong on the machine.

    Attributes:
        message: the error's; what starts with a parenthesis is botocore's.
    """

    message: str
    variables: dict[str, str] = field(default_factory=dict)
    config: str = ""
    shared: str = ""


CAUSES = {
    "no source at all": Cause(NO_SOURCE),
    "an access key without a secret": Cause(_NO_SECRET, {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}),
    "an access key with an empty secret": Cause(_NO_SECRET, {**_KEYS, "AWS_SECRET_ACCESS_KEY": ""}),
    "a secret with an empty access key": Cause(NO_SOURCE, {**_KEYS, "AWS_ACCESS_KEY_ID": ""}),
    "an incomplete set in a file": Cause(
        _NO_SECRET.replace("env", "shared-credentials-file").replace(
            "AWS_SECRET_ACCESS_KEY.", "aws_secret_access_key."
        ),
        shared="[default]\naws_access_key_id = AKIAEXAMPLE\n",
    ),
    "a missing profile": Cause(_NO_PROFILE, {"AWS_PROFILE": "nobody"}),
    "a missing profile beside keys": Cause(_NO_PROFILE, {**_AND_REGION, "AWS_PROFILE": "nobody"}),
    "a broken config file": Cause(_UNPARSED.format("config"), config="[default\nregion"),
    "a broken credentials file beside keys": Cause(
        _UNPARSED.format("credentials"), _AND_REGION, shared="aws_access_key_id"
    ),
    "a bad metadata timeout": Cause(_NO_NUMBER, {"AWS_METADATA_SERVICE_TIMEOUT": "soon"}),
    "a bad metadata timeout beside keys": Cause(_NO_NUMBER, {**_AND_REGION, "AWS_METADATA_SERVICE_TIMEOUT": "soon"}),
    "bad metadata attempts in a file": Cause(
        _NO_NUMBER, _KEYS, config=ini("default", metadata_service_num_attempts="soon")
    ),
    "a bad metadata endpoint": Cause(
        "(InvalidIMDSEndpointError): Invalid endpoint EC2 Instance Metadata endpoint: nowhere.",
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "nowhere"},
    ),
    "white space in the access key id": Cause(
        _WHITE.format("access key id"), {**_KEYS, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE\n"}
    ),
    "white space in the secret": Cause(
        _WHITE.format("secret access key"), {**_KEYS, "AWS_SECRET_ACCESS_KEY": " secret"}
    ),
    "a character that no key has": Cause(
        "The AWS session token from env contains a character that no key has.",
        {**_KEYS, "AWS_SESSION_TOKEN": "t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken"},
    ),
    "quotes, as a file for Docker keeps them": Cause(
        "The AWS secret access key from env contains a character that no key has.",
        {**_KEYS, "AWS_SECRET_ACCESS_KEY": '"secret"'},
    ),
    "white space in the session token": Cause(_WHITE.format("session token"), {**_KEYS, "AWS_SESSION_TOKEN": "to ken"}),
    "an expiry that is no date": Cause(
        "(ParserError): Unknown string format: soon.", {**_KEYS, "AWS_CREDENTIAL_EXPIRATION": "soon"}
    ),
    "an expiry without a time zone": Cause(
        "(TypeError): can't subtract offset-naive and offset-aware datetimes.",
        {**_KEYS, "AWS_CREDENTIAL_EXPIRATION": "2030-01-31T12:00:00"},
    ),
    "a role without a source": Cause(
        "(PartialCredentialsError): Partial credentials found in assume-role, missing: source_profile or credential_source.",
        config=ini("default", role_arn=ROLE),
    ),
    "a role whose source is not there": Cause(
        '(InvalidConfigError): The source_profile "nobody" referenced in the profile "default" does not exist.',
        config=ini("default", role_arn=ROLE, source_profile="nobody"),
    ),
    "a process that fails": Cause(
        _FROM_PROCESS.format("no card in the reader"),
        config=ini("default", credential_process=f"{sys.executable} -c \"exit('no card in the reader')\""),
    ),
    "a process that prints no keys": Cause(
        _FROM_PROCESS.format(
            "Unsupported version '<Version key not provided>' for credential process provider, supported versions: 1"
        ),
        config=ini("default", credential_process=f'{sys.executable} -c "print(dict())"'),
    ),
    "a web identity without its file": Cause(
        "(FileNotFoundError): [Errno 2] No such file or directory: '/nowhere/token'.",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": ROLE},
    ),
    "a web identity without a role": Cause(
        "(InvalidConfigError): The provided profile or the current environment is configured to assume role with web identity but has no role ARN configured. Ensure that the profile has the role_arnconfiguration set or the AWS_ROLE_ARN env var is set.",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"},
    ),
    "a container elsewhere": Cause(
        _UNUSABLE.format(
            "Unsupported host 'example.com'. Can only retrieve metadata from a loopback address or one of these hosts: 169.254.170.2, 169.254.170.23, fd00:ec2::23, localhost."
        ),
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"},
    ),
    "a container's token of two lines": Cause(
        _UNUSABLE.format("Auth token value is not a legal header value."),
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"},
    ),
    "a session of aws login that is not there": Cause(
        "(LoginTokenLoadError): Error loading login session token: Unable to load a existing login session for session me. Please reauthenticate with 'aws login'.",
        config=ini("default", login_session="me"),
    ),
    "a session of single sign-on that is not there": Cause(
        "(SSOTokenLoadError): Error loading SSO Token: Token for corp does not exist.",
        config="[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
        + ini("default", sso_session="corp", sso_account_id="123456789012", sso_role_name="Reader"),
    ),
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
def test_one_clear_error_until_the_cause_is_gone(
    federation: Federation,
    issue: Issue,
    config: Write,
    shared: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cause: Cause,
) -> None:
    with monkeypatch.context() as wrong:
        set_all(wrong, cause.variables)
        for text, write in ((cause.config, config), (cause.shared, shared)):
            if text:
                write(text)
        credentials = federation.credentials()
        error = failure(credentials)
        said = cause.message.replace("HOME", str(tmp_path / "home"))
        said = f"botocore could not get AWS credentials {said}" if said[0] == "(" else said
        # A message that would be longer than 400 characters with its hint has the short text.
        shorter = said.replace("Error when retrieving credentials from ", "")
        if len(f"{said} {error.hint}".partition("\n")[0]) < 400:
            assert message(error) == said
        else:
            assert shorter.startswith(message(error).rstrip("….")), message(error)
    for file in (tmp_path / "home" / ".aws").glob("*"):
        file.unlink()
    set_all(monkeypatch, environment(issue("fixed")))
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("fixed")


class TestContainers:
    """The endpoint that ECS or EKS runs beside a workload."""

    @pytest.fixture(autouse=True)
    def _at_once(self, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)

    def test_an_endpoint_that_denies_access_is_a_permanent_error(
        self, federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "token").write_text("right")
        (tmp_path / "old").write_text("wrong")
        with ContainerCredentials(lambda: issue("pod"), token=tmp_path / "token") as container:
            set_all(monkeypatch, container.environment())
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "old"))
            credentials = federation.credentials()
            error = failure(credentials)
            assert message(error) == (
                "botocore could not get AWS credentials (MetadataRetrievalError): Error retrieving metadata: Received non "
                '200 response 401 from container metadata: {"code": "AccessDenied", "message": "The authorization token '
                'is not valid."}.'
            )
            assert not error.retryable
            (tmp_path / "old").write_text("right")
            credentials.refresh(None)
            assert federation.last_seen().arn == arn("pod")

    def test_an_endpoint_that_fails_is_a_temporary_error(
        self, federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ContainerCredentials(lambda: issue("pod")) as container:
            set_all(monkeypatch, container.environment())
            container.fail("credentials", Fault(503, times=None, body="busy"))
            credentials = federation.credentials()
            error = failure(credentials)
            assert isinstance(error, TransientFederationError)
            assert "Received non 200 response 503 from container metadata: busy" in str(error)
            container.clear_faults()
            credentials.refresh(None)

    def test_a_missing_endpoint_is_a_temporary_error(
        self, federation: Federation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
        error = failure(federation.credentials())
        assert isinstance(error, TransientFederationError)
        assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/"' in str(error)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("api/token", Fault(403, times=None)),  # switched off
        ("security-credentials", Fault(404, times=None)),  # no instance profile
        ("security-credentials", Fault(401, times=None)),  # the token is not accepted
    ],
)
def test_instance_metadata_that_denies_access_is_not_a_source(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, path: str, fault: Fault, clock: HurriedClock
) -> None:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        imds.fail(path, fault)
        credentials = federation.credentials()
        assert message(failure(credentials)) == NO_SOURCE
        assert len(clock.pauses) <= 1
        imds.clear_faults()
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("node")


def test_instance_metadata_behind_a_proxy_is_an_error_that_names_the_proxy(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, clock: HurriedClock
) -> None:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, {**imds.environment(), "HTTP_PROXY": "http://127.0.0.1:1"})
        credentials = federation.credentials()
        error = failure(credentials)
        assert message(error) == (
            "botocore could not get AWS credentials (ProxyConnectionError): Failed to connect to proxy URL: "
            '"http://127.0.0.1:1".'
        )
        assert error.retryable
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("node")


def test_expired_single_sign_on(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SsoPortal(lambda: issue("reader")) as portal:
        portal.sign_in(tmp_path / "home")
        portal.sign_out()
        set_all(monkeypatch, portal.environment())
        credentials = federation.credentials()
        assert message(failure(credentials)) == (
            "botocore could not get AWS credentials (UnauthorizedSSOTokenError): The SSO session associated with this "
            "profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the "
            "corresponding profile."
        )
        portal.sign_in(tmp_path / "home")
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("reader")


def test_expired_login(federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SignIn(lambda: issue("deployer")) as endpoint:
        endpoint.sign_in(tmp_path / "home", since=timedelta(hours=1))
        endpoint.sign_out()
        set_all(monkeypatch, endpoint.environment())
        credentials = federation.credentials()
        assert message(failure(credentials)) == (
            "botocore could not get AWS credentials (LoginRefreshRequired): Your session has expired or credentials "
            "have changed. Please reauthenticate using 'aws login'."
        )
        endpoint.sign_in(tmp_path / "home")
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("deployer")


def test_login_without_botocores_c_library_says_what_to_install(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SignIn(lambda: issue("deployer")) as endpoint:
        endpoint.sign_in(tmp_path / "home")
        credentials = federation.credentials()
        with monkeypatch.context() as without:
            without.setattr(botocore.credentials, "EC", None)  # the state after a failed import
            assert message(failure(credentials)) == (
                "botocore could not get AWS credentials (MissingDependencyException): Missing Dependency: Using the "
                "login credential provider requires an additional dependency. You will need to pip install "
                '"botocore[crt]" before proceeding.'
            )
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("deployer")


class _RejectingSts(AwsEndpoint):
    """An STS that rejects every request."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__()
        self._answer = Response(
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>", status
        )

    def routes(self) -> list[Route]:
        return [Route("POST", re.compile("/"), lambda _call, _match: self._answer)]


@pytest.mark.parametrize(
    ("code", "said", "name"),
    [
        (
            "AccessDenied",
            f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
            "role-not-assumable",
        ),
        ("InvalidClientTokenId", "The security token included in the request is invalid.", "keys-unknown"),
        ("ExpiredToken", "The security token included in the request is expired", "keys-frozen"),
        (
            "RegionDisabledException",
            "STS is not activated in this region for account:123456789012.",
            "region-not-enabled",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
            "clock-skew",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            "secret-key-wrong",
        ),
    ],
)
def test_role_that_sts_denies(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, code: str, said: str, name: str
) -> None:
    with _RejectingSts(code, said, 403) as sts:
        set_all(monkeypatch, {**environment(issue("app")), "AWS_ENDPOINT_URL_STS": sts.url})
        error = failure(federation.credentials(assume_role=ROLE))
        wordy = f"An error occurred ({code}) when calling the AssumeRole operation:"
        text = f"botocore could not get AWS credentials ({code}): {wordy} {said.rstrip('.')}."
        # A message that would be longer than 400 characters with its hint has the short text.
        shorter = text.replace(wordy, "AWS rejects AssumeRole:")
        assert message(error) == (text if len(f"{text} {error.hint}".partition("\n")[0]) < 400 else shorter)
        assert (error.failure, error.reason, error.status_code, error.retryable) == (name, code, 403, False)


def test_white_space_around_an_error_code_of_sts_is_removed(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _RejectingSts("\n  AccessDenied\n", "no", 403) as sts:
        set_all(monkeypatch, {**environment(issue("app")), "AWS_ENDPOINT_URL_STS": sts.url})
        error = failure(federation.credentials(assume_role=ROLE))
    assert error.reason == "AccessDenied"
    assert message(error).isprintable()


def test_session_token_that_sts_quotes_is_in_no_log(
    federation: Federation, issue: Issue, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS quotes the whole request that it could not verify, and botocore logs the reply."""
    caplog.set_level(logging.DEBUG)
    keys = issue("app")
    said = f"The Canonical String should have been 'POST x-amz-security-token:{keys.session_token}'"
    with _RejectingSts("SignatureDoesNotMatch", said, 403) as sts:
        set_all(monkeypatch, {**environment(keys), "AWS_ENDPOINT_URL_STS": sts.url})
        error = failure(federation.credentials(assume_role=ROLE))
    assert "Refreshing temporary credentials failed" in caplog.text
    assert str(keys.session_token) not in f"{caplog.text}{error}{error.__cause__!r}"


def test_keys_without_their_session_token(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = environment(issue("app"))
    token = keys.pop("AWS_SESSION_TOKEN")
    set_all(monkeypatch, keys)
    credentials = federation.credentials()
    with pytest.raises(FederationError, match="InvalidClientTokenId") as caught:
        credentials.refresh(None)
    assert caught.value.failure == "no-session-token"
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    credentials.refresh(None)


@pytest.mark.parametrize("told", [True, False])
def test_keys_that_were_copied_once_and_have_expired(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """AWS decides whether keys have expired: by a wrong clock, fresh keys also look expired."""
    old = issue("app", lifetime=-60)
    set_all(monkeypatch, environment(old))
    if told:
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", f"{old.expiry:%Y-%m-%dT%H:%M:%SZ}")
    credentials = federation.credentials()
    with pytest.raises(FederationError, match="ExpiredToken") as caught:
        credentials.refresh(None)
    assert caught.value.failure == "keys-frozen"
    set_all(monkeypatch, environment(issue("renewed")))
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("renewed")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("profile", [None, "team"], ids=["argument", "profile"])
def test_white_space_in_the_keys_that_assume_a_role_is_never_quoted(
    federation: Federation,
    issue: Issue,
    moto: Moto,
    config: Write,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    profile: str | None,
) -> None:
    """http.client quotes a header that it cannot send, and the header contains a key."""
    keys = environment(issue("app"))
    set_all(monkeypatch, {**keys, name: "leak ed\n"})
    config(ini("profile team", role_arn=ROLE, credential_source="Environment"))
    credentials = federation.credentials(**({"profile": profile} if profile else {"assume_role": ROLE}))
    if profile and name == "AWS_SECRET_ACCESS_KEY":
        credentials.refresh(None)  # the key is not sent, and moto does not check the signature
        return
    error = failure(credentials)
    assert message(error).endswith("contains white space.")
    assert not error.retryable
    assert "leak" not in f"{error!r}{error.__cause__!r}"
    set_all(monkeypatch, keys)
    credentials.refresh(None)
