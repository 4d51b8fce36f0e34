"""Permission errors: the retry works after the command in the hint was executed against the emulator."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import seams
from emulator.workload import CLOUD_PLATFORM, ROLE_ARN

from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.emulator import AwsKeys, Emulator, Provider
from google_auth_botocore.emulator.aws import WebIdentityIssuer
from google_auth_botocore.emulator.aws.moto import Moto

TARGET = "target@my-project.iam.gserviceaccount.com"
USER = "roles/iam.workloadIdentityUser"
OPEN_ID = "roles/iam.serviceAccountOpenIdTokenCreator"
CREATOR = "roles/iam.serviceAccountTokenCreator"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ANN = "ann@example.com"
PLACEHOLDER = "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"

Act = Callable[[Credentials], object]
# For each step: the call that fails, and the smallest role that allows it.
STEPS: dict[str, tuple[Act, str]] = {
    "impersonation": (lambda c: c.refresh(None), USER),
    "id_token": (lambda c: IDTokenCredentials(c, "https://service.example").refresh(None), OPEN_ID),
    "signing": (lambda c: c.sign_bytes(b"message"), CREATOR),
    "delegation": (lambda c: c.with_subject(ANN).refresh(None), CREATOR),
}
STEP = pytest.mark.parametrize("step", STEPS)


def environment(monkeypatch: pytest.MonkeyPatch, keys: AwsKeys) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    if keys.session_token is not None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture(name="google")
def _google(google: Emulator) -> Emulator:
    """The emulator with a service account that no identity can use."""
    google.add_service_account(TARGET)
    google.allow_domain_wide_delegation(TARGET, [CLOUD_PLATFORM])
    return google


@dataclass
class Identity:
    """An AWS identity in front of a provider.

    Attributes:
        provider: the provider that trusts it.
        arguments: the arguments of `Credentials` that make it this one.
        known: its name in IAM, if the configuration contains it.
        filled_in: otherwise, the placeholder in the hint and what the user replaces it with.
    """

    provider: Provider
    arguments: dict[str, Any]
    known: str | None
    filled_in: tuple[str, str] = ("", "")

    def credentials(self, google: Emulator, **more: Any) -> Credentials:
        return Credentials(
            self.provider.audience,
            TARGET,
            token_url=google.token_url,
            iam_credentials_endpoint=google.iam_credentials_endpoint,
            oauth_token_url=google.oauth_token_url,
            **self.arguments,
            **more,
        )


@pytest.fixture(name="assumed")
def _assumed(google: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Identity]:
    """A role that a profile names, so its ARN is known without a network call."""
    with Moto() as moto:
        google.aws_keys.add_lookup(moto.lookup)
        config = tmp_path / "home" / ".aws" / "config"
        config.parent.mkdir()
        config.write_text(
            "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n"
            "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/team/app\nsource_profile = base\nregion = eu-central-1\n"
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.url)
        provider = google.add_aws_provider()
        yield Identity(provider, {"profile": "app"}, provider.principal_set("aws_role", ROLE_ARN))


@pytest.fixture(name="role")
def _role(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Keys of a role in the environment, which do not reveal the role."""
    environment(monkeypatch, google.aws_keys.issue(f"{ROLE_ARN}/i-0abc"))
    return Identity(google.add_aws_provider(), {}, None, (PLACEHOLDER, ROLE_ARN))


@pytest.fixture(name="user")
def _user(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Long-term keys of an IAM user."""
    arn = "arn:aws:iam::123456789012:user/ann"
    environment(monkeypatch, google.aws_keys.issue(arn, temporary=False))
    return Identity(google.add_aws_provider(), {}, None, (PLACEHOLDER, arn))


@pytest.fixture(name="web_identity")
def _web_identity(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """A web identity token, with which Google sees another principal."""
    environment(monkeypatch, google.aws_keys.issue(f"{ROLE_ARN}/i-0abc"))
    with WebIdentityIssuer(google.aws_keys.find) as issuer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", issuer.url)
        provider = google.add_oidc_provider(issuer.url)
        placeholder = "arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME"
        role = "arn:aws:iam::123456789012:role/app"
        yield Identity(provider, {"subject_token_type": JWT}, None, (placeholder, role))


@pytest.fixture(name="identity", params=["assumed", "role", "user", "web_identity"])
def _identity(request: pytest.FixtureRequest) -> Identity:
    identity = request.getfixturevalue(request.param)
    assert isinstance(identity, Identity)
    return identity


def denied(act: Act, credentials: Credentials) -> FederationError:
    with pytest.raises(FederationError) as caught:
        act(credentials)
    return caught.value


@dataclass(frozen=True)
class Grant:
    """A parsed `gcloud iam service-accounts add-iam-policy-binding`."""

    account: str
    role: str
    member: str


def grants(error: FederationError, identity: Identity) -> list[Grant]:
    """Return the commands at the end of the hint, with placeholders filled in."""
    assert error.hint is not None
    assert error.hint in str(error)
    commands = error.hint[error.hint.index("gcloud ") :].replace(*identity.filled_in)
    found = []
    words = shlex.split(commands)
    while words:
        end = words.index("&&") if "&&" in words else len(words)
        *command, account, role, member = words[:end]
        assert command == ["gcloud", "iam", "service-accounts", "add-iam-policy-binding"]
        found.append(Grant(account, role.removeprefix("--role="), member.removeprefix("--member=")))
        words = words[end + 1 :]
    return found


def execute(google: Emulator, commands: list[Grant]) -> None:
    for each in commands:
        google.grant(each.account, each.role, each.member)


@STEP
def test_the_command_in_the_hint_grants_what_is_missing(google: Emulator, identity: Identity, step: str) -> None:
    """For every AWS identity and every step, the same call works after the command was executed."""
    act, role = STEPS[step]
    credentials = identity.credentials(google)

    error = denied(act, credentials)

    assert (error.step, error.reason, error.status_code) == (step, "PERMISSION_DENIED", 403)
    assert not error.retryable
    assert f"lacks {role} on" in str(error)
    [command] = grants(error, identity)
    assert (command.account, command.role) == (TARGET, role)
    execute(google, [command])
    act(credentials)


@STEP
def test_the_hint_names_a_known_principal(google: Emulator, assumed: Identity, step: str) -> None:
    """The command then has no placeholder."""
    error = denied(STEPS[step][0], assumed.credentials(google))

    [command] = grants(error, assumed)
    assert command.member == assumed.known
    assert "ROLE_NAME" not in str(error)
    assert "Replace ACCOUNT_ID" not in str(error)


@pytest.mark.parametrize("kind", ["role", "user", "web_identity"])
def test_the_hint_says_how_to_find_an_unknown_principal(
    google: Emulator, kind: str, request: pytest.FixtureRequest
) -> None:
    error = denied(STEPS["impersonation"][0], request.getfixturevalue(kind).credentials(google))

    assert "Replace ACCOUNT_ID and ROLE_NAME" in str(error)
    # `doctor` prints the command that shows both.


def test_the_hint_names_a_known_subject_of_the_jwt(
    google: Emulator, web_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subject is the configured role's ARN, because the provider maps no attribute for it."""
    credentials = web_identity.credentials(google)
    seams.assume(monkeypatch, ROLE_ARN)

    [command] = grants(denied(STEPS["impersonation"][0], credentials), web_identity)

    assert command.member == web_identity.provider.principal("arn:aws:iam::123456789012:role/app")
    execute(google, [command])
    credentials.refresh(None)


# For each step, roles that sound suitable but do not allow it.
@pytest.mark.parametrize(
    ("step", "role"),
    [
        ("impersonation", OPEN_ID),
        ("impersonation", "roles/iam.serviceAccountUser"),
        ("id_token", "roles/iam.serviceAccountUser"),
        ("signing", USER),
        ("signing", OPEN_ID),
        ("delegation", USER),
        ("delegation", OPEN_ID),
    ],
)
def test_an_insufficient_role_does_not_hide_the_missing_one(
    google: Emulator, assumed: Identity, role: str, step: str
) -> None:
    assert assumed.known is not None
    google.grant(TARGET, role, assumed.known)
    act, needed = STEPS[step]
    credentials = assumed.credentials(google)

    commands = grants(denied(act, credentials), assumed)

    assert [command.role for command in commands] == [needed]
    execute(google, commands)
    act(credentials)


@STEP
def test_the_role_in_the_hint_is_the_smallest_sufficient_one(google: Emulator, assumed: Identity, step: str) -> None:
    """The role allows another step only if no smaller role allows the failed one."""
    credentials = assumed.credentials(google)
    execute(google, grants(denied(STEPS[step][0], credentials), assumed))

    assert {name for name, (act, _) in STEPS.items() if failed_step(act, credentials) != name} == {
        "impersonation": {"impersonation", "id_token"},
        "id_token": {"id_token"},
        "signing": set(STEPS),
        "delegation": set(STEPS),
    }[step]


def failed_step(act: Act, credentials: Credentials) -> str | None:
    try:
        act(credentials)
    except FederationError as error:
        return error.step
    return None


HOPS = ["first@my-project.iam.gserviceaccount.com", "second@my-project.iam.gserviceaccount.com"]


@pytest.mark.parametrize("missing", [0, 1, 2])
@STEP
def test_the_hint_grants_every_binding_of_a_chain(google: Emulator, assumed: Identity, step: str, missing: int) -> None:
    """Google does not say which binding is missing."""
    for hop in HOPS:
        google.add_service_account(hop)
    assert assumed.known is not None
    members = [assumed.known, *(f"serviceAccount:{hop}" for hop in HOPS)]
    chain = [Grant(account, CREATOR, member) for account, member in zip([*HOPS, TARGET], members, strict=True)]
    execute(google, [each for number, each in enumerate(chain) if number != missing])
    act = STEPS[step][0]
    credentials = assumed.credentials(google, delegates=HOPS)

    error = denied(act, credentials)

    assert error.step == step
    assert error.failure == "not-bound"
    assert f"lacks {CREATOR} on {HOPS[0]}, a delegate lacks it on the next account" in str(error)
    commands = grants(error, assumed)
    assert commands == chain
    execute(google, commands[missing : missing + 1])
    act(credentials)


def test_a_delegate_with_only_a_unique_id_becomes_a_placeholder(google: Emulator, assumed: Identity) -> None:
    """A resource can be named by its unique id, but a member requires its e-mail address."""
    number = google.add_service_account(HOPS[0]).unique_id
    credentials = assumed.credentials(google, delegates=[number])

    commands = grants(denied(STEPS["impersonation"][0], credentials), assumed)

    assert [each.account for each in commands] == [number, TARGET]
    assert commands[1].member == f"serviceAccount:EMAIL_OF_{number}"


def test_the_error_says_that_the_account_may_not_exist(google: Emulator, assumed: Identity) -> None:
    arguments: dict[str, Any] = {
        **assumed.arguments,
        "service_account_email": "typo@my-project.iam.gserviceaccount.com",
    }
    credentials = Credentials(
        assumed.provider.audience,
        token_url=google.token_url,
        iam_credentials_endpoint=google.iam_credentials_endpoint,
        **arguments,
    )

    error = denied(STEPS["impersonation"][0], credentials)
    assert error.failure == "not-bound"
    assert "or it does not exist" in str(error.hint)


@STEP
def test_a_granted_permission_takes_effect_without_a_new_exchange(
    google: Emulator, assumed: Identity, step: str
) -> None:
    """Only the last call is repeated, with the same federated token."""
    act = STEPS[step][0]
    credentials = assumed.credentials(google)
    execute(google, grants(denied(act, credentials), assumed))

    act(credentials)

    assert google.count("/v1/token") == 1


def test_the_hint_and_the_docstring_of_id_tokens_name_the_same_role() -> None:
    assert OPEN_ID in str(IDTokenCredentials.__doc__)
