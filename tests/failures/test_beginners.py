"""The mistakes of a user's first hour, made against the emulator, in code and on the command line: the form of each message.

A message has at most 400 characters, without links and commands, which are on their own lines. It says what failed, what was
seen and how to fix it, and contains no secret. Each mistake is made with two sets of values.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
import seams
from core.stand_in import HurriedClock

import google_auth_botocore
from failures import page
from google_auth_botocore import ConfigurationError, Credentials, FederationError, IDTokenCredentials
from google_auth_botocore._failures import _page
from google_auth_botocore.cli import main
from google_auth_botocore.emulator import Emulator

PASSWORD = "hunter2-of-the-proxy"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
REFRESH_TOKEN = "1//0gPastedRefreshToken-abcdef"
JWT = "urn:ietf:params:oauth:token-type:jwt"
# The verbs with which a fix begins.
FIXES = {
    "Add", "Begin", "Call", "Check", "Compare", "Correct", "Create", "Enable", "For", "Give", "Grant", "Install", "Leave", "Pass", "Reduce",
    "Remove", "Replace", "Request", "Save", "Set", "Sign", "To", "Unset", "Use", "Write",
}  # fmt: skip
# Words that no message contains: they are unclear, or read as if translated.
BANNED = r"\b(refuse[sd]?|mends?|nobody|somebody|whoever|in vain|minted|errand|takes no|wants?|asks? for|had for|of one's own|said in)\b"


class Values(NamedTuple):
    """Names that differ between two runs. The second set has the longest names that are usual."""

    project: str
    number: str
    pool: str
    provider: str
    account: str
    aws_account: str
    role: str
    profile: str
    region: str
    scope: str


VALUES = [
    Values(
        "my-project", "123456789012", "aws-pool", "prod", "app", "123456789012", "app", "corp", "eu-central-1", "devstorage.read_only"
    ),
    Values(
        "acme-analytics-production-4711", "9988776655443", "acme-aws-workloads-in-eu-central", "lambda-provider-for-production-x",
        "nightly-warehouse-export-no-42", "210987654321", "acme-analytics-nightly-export-task-role", "acme-data",
        "ap-southeast-2", "cloud-platform",
    ),
]  # fmt: skip


class World:
    """An emulator with a provider and a service account, and a workload with AWS keys in the environment."""

    def __init__(self, google: Emulator, values: Values, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.google, self.values, self.home, self.patch = google, values, home, patch
        self.account = f"{values.account}@{values.project}.iam.gserviceaccount.com"
        self.arn = f"arn:aws:sts::{values.aws_account}:assumed-role/{values.role}/i-0a1b2c3d4e5f60718"
        google.add_project(values.project, values.number)
        google.add_service_account(self.account)
        self.provider = self.add_provider(values.provider)
        self.audience = self.provider.audience
        self.keys = google.aws_keys.issue(self.arn)
        self.use(self.keys)
        self.set("AWS_REGION", values.region)

    def add_provider(self, name: str, **settings: Any) -> Any:
        values = self.values
        settings = {"account_id": values.aws_account, **settings}
        return self.google.add_aws_provider(project_number=values.number, pool=values.pool, provider=name, **settings)

    def grant(self, role: str = "roles/iam.workloadIdentityUser") -> None:
        member = self.provider.principal_set("aws_role", self.arn.rpartition("/")[0])
        self.google.grant(self.account, role, member)

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)

    def use(self, keys: Any) -> None:
        self.set("AWS_ACCESS_KEY_ID", keys.access_key_id)
        self.set("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        self.set("AWS_SESSION_TOKEN", keys.session_token)

    def without_keys(self) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            self.patch.delenv(name)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments of `Credentials`, with these changes."""
        usual = {
            "audience": self.audience,
            "service_account_email": self.account,
            "token_url": self.google.token_url,
            "iam_credentials_endpoint": self.google.iam_credentials_endpoint,
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def file(self, name: str, **changes: Any) -> str:
        """Write an external_account file with these changes, and return its path."""
        document = {**Credentials(self.audience, self.account).info, **changes}
        path = self.home / name
        path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
        return str(path)

    def aws_config(self, text: str) -> None:
        path = Path(os.environ["AWS_CONFIG_FILE"])
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


class Mistake(NamedTuple):
    """A mistake.

    Attributes:
        arguments: Returns the arguments of `Credentials`, after it has prepared the world.
        named: What the message or its commands must contain, as formats of the values.
        flags: Whether it can be made with the flags of the command, too.
    """

    arguments: Callable[[World], dict[str, Any]]
    named: tuple[str, ...]
    flags: bool = True


def _with(**changes: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: world.arguments(
        **{
            name: value.format(**world.values._asdict(), audience=world.audience, email=world.account)
            for name, value in changes.items()
        }
    )


def _after(prepare: Callable[[World], object], **changes: Any) -> Callable[[World], dict[str, Any]]:
    def arguments(world: World) -> dict[str, Any]:
        prepare(world)
        return world.arguments(**changes)

    return arguments


def _of(provider: Callable[[World], Any]) -> Callable[[World], dict[str, Any]]:
    return lambda world: world.arguments(audience=provider(world).audience)


def _empty_profile(world: World) -> None:
    world.without_keys()
    world.set("AWS_PROFILE", "")


def _wrong_secret(world: World) -> None:
    secret = world.keys.secret_access_key
    world.set("AWS_SECRET_ACCESS_KEY", secret[:-1] + ("a" if secret[-1] != "a" else "b"))


def _sso(world: World) -> dict[str, Any]:
    world.without_keys()
    name, region = world.values.profile, world.values.region
    world.aws_config(
        f"[profile {name}]\nsso_session = {name}\nsso_account_id = {world.values.aws_account}\nsso_role_name = x\n"
        f"[sso-session {name}]\nsso_start_url = https://{name}.awsapps.com/start\nsso_region = {region}\n"
    )
    return world.arguments(profile=name)


def _proxy(host: str) -> Callable[[World], dict[str, Any]]:
    def arguments(world: World) -> dict[str, Any]:
        world.set("HTTPS_PROXY", f"http://user:{PASSWORD}@{host}:{_closed_port()}")
        return world.arguments(token_url="https://sts.googleapis.com/v1/token")

    return arguments


def _utf_16(world: World) -> str:
    path = world.home / "key.json"
    path.write_text(json.dumps({"type": "service_account", "private_key": PRIVATE_KEY}), encoding="utf-16")
    return str(path)


def _closed_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


# What the arguments of `Credentials` and the flags of the command can get wrong.
MISTAKES = {
    "wrong provider": Mistake(_with(audience="{audience}x"), ("{provider}x", "providers list", "{pool}", "{number}")),
    "wrong pool": Mistake(
        lambda world: world.arguments(audience=world.audience.replace(world.values.pool, "typo")),
        ("typo", "providers list"),
    ),
    "wrong project number": Mistake(
        lambda world: world.arguments(audience=world.audience.replace(world.values.number, "42424242")),
        ("42424242", "providers list"),
    ),
    "pool for provider": Mistake(
        lambda world: world.arguments(audience=world.audience.partition("/providers/")[0]),
        ("/providers/PROVIDER", "providers list", "--workload-identity-pool={pool}"),
    ),
    "project id for number": Mistake(
        lambda world: world.arguments(audience=world.audience.replace(world.values.number, world.values.project)),
        ("projects describe {project}",),
    ),
    "audience of a token": Mistake(_with(audience="https://sts.googleapis.com"), ("/providers/PROVIDER",)),
    "capital letters in the pool": Mistake(
        lambda world: world.arguments(audience=world.audience.replace(world.values.pool, "Aws-Pool")), ("Correct 'Aws-Pool'",)
    ),
    "audience without slashes": Mistake(
        lambda world: world.arguments(audience=world.audience.removeprefix("//")), ("instead of 'iam.googleapis.com/projects/'",)
    ),
    "audience with placeholders": Mistake(
        lambda world: world.arguments(audience=world.audience.replace(world.values.provider, "PROVIDER")), ("'PROVIDER'",)
    ),
    "empty AWS_PROFILE": Mistake(
        _after(_empty_profile), ("AWS_PROFILE is set", "unset AWS_PROFILE")
    ),
    "secret access key alone": Mistake(
        _after(lambda world: world.patch.delenv("AWS_ACCESS_KEY_ID")), ("AWS_ACCESS_KEY_ID is not set",)
    ),
    "e-mail address for audience": Mistake(_with(audience="{email}"), ("/providers/PROVIDER",)),
    "member for audience": Mistake(_with(audience="principalSet:{audience}"), ("/providers/PROVIDER",)),
    "file for audience": Mistake(_with(audience="/etc/{project}/config.json"), ("from_file",)),
    "no binding": Mistake(
        World.arguments, ("roles/iam.workloadIdentityUser", "add-iam-policy-binding {account}@", "/{pool}/attribute.aws_role/")
    ),
    "no service account": Mistake(
        _with(service_account_email="nope@{project}.iam.gserviceaccount.com"), ("nope@{project}", "it does not exist")
    ),
    "name for service account": Mistake(_with(service_account_email="{account}"), ("'{account}'", "e-mail address")),
    "member for service account": Mistake(_with(service_account_email="serviceAccount:{email}"), ("e-mail address",)),
    "wrong secret access key": Mistake(_after(_wrong_secret), ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch")),
    "unknown access key id": Mistake(
        _after(lambda world: world.set("AWS_ACCESS_KEY_ID", "ASIAXXXXXXXXXXXXXXXX")), ("AWS_ACCESS_KEY_ID",)
    ),
    "no session token": Mistake(
        _after(lambda world: world.patch.delenv("AWS_SESSION_TOKEN")), ("AWS_SESSION_TOKEN", "session token")
    ),
    "half of the keys": Mistake(
        _after(lambda world: world.patch.delenv("AWS_SECRET_ACCESS_KEY")), ("AWS_SECRET_ACCESS_KEY",)
    ),
    "expired keys": Mistake(
        _after(lambda world: world.use(world.google.aws_keys.issue(world.arn, lifetime=-60))),
        ("expired", "unset AWS_ACCESS_KEY_ID"),
    ),
    "no keys": Mistake(_after(World.without_keys), ("AWS_PROFILE", "aws sts get-caller-identity")),
    "profile misspelled": Mistake(_with(profile="{profile}-typo"), ("{profile}-typo", "list-profiles")),
    "expired sign-in": Mistake(
        _sso, ("aws sso login --profile {profile}",)
    ),
    "region misspelled": Mistake(_with(region="eu-central1"), ("'eu-central1'", "'eu-central-1'")),
    "city for region": Mistake(_after(lambda world: world.set("AWS_REGION", "frankfurt")), ("'frankfurt'", "AWS_REGION")),
    "no region for AWS's JWT": Mistake(
        _after(lambda world: world.patch.delenv("AWS_REGION"), subject_token_type=JWT), ("AWS_REGION",)
    ),
    "another role": Mistake(
        _of(lambda world: world.add_provider("other", attribute_condition="attribute.aws_role == 'another'")),
        ("attribute condition", "/providers/other"),
    ),
    "another AWS account": Mistake(
        _of(lambda world: world.add_provider("other", account_id="555555555555")), ("{aws_account}", "aws.accountId")
    ),
    "disabled provider": Mistake(_of(lambda world: world.add_provider("other", disabled=True)), ("enabled", "providers list")),
    "dead proxy": Mistake(_proxy("127.0.0.1"), ("HTTPS_PROXY",)),
    "unknown proxy": Mistake(_proxy("proxy.invalid"), ("HTTPS_PROXY", "proxy.invalid")),
    "proxy that is not a URL": Mistake(
        _after(lambda world: world.set("HTTPS_PROXY", "proxy:port"), token_url="https://sts.googleapis.com/v1/token"),
        ("HTTPS_PROXY", "http://HOST:PORT"),
    ),
    "no network": Mistake(
        lambda world: world.arguments(token_url=f"http://127.0.0.1:{_closed_port()}/v1/token"), ("network", "curl")
    ),
    "no name resolution": Mistake(_with(token_url="https://sts.{project}.invalid/v1/token"), ("DNS", "getent hosts")),
    "path of the token URL misspelled": Mistake(
        lambda world: world.arguments(token_url=f"{world.google.url}/v1/tokn"), ("/v1/tokn", "Google endpoint")
    ),
    "token URL without TLS": Mistake(_with(token_url="http://sts.googleapis.com/v1/token"), ("https", "leave token_url out")),
    "token URL without a scheme": Mistake(_with(token_url="sts.googleapis.com/v1/token"), ("https", "leave token_url out")),
    "endpoint with a path": Mistake(_with(iam_credentials_endpoint="https://iamcredentials.googleapis.com/v1"), ("path",)),
    "lifetime beyond the policy": Mistake(_after(World.grant, lifetime=7200), ("3600", "lifetime=")),
    "lifetime beyond the maximum": Mistake(lambda world: world.arguments(lifetime=86400), ("43200", "86400")),
    "lifetime without a service account": Mistake(
        lambda world: world.arguments(service_account_email=None, lifetime=1800), ("service_account_email",)
    ),
    "subject without a service account": Mistake(
        lambda world: world.arguments(service_account_email=None, subject="ann@example.com"), ("service_account_email",)
    ),
    "role name for its ARN": Mistake(_with(assume_role="{role}"), ("'{role}'", "arn:aws:iam::123456789012:role/NAME")),
    "unknown scope": Mistake(
        _after(World.grant, scopes=["strorage"]), ("scopes",)
    ),
    "universe with a scheme": Mistake(_with(universe_domain="https://googleapis.com"), ("'googleapis.com'",)),
    "short token type": Mistake(_with(subject_token_type="jwt"), ("'jwt'", JWT)),
}  # fmt: skip

# What only code can get wrong.
IN_CODE: dict[str, tuple[Callable[[World], object], tuple[str, ...]]] = {
    "scopes as a string": (
        lambda world: Credentials(**world.arguments(scopes=f"https://www.googleapis.com/auth/{world.values.scope}")),
        ("scopes=['https://www.googleapis.com/auth/{scope}']",),
    ),
    "scopes as a string in with_scopes": (
        lambda world: Credentials(**world.arguments()).with_scopes(f"a,{world.values.scope}"), ("scopes=['a', '{scope}']",),
    ),
    "scopes in one string of a list": (
        lambda world: Credentials(**world.arguments(scopes=["a b"])), ("scopes=['a', 'b']",),
    ),
    "None in a list": (lambda world: Credentials(**world.arguments(scopes=[None])), ("Each item of scopes",)),
    "scopes as a mapping": (lambda world: Credentials(**world.arguments(scopes={"a": 1})), ("Pass a list",)),
    "None for a path": (lambda _: google_auth_botocore.load_credentials_from_file(None), ("must be a path",)),  # type: ignore[arg-type]
    "key file in UTF-16": (
        lambda world: google_auth_botocore.load_credentials_from_file(_utf_16(world)), ("Save it as UTF-8",),
    ),
    "other credentials for ID tokens": (
        lambda world: IDTokenCredentials(world.account, "https://app.example"), ("Pass an object of this class",),  # type: ignore[arg-type]
    ),
    "delegates as a string": (
        lambda world: Credentials(**world.arguments(delegates=world.account)), ("delegates=['{account}@",),
    ),
    "client for a session": (
        lambda world: Credentials(
            **world.arguments(session=botocore.session.Session().create_client("sts", region_name="us-east-1"))
        ),
        ("session must be", "boto3.Session()"),
    ),
    "keys for a session": (
        lambda world: Credentials(**world.arguments(session=botocore.session.Session().get_credentials())), ("boto3.Session()",),
    ),
    "class for a session": (lambda world: Credentials(**world.arguments(session=botocore.session.Session)), ("Session()",)),
    "profile for a session": (lambda world: Credentials(**world.arguments(session=world.values.profile)), ("profile=",)),
    "number for a project": (
        lambda world: Credentials(**world.arguments(quota_project_id=int(world.values.number))), ("'{number}'",)
    ),
    "no audience": (lambda _: Credentials(os.environ.get("NOT_SET")), ("/providers/PROVIDER",)),  # type: ignore[arg-type]
    "mapping for audience": (lambda world: Credentials(Credentials(world.audience).info), ("from_info",)),  # type: ignore[arg-type]
    "mapping for a file": (lambda world: Credentials.from_file(Credentials(world.audience).info), ("from_info",)),  # type: ignore[arg-type]
    "file for a mapping": (lambda world: Credentials.from_info(world.file("c.json")), ("from_file",)),  # type: ignore[arg-type]
    "tilde in a path": (lambda world: Credentials.from_file(f"~/{world.values.project}.json"), ("~", "os.path.expanduser()")),
    "variable in a path": (lambda _: Credentials.from_file("$HOME/config.json"), ("os.path.expandvars()",)),
    "tilde in load_credentials_from_file": (
        lambda _: google_auth_botocore.load_credentials_from_file("~/c.json"), ("os.path.expanduser()",),
    ),
    "relative path": (lambda world: Credentials.from_file(f"{world.values.project}.json"), ("whole path",)),
    "missing file": (lambda world: Credentials.from_file(f"/etc/{world.values.project}.json"), ("create-cred-config",)),
    "folder for a file": (lambda world: Credentials.from_file(world.home), ("JSON file in it",)),
    "ID token without a service account": (
        lambda world: IDTokenCredentials(Credentials(world.audience), "https://app.example"), ("service_account_email",),
    ),
}  # fmt: skip


def _default_with(path: str) -> Callable[[World], object]:
    def act(world: World) -> object:
        world.set("NO_GCE_CHECK", "true")
        if path:
            world.set("GOOGLE_APPLICATION_CREDENTIALS", path.format(**world.values._asdict()))
        return google_auth_botocore.default()

    return act


IN_CODE.update(
    {
        "default() with nothing set": (_default_with(""), ("GOOGLE_APPLICATION_CREDENTIALS", "Credentials(AUDIENCE)")),
        "default() with a tilde": (
            _default_with("~/{project}.json"), ("GOOGLE_APPLICATION_CREDENTIALS", "'~/{project}.json'", "os.path.expanduser()"),
        ),
        "default() with a missing file": (
            _default_with("/etc/{project}.json"), ("GOOGLE_APPLICATION_CREDENTIALS", "create-cred-config"),
        ),
    }
)  # fmt: skip

# What a file can get wrong: the mapping that replaces it, or the fields that change, and what the message must contain.
FILES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "key file": ({"type": "service_account", "private_key": PRIVATE_KEY}, ("'service_account'", "create-cred-config")),
    "user's file": ({"type": "authorized_user", "refresh_token": REFRESH_TOKEN}, ("'authorized_user'", "create-cred-config")),
    "host of the token URL misspelled": ({"token_url": "https://sts.googleapi.com/v1/token"}, ("sts.googleapis.com",)),
    "path of the token URL misspelled": (
        {"token_url": "https://sts.googleapis.com/v1/tokens"}, ("https://sts.googleapis.com/v1/token.",),
    ),
    "file for Azure": (
        {"credential_source": {"environment_id": "azure1"}, "subject_token_type": JWT}, ("--aws",),
    ),
    "no audience": ({"audience": None}, ("/providers/PROVIDER",)),
    "lifetime as text": ({"service_account_impersonation": {"token_lifetime_seconds": "1h"}}, ("3600",)),
}  # fmt: skip


@pytest.fixture(name="world", params=VALUES, ids=["short names", "long names"])
def _world(request: pytest.FixtureRequest, google: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    seams.use_clock(monkeypatch, HurriedClock())  # an outage takes no time
    return World(google, request.param, tmp_path, monkeypatch)


def check(message: str, world: World, named: tuple[str, ...]) -> None:
    """Check the form of a message."""
    prose, *lines = message.split("\n")
    assert len(prose) < 400, len(prose)
    assert prose.endswith((".", ":")), prose
    assert (
        prose[0].isupper()
        or prose.split()[0] in ("botocore", "session", "profile")
        or "_" in prose.split()[0]
        or prose.split()[0]
        in ("scopes", "delegates", "lifetime", "region", "audience", "subject", "tags", "filename", "credentials")
    )
    sentences = re.split(r"(?<=[.…]) (?=[A-Z])", prose)
    assert any(each.split()[0] in FIXES for each in sentences[1:]) or re.search(": (set|leave) ", prose), prose
    [link] = [line for line in lines if line.startswith("More: ")]
    assert link.removeprefix(f"More: {_page.URL}#") in page.ids()
    for line in lines:
        label, _, rest = line.partition(": ")
        assert label in ("More", "Run"), line
        if label == "Run":
            assert shlex.split(rest)[0] in (
                "gcloud",
                "aws",
                "curl",
                "getent",
                "env",
                "unset",
                "google-auth-botocore",
                "ls",
            )
    assert sum(line.startswith("Run: ") for line in lines) <= 1
    assert not re.search(r"\b(gcloud|pip|aws sts|aws sso) [a-z-]+ ", prose), "a command in a sentence"
    assert not re.search(BANNED, prose.replace("Connection refused", ""))  # the text of the system
    assert "Max retries exceeded" not in prose
    secrets = [
        PASSWORD,
        REFRESH_TOKEN,
        "MIIEvQIBADANB",
        world.keys.secret_access_key[:12],
        str(world.keys.session_token)[:20],
    ]
    assert not any(secret in message for secret in secrets)
    for each in named:
        assert each.format(**world.values._asdict()) in message, each


def failure(act: Callable[[], object]) -> str:
    with pytest.raises((ConfigurationError, FederationError)) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_an_argument(world: World, mistake: Mistake) -> None:
    arguments = mistake.arguments(world)
    check(failure(lambda: Credentials(**arguments).refresh(None)), world, mistake.named)


@pytest.mark.parametrize(
    "mistake",
    [
        # The resolver of some machines takes seconds to find that there is no such name.
        pytest.param(each, id=name, marks=pytest.mark.slow if name == "no name resolution" else ())
        for name, each in MISTAKES.items()
    ],
)
def test_the_same_mistake_on_the_command_line(
    world: World, mistake: Mistake, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = []
    for name, value in mistake.arguments(world).items():
        flags.append(f"--{name.replace('_', '-')}={','.join(value) if isinstance(value, list) else value}")
    code = main(["token", *flags])
    out, error = capsys.readouterr()
    assert (code in (1, 2, 75), out) == (True, "")
    check(error.removeprefix("google-auth-botocore: ").removesuffix("\n"), world, mistake.named)


@pytest.mark.parametrize(("act", "named"), IN_CODE.values(), ids=IN_CODE)
@pytest.mark.filterwarnings("ignore:The load_credentials_from_file method is deprecated:DeprecationWarning")
def test_a_mistake_in_code(world: World, act: Callable[[World], object], named: tuple[str, ...]) -> None:
    check(failure(lambda: act(world)), world, named)


@pytest.mark.parametrize(("changes", "named"), FILES.values(), ids=FILES)
def test_a_mistake_in_a_file(
    world: World, changes: dict[str, Any], named: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.file("config.json", **changes)
    message = failure(lambda: Credentials.from_file(path))
    check(message, world, (*named, "config.json"))
    # `token` prints the same. `config check` prints it below the field, with each command on its own line.
    assert main(["token", f"--config={path}"]) == 2
    assert capsys.readouterr().err == f"google-auth-botocore: {message}\n"
    assert main(["config", "check", path]) == 2
    printed = capsys.readouterr().out
    assert "MISTAKE: " in printed
    assert all(each in " ".join(printed.split()) for each in named)
    assert [line.strip() for line in printed.splitlines() if "Run: " in line or "More: " in line] == message.split(
        "\n"
    )[1:]


def test_a_clock_that_is_off_is_not_a_mistake(world: World) -> None:
    """The date is taken from the server's reply."""

    class Off(HurriedClock):
        def time(self) -> float:
            return super().time() - 7200

    seams.use_clock(world.patch, Off())
    world.grant()
    credentials = Credentials(**world.arguments())
    credentials.refresh(None)
    assert credentials.token


def _expressions(world: World) -> dict[str, Credentials | IDTokenCredentials]:
    role = f"arn:aws:iam::{world.values.aws_account}:role/{world.values.role}"
    url = "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    source = {"environment_id": "aws1", "regional_cred_verification_url": url}
    plain = Credentials(world.audience, world.account)
    return {
        "plain": Credentials(world.audience),
        "endpoints": Credentials(**world.arguments(oauth_token_url="https://oauth.example/token")),
        "every argument": Credentials(
            world.audience,
            world.account,
            scopes=[world.values.scope],
            default_scopes=["b"],
            lifetime=1800,
            delegates=[world.account],
            subject="o'neil@example.com",
            quota_project_id=world.values.project,
            project_id=world.values.project,
            profile=world.values.profile,
            region="eu-west-1",
            assume_role=role,
        ),
        "role": Credentials(
            world.audience, assume_role={"RoleArn": role, "DurationSeconds": 900, "RoleSessionName": "me"}
        ),
        "JWT": Credentials(world.audience, subject_token_type=JWT, tags={"team": "x"}, subject_mode="AWSIdentity"),
        "universe": Credentials(world.audience).with_universe_domain("apis.example"),
        "file": Credentials.from_file(world.file("config.json"), scopes=["a"]),
        "file with another STS endpoint": Credentials.from_file(world.file("config.json", credential_source=source)),
        "no scopes": plain.with_scopes([]),
        "ID token": IDTokenCredentials(plain, "https://app.example", include_email=True),
        "ID token with a quota project": IDTokenCredentials(plain, "https://app.example").with_quota_project("q"),
    }


def test_the_repr_of_credentials_creates_equal_ones(world: World) -> None:
    world.aws_config(f"[profile {world.values.profile}]\n")
    for name, credentials in _expressions(world).items():
        again = eval(repr(credentials), {"Credentials": Credentials, "IDTokenCredentials": IDTokenCredentials})
        assert type(again) is type(credentials), name
        assert repr(again) == repr(credentials), name
        assert again.quota_project_id == credentials.quota_project_id, name
        if isinstance(credentials, Credentials) and isinstance(again, Credentials) and "file" not in name:
            assert again.info == credentials.info, name


def test_the_repr_hides_secrets_and_a_session_is_not_code(world: World) -> None:
    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "ExternalId": "hidden-from-view"}
    shown = repr(Credentials(world.audience, assume_role=role))
    assert "hidden-from-view" not in shown
    assert re.search(r"'ExternalId': '\[hidden: [0-9a-f]{8}\]'", shown)
    assert shown != repr(Credentials(world.audience, assume_role={**role, "ExternalId": "another"}))
    session = repr(Credentials(world.audience, session=botocore.session.Session()))
    with pytest.raises(SyntaxError):
        compile(session, "", "eval")
