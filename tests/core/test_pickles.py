"""Pickles hold the public class and named plain values, and any other state is one clear error."""

from __future__ import annotations

import copy
import enum
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import botocore.session
import cloudpickle
import hypothesis
import pytest
import seams
from hypothesis import given
from hypothesis import strategies as st

import google_auth_botocore
from core.conftest import Make
from core.copies import COPIES
from core.stand_in import ACCOUNT, PROVIDER, FakeGoogle
from google_auth_botocore import ConfigurationError, Credentials, IDTokenCredentials, Token

ROLE = "arn:aws:iam::123456789012:role/team/reader"
DELEGATE = "d@my-project.iam.gserviceaccount.com"
AUDIENCE = "https://service.example"
JWT = "urn:ietf:params:oauth:token-type:jwt"
INFO = {
    "universe_domain": "googleapis.com",
    "type": "external_account",
    "audience": PROVIDER,
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    },
    "service_account_impersonation_url": (
        f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    ),
    "quota_project_id": "quota",
    "a field of the future": [1, 2.5, None, True, {"nested": ["text"]}],
}

# A pickle of format 1, which every later version reads. Never change it: it was written by an older version.
FORMAT_1 = {
    "format": 1,
    "written_by": "0.1.0",
    "configuration": {
        "audience": PROVIDER,
        "service_account": ACCOUNT,
        "lifetime": 1800,
        "delegates": (DELEGATE,),
        "subject": "user@example.com",
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "universe_domain": "googleapis.com",
        "token_url": "https://sts.example/v1/token",
        "iam_credentials_endpoint": "https://iam.example",
        "oauth_token_url": "https://oauth.example/token",
        "verification_url": None,
        "profile": "team",
        "region": "eu-west-1",
        "assume_role": {"DurationSeconds": 900, "RoleArn": ROLE, "RoleSessionName": "google-auth-botocore"},
        "scopes": ("a", "b"),
        "default_scopes": None,
        "quota_project_id": "quota",
        "project_id": "project",
        "filename": None,
        "source_info": None,
    },
}
# A pickle of format 2, likewise.
FORMAT_2 = {
    "format": 2,
    "written_by": "0.1.0",
    "configuration": {
        **FORMAT_1["configuration"],  # type: ignore[dict-item]
        "subject_token_type": JWT,
        "tags": {"stage": "", "team": "data"},
        "subject_mode": "OriginIdentity",
    },
}
OF_FORMAT_1: dict[str, Any] = {
    "service_account_email": ACCOUNT,
    "scopes": ["a", "b"],
    "lifetime": 1800,
    "delegates": [DELEGATE],
    "subject": "user@example.com",
    "quota_project_id": "quota",
    "project_id": "project",
    "profile": "team",
    "region": "eu-west-1",
    "assume_role": {"RoleArn": ROLE, "DurationSeconds": 900},
    "token_url": "https://sts.example/v1/token",
    "iam_credentials_endpoint": "https://iam.example",
    "oauth_token_url": "https://oauth.example/token",
}

OF_FORMAT_2: dict[str, Any] = {
    **OF_FORMAT_1,
    "subject_token_type": JWT,
    "tags": {"team": "data", "stage": ""},
    "subject_mode": "OriginIdentity",
}


class Text(str, enum.Enum):
    """Texts and numbers like those of users' configuration classes."""

    PROVIDER = PROVIDER
    ROLE = ROLE
    SCOPE = "scope"


class Number(enum.IntEnum):
    SECONDS = 900


def _of_a_file(tmp_path: Path) -> Credentials:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(INFO))
    return Credentials.from_file(path, default_scopes=["d"])


def _default(tmp_path: Path) -> Credentials:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(INFO))
    credentials, _ = google_auth_botocore.load_credentials_from_file(os.fsencode(path), scopes=["s"])  # type: ignore[arg-type]  # works
    assert isinstance(credentials, Credentials)
    return credentials


KINDS: dict[str, Callable[[Path], Any]] = {
    "direct access": lambda _: Credentials(PROVIDER),
    "every argument": lambda _: Credentials(PROVIDER, **OF_FORMAT_2),
    "another universe": lambda _: Credentials(PROVIDER, universe_domain="apis.example"),
    "web identity token": lambda _: Credentials(PROVIDER, subject_token_type=JWT),
    "with_scopes": lambda _: Credentials(PROVIDER, ACCOUNT).with_scopes(["z"], ["y"]),
    "with_subject": lambda _: Credentials(PROVIDER, ACCOUNT).with_subject("z@example.com"),
    "file": _of_a_file,
    "file, changed": lambda path: _of_a_file(path).with_quota_project("another"),
    "load_credentials_from_file": _default,
    "mapping of any kind": lambda _: Credentials.from_info(MappingProxyType({**INFO, "audience": Text.PROVIDER})),
    "session": lambda _: Credentials(PROVIDER, session=botocore.session.Session()),
    "types of the user's own": lambda _: Credentials(
        Text.PROVIDER,
        ACCOUNT,
        scopes=[Text.SCOPE],
        lifetime=Number.SECONDS,
        assume_role={"RoleArn": Text.ROLE, "DurationSeconds": Number.SECONDS, "PolicyArns": ({"arn": Text.SCOPE},)},
    ),
    "ID tokens": lambda _: IDTokenCredentials(Credentials(PROVIDER, ACCOUNT), AUDIENCE, include_email=True),
    "ID tokens of a copy": lambda _: IDTokenCredentials(
        Credentials(PROVIDER, ACCOUNT, delegates=[DELEGATE]), Text.SCOPE
    ).with_quota_project("q"),
    "signer": lambda _: Credentials(PROVIDER, ACCOUNT).signer,
}
DUMPS: dict[str, Callable[[Any], bytes]] = {
    "cloudpickle": cloudpickle.dumps,
    **{
        f"protocol {protocol}": lambda each, protocol=protocol: pickle.dumps(each, protocol)  # type: ignore[misc]  # a default
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


class Unpickler(pickle.Unpickler):
    """Collects the names of the classes and functions that a pickle refers to."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names: set[tuple[str, str]] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        self.names.add((module, name))
        return super().find_class(module, name)


PUBLIC = {
    ("google_auth_botocore.credentials", "Credentials"),
    ("google_auth_botocore.id_token", "IDTokenCredentials"),
}
# Names that pickle itself and a call of `getattr` refer to. Old protocols use Python 2's names for the first three.
PYTHON = {
    ("copy_reg", "_reconstructor"),
    ("__builtin__", "object"),
    ("__builtin__", "getattr"),
    ("copyreg", "_reconstructor"),
    ("builtins", "object"),
    ("builtins", "getattr"),
}


@pytest.mark.parametrize("dumps", DUMPS.values(), ids=DUMPS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_pickle_names_only_public_classes(
    kind: Callable[[Path], Any], dumps: Callable[[Any], bytes], tmp_path: Path
) -> None:
    original = kind(tmp_path)
    data = dumps(original)
    assert b"google_auth_botocore._" not in data
    unpickler = Unpickler(data)
    loaded = unpickler.load()
    assert type(loaded) is type(original)
    assert unpickler.names <= PUBLIC | PYTHON
    assert unpickler.names & PUBLIC


def test_public_classes_are_those_of_the_package() -> None:
    for module, name in PUBLIC:
        assert getattr(sys.modules[module], name) is getattr(google_auth_botocore, name)
    assert "_" not in {part[0] for module, _ in PUBLIC for part in module.split(".")}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_state_holds_plain_values(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    def types(value: Any) -> set[type]:
        if type(value) is dict:
            return {type(name) for name in value}.union(*map(types, value.values()))
        return set[type]().union(*map(types, value)) if type(value) in (list, tuple) else {type(value)}

    original = kind(tmp_path)
    if isinstance(original, (Credentials, IDTokenCredentials)):
        extra = {Credentials} if isinstance(original, IDTokenCredentials) else set[type]()
        assert types(original.__getstate__()) <= {str, int, float, bool, type(None)} | extra


@pytest.mark.parametrize("dumps", DUMPS.values(), ids=DUMPS)
def test_pickle_of_a_token_names_the_public_class(
    dumps: Callable[[Any], bytes], make: Make, request_: FakeGoogle
) -> None:
    credentials = make()
    credentials.refresh(request_)
    token = credentials.get_token()
    data = dumps(token)
    assert b"google_auth_botocore._" not in data
    loaded = pickle.loads(data)
    assert (type(loaded), loaded) == (Token, token)


PUBLIC_ATTRIBUTES = (
    "scopes",
    "default_scopes",
    "service_account_email",
    "quota_project_id",
    "universe_domain",
    "requires_scopes",
    "info",
    "token",
    "expiry",
)


def _seen(credentials: Credentials) -> dict[str, object]:
    """Return all public attributes of credentials except the token."""
    return {
        "repr": repr(credentials),
        "dask": credentials.__dask_tokenize__(),
        "cred_info": credentials.get_cred_info(),
        **{
            name: getattr(credentials, name, "no attribute")
            for name in (*PUBLIC_ATTRIBUTES, "project_id", "signer_email")
        },
    }


_GIVEN: dict[str, st.SearchStrategy[Any]] = {
    "scopes": st.lists(st.sampled_from(["a", "b", Text.SCOPE]), max_size=2),
    "default_scopes": st.lists(st.sampled_from(["a", "c"]), max_size=2),
    "quota_project_id": st.sampled_from(["q", "1234"]),
    "project_id": st.sampled_from(["p", "a b"]),
    "profile": st.sampled_from(["team", "", "with space"]),
    "region": st.sampled_from(["eu-west-1", "us-west-2-lax-1a", "cn-north-1", ""]),
    "assume_role": st.sampled_from(
        [
            ROLE,
            Text.ROLE,
            {"RoleArn": ROLE, "ExternalId": "x", "Tags": [{"Key": "k", "Value": Text.SCOPE}]},
            MappingProxyType({"RoleArn": ROLE, "RoleSessionName": "s", "DurationSeconds": Number.SECONDS}),
        ]
    ),
    "token_url": st.sampled_from(["https://z.example/v1/token", "https://sts.googleapis.com/v1/token"]),
    "iam_credentials_endpoint": st.sampled_from(["https://z.example", "https://iamcredentials.googleapis.com/"]),
    "oauth_token_url": st.sampled_from(["http://localhost:80/token"]),
    "universe_domain": st.sampled_from(["googleapis.com", "apis.example"]),
}
_OF_AN_ACCOUNT: dict[str, st.SearchStrategy[Any]] = {
    "lifetime": st.integers(1, 3600) | st.just(Number.SECONDS),
    "delegates": st.lists(st.just(DELEGATE), max_size=2),
}
_CHANGES: list[Callable[[Credentials], Credentials]] = [
    lambda each: each.with_scopes(["z"]),
    lambda each: each.with_scopes(None),
    lambda each: each.with_quota_project("z"),
    lambda each: each.with_quota_project("quota"),  # the value in the file again
    lambda each: each.with_quota_project(None),
    lambda each: each.with_token_uri("https://y.example/token"),
    lambda each: each.with_universe_domain("other.example"),
    lambda each: each.with_subject(None),
]


@st.composite
def _credentials(draw: st.DrawFn) -> Credentials:
    arguments = draw(st.fixed_dictionaries({}, optional=_GIVEN))
    if draw(st.booleans()):
        arguments["service_account_email"] = draw(st.sampled_from([ACCOUNT, "123456789012345678901"]))
        arguments |= draw(st.fixed_dictionaries({}, optional=_OF_AN_ACCOUNT))
        if arguments.get("universe_domain", "googleapis.com") == "googleapis.com" and draw(st.booleans()):
            arguments["subject"] = "user@example.com"
    if arguments.get("universe_domain", "googleapis.com") == "googleapis.com" and draw(st.booleans()):
        credentials = Credentials.from_info(INFO, **arguments)
    else:
        credentials = Credentials(PROVIDER, **arguments)
    for change in draw(st.lists(st.sampled_from(_CHANGES), max_size=2)):
        try:
            credentials = change(credentials)
        except ConfigurationError:  # a subject in another universe
            continue
    return credentials


@given(original=_credentials(), act=st.sampled_from(list(COPIES.values())))
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow])
def test_copy_equals_its_original(original: Credentials, act: Callable[[Credentials], Credentials]) -> None:
    copied = act(original)
    assert _seen(copied) == _seen(original)
    for change in _CHANGES:
        outcomes = []
        for each in (original, copied):
            try:
                outcomes.append(_seen(change(each)))
            except ConfigurationError as error:
                outcomes.append({"error": str(error)})
        assert outcomes[0] == outcomes[1]
    assert _seen(act(copied)) == _seen(original)


@pytest.mark.parametrize("act", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scopes": ["a"], "quota_project_id": "q"},
        {"service_account_email": ACCOUNT, "lifetime": 900, "delegates": [DELEGATE], "region": "us-west-2"},
        {"service_account_email": ACCOUNT, "token_url": "https://z.example/v1/token", "default_scopes": ["d"]},
    ],
)
def test_copy_sends_the_same_requests(make: Make, request_: FakeGoogle, act: Any, arguments: dict[str, Any]) -> None:
    for credentials in (make(**arguments), Credentials.from_info(INFO, **arguments)):
        copied = act(credentials)  # before the first token, because some copies share one
        again = seams.unpickled_elsewhere(pickle.dumps(credentials))
        sent = []
        for each in (copied, again):
            request_.calls.clear()
            headers: dict[str, str] = {}
            each.before_request(request_, "GET", "https://storage.example", headers)
            sent.append(([(call.url, call.headers, call.body) for call in request_.calls], headers))
        assert sent[0] == sent[1]
        assert sent[0][0]


def test_credentials_and_their_id_tokens_share_an_exchange_when_one_pickle_holds_both(
    make: Make, request_: FakeGoogle
) -> None:
    credentials = make(ACCOUNT)
    both = {"access": credentials, "id": IDTokenCredentials(credentials, AUDIENCE)}
    loaded = pickle.loads(pickle.dumps(both))
    loaded["access"].refresh(request_)
    with pytest.raises(google_auth_botocore.FederationError):  # the fake Google issues none
        loaded["id"].refresh(request_)
    assert request_.count("/v1/token") == 1
    assert request_.count(":generateIdToken") >= 1


def test_file_name_may_have_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.json"
    Path(os.fsdecode(path)).write_text(json.dumps(INFO))
    credentials = Credentials.from_file(path)
    for act in COPIES.values():
        assert act(credentials).get_cred_info() == credentials.get_cred_info()


def test_configuration_that_is_not_plain_data_is_not_pickled() -> None:
    nested: Any = []
    for _ in range(2000):
        nested = [nested]
    for value in (object(), b"bytes", {1, 2}, (nested,)):
        credentials = Credentials.from_info({**INFO, "another field": value})
        with pytest.raises(pickle.PicklingError, match=r"holds a value .*, which JSON cannot represent"):
            pickle.dumps(credentials)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}])
def test_argument_of_a_role_that_is_not_plain_data_is_an_error_at_once(value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^assume_role holds a value of type {type(value).__name__}\."):
        Credentials(PROVIDER, assume_role={"RoleArn": ROLE, "Tags": [value]})


def test_later_changes_of_the_arguments_do_not_change_the_role() -> None:
    tags = [{"Key": "k", "Value": "v"}]
    credentials = Credentials(PROVIDER, assume_role={"RoleArn": ROLE, "Tags": tags})
    before = repr(credentials)
    tags.append({"Key": "another", "Value": "v"})
    assert repr(credentials) == repr(pickle.loads(pickle.dumps(credentials))) == before


def _loaded(kind: Any, state: object) -> Any:
    """Create an object from a state as `pickle.loads` does."""
    made = kind.__new__(kind)
    made.__setstate__(state)
    return made


@pytest.mark.parametrize(("pickled", "arguments"), [(FORMAT_1, OF_FORMAT_1), (FORMAT_2, OF_FORMAT_2)], ids=["1", "2"])
def test_pickle_of_every_format_is_read(pickled: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert _seen(_loaded(Credentials, pickled)) == _seen(Credentials(PROVIDER, **arguments))


def test_pickle_of_format_2_is_written() -> None:
    """If names change, a new format and a new literal beside the old one are required."""
    state = Credentials(PROVIDER, **OF_FORMAT_2).__getstate__()
    assert state == {**FORMAT_2, "written_by": google_auth_botocore.__version__}


def test_pickle_of_format_1_is_read_when_fields_are_added_in_the_middle(tmp_path: Path) -> None:
    """The pickle is read by a copy of the package whose classes have more fields."""
    package = tmp_path / "google_auth_botocore"
    left_out = shutil.ignore_patterns("__pycache__", "adapters", "cli", "emulator")
    shutil.copytree(Path(google_auth_botocore.__file__).parent, package, ignore=left_out)
    for name, field in (
        ("_settings.py", "    service_account: str | None = None\n"),
        ("_aws/arguments.py", "    region: str | None = None\n"),
    ):
        path = package / name
        text = path.read_text()
        assert text.count(field) == 1
        path.write_text(text.replace(field, f"    added: int = 7\n{field}"))
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import google_auth_botocore as package\n"
        "assert package.__file__.startswith(sys.argv[1]), package.__file__\n"
        "credentials = package.Credentials.__new__(package.Credentials)\n"
        "credentials.__setstate__(eval(sys.argv[2]))\n"
        "print(credentials.info, credentials.scopes, credentials.project_id, repr(credentials).replace(', added=7', ''))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), repr(FORMAT_1)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    expected = Credentials(PROVIDER, **OF_FORMAT_1)
    assert done.stdout == f"{expected.info} {expected.scopes} project {expected!r}\n", done.stderr


def _changed(path: tuple[str, ...], change: Callable[[dict[Any, Any]], object], kind: str = "credentials") -> Any:
    state = copy.deepcopy(STATES[kind])
    inner = state
    for name in path:
        inner = inner[name]
    change(inner)
    return state


STATES: dict[str, Any] = {
    "credentials": FORMAT_1,
    "file": Credentials.from_info(INFO).__getstate__(),
    "id_token": IDTokenCredentials(Credentials(PROVIDER, ACCOUNT), AUDIENCE).__getstate__(),
}
CLASSES = {"credentials": Credentials, "file": Credentials, "id_token": IDTokenCredentials}
OTHERS: dict[str, tuple[str, Any, str]] = {
    "a later format": (
        "credentials",
        {"format": 3, "written_by": "9.0", "settings": ("all", "new")},
        "it has the format 3, and this version reads formats 1, 2. google-auth-botocore 9.0 wrote it",
    ),
    "no format": ("credentials", {"_settings": (), "_identity": ()}, "it has the format None"),
    "a format that equals 1": ("credentials", _changed((), lambda each: each.update(format=True)), "the format True"),
    "a format of another type": ("credentials", _changed((), lambda each: each.update(format=[1])), r"the format [1]"),
    "a format in words": ("credentials", _changed((), lambda each: each.update(format="1")), "the format '1'"),
    "a name that is missing": (
        "credentials",
        _changed(("configuration",), lambda each: each.pop("lifetime")),
        "it lacks 'lifetime'. google-auth-botocore 0.1.0 wrote it",
    ),
    "two that are missing": (
        "credentials",
        _changed(("configuration",), lambda each: (each.pop("lifetime"), each.pop("audience"))),
        "it lacks 'audience', 'lifetime'.",
    ),
    "a name that is unexpected": (
        "credentials",
        _changed(("configuration",), lambda each: each.update(retries=3)),
        "it has the unexpected 'retries'.",
    ),
    "a name of another type": (
        "credentials",
        _changed(("configuration",), lambda each: each.update({3: 3})),
        "it has the unexpected 3.",
    ),
    "another part": ("credentials", _changed((), lambda each: each.update(more={})), "it has the unexpected 'more'."),
    "no configuration": ("credentials", _changed((), lambda each: each.pop("configuration")), "lacks 'configuration'."),
    "no version": (
        "credentials",
        _changed((), lambda each: each.pop("written_by")),
        "it lacks 'written_by'. An unknown version of google-auth-botocore wrote it",
    ),
    "configuration by position": (
        "credentials",
        _changed((), lambda each: each.update(configuration=("a", "b"))),
        "its configuration is of type tuple, not a mapping",
    ),
    "None": ("credentials", None, "its state is of type NoneType, not a mapping"),
    "a tuple": ("credentials", (None, {"a": 1}), "its state is of type tuple, not a mapping"),
    "a list": ("id_token", [FORMAT_1], "its state is of type list, not a mapping"),
    "a field of the file is missing": (
        "file",
        _changed(("configuration", "source_info"), lambda each: each.pop("token_url"), "file"),
        "it lacks 'token_url'.",
    ),
    "a field of the file is unexpected": (
        "file",
        _changed(("configuration", "source_info"), lambda each: each.update(x=1), "file"),
        "it has the unexpected 'x'.",
    ),
    "a file that is no mapping": (
        "file",
        _changed(("configuration",), lambda each: each.update(source_info="text"), "file"),
        "its 'source_info' is of type str",
    ),
    "a document that is no mapping": (
        "file",
        _changed(("configuration", "source_info"), lambda each: each.update(document=[1]), "file"),
        "its 'document' is of type list",
    ),
    "an ID token's name is missing": (
        "id_token",
        _changed(("configuration",), lambda each: each.pop("credentials"), "id_token"),
        "it lacks 'credentials'.",
    ),
    "an ID token's name is unexpected": (
        "id_token",
        {**STATES["id_token"], "_credentials": None},
        "the unexpected '_credentials'.",
    ),
    "the state of the other class": ("id_token", FORMAT_1, "it lacks 'credentials', 'include_email'"),
}


@pytest.mark.parametrize(("kind", "state", "reason"), OTHERS.values(), ids=OTHERS)
def test_other_state_is_an_error_that_names_both_versions(kind: str, state: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _loaded(CLASSES[kind], state)
    message = seams.sentences(caught.value)
    assert message.startswith(f"This pickle of {CLASSES[kind].__name__} cannot be read: it")
    assert reason in message
    assert message.endswith(
        f" wrote it, and {google_auth_botocore.__version__} reads it. "
        "Install the same version of google-auth-botocore on both sides."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audience", 7),
        ("audience", None),
        ("lifetime", "a"),
        ("lifetime", ("s",)),
        ("scopes", "cloud-platform"),
        ("delegates", 3),
        ("token_url", "http://z.example"),
        ("verification_url", ["https://sts.us-east-2.amazonaws.com"]),
        ("profile", 3),
        ("region", ()),
        ("assume_role", "arn"),
        ("quota_project_id", 1),
        ("filename", 3),
        ("source_info", "text"),
    ],
)
def test_value_of_another_type_is_an_error(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError):
        _loaded(Credentials, _changed(("configuration",), lambda each: each.update({name: value})))


def test_error_shows_no_secret() -> None:
    secret = "ya29.c.access-and-long-enough-to-be-a-token"
    for state in (
        {"format": secret, "written_by": secret},
        {**FORMAT_1, secret: 1},
        {**FORMAT_1, "written_by": secret, "more": 1},
    ):
        with pytest.raises(ConfigurationError) as caught:
            _loaded(Credentials, state)
        assert secret not in str(caught.value)


class Tenant(Credentials):
    """A typical subclass of a user, with an attribute that is pickled."""

    def __init__(self, *arguments: Any, tenant: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.region = tenant

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "region": self.region}


class Silent(Credentials):
    """A subclass whose attribute is not pickled."""

    tenant = "of the class"


class IDTokens(IDTokenCredentials):
    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "audiences": getattr(self, "audiences", [])}


@pytest.mark.parametrize("act", COPIES.values(), ids=COPIES)
def test_subclass_keeps_its_own_attributes(act: Callable[[Any], Any]) -> None:
    """Even an attribute that is named like an argument of the base class."""
    original = Tenant(PROVIDER, ACCOUNT, region="eu-west-1", tenant="t")
    copied = act(original.with_scopes(["a"]))
    assert type(copied) is Tenant
    assert (copied.region, copied.scopes) == ("t", ("a",))
    assert ", region='eu-west-1'" in repr(copied)

    id_tokens = IDTokens(original, AUDIENCE)
    id_tokens.audiences = [AUDIENCE]  # type: ignore[attr-defined]  # the test's own
    assert act(id_tokens).audiences == [AUDIENCE]
    assert repr(act(id_tokens)) == repr(id_tokens)


@pytest.mark.parametrize("act", COPIES.values(), ids=COPIES)
def test_subclass_without_its_own_state_is_recreated(act: Callable[[Any], Any]) -> None:
    copied = act(Silent(PROVIDER))
    assert (type(copied), copied.tenant) == (Silent, "of the class")


def test_subclass_rejects_a_later_format_too() -> None:
    with pytest.raises(ConfigurationError, match=r"^This pickle of Silent cannot be read: it has the format 3"):
        _loaded(Silent, {**FORMAT_1, "format": 3})
