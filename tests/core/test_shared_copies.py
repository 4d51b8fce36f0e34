"""Copies that are unpickled in one process share their AWS identity and tokens, and copies that differ never do."""

from __future__ import annotations

import base64
import copy
import gc
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import cloudpickle
import pytest
import seams

from core.conftest import Make
from core.stand_in import ACCOUNT, PROVIDER, Answer, FakeClock, FakeGoogle
from google_auth_botocore import Credentials, FederationError, IDTokenCredentials

STS, IAM = "/v1/token", ":generateAccessToken"
DENIED = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"}}
PATIENCE = 60


@pytest.fixture(name="google", autouse=True)
def _google(monkeypatch: pytest.MonkeyPatch, request_: FakeGoogle) -> FakeGoogle:
    """The fake Google, to which all credentials send their requests. It also accepts the keys of other profiles."""
    google = FakeGoogle(lambda key_id: {"AKID": "SECRET"}.get(key_id, f"secret-of-{key_id}"))
    seams.use_own_transport(monkeypatch, google)
    return google


def token(credentials: Credentials) -> str:
    return credentials.get_token().value


def unpickled(credentials: Any, times: int = 1) -> list[Any]:
    data = pickle.dumps(credentials)
    return [pickle.loads(data) for _ in range(times)]


def shared(one: Credentials, other: Credentials) -> bool:
    """Return whether two objects share their AWS identity and federated token."""
    return seams.federation(one) is seams.federation(other)


class Tenant(Credentials):
    """A typical subclass of a user."""

    tenant = "?"

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "tenant": self.tenant}


# What is shared.


def test_a_hundred_copies_and_the_original_make_one_exchange(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    copies = unpickled(original, 100)
    assert len({token(each) for each in [*copies, original]}) == 1
    assert (google.count(STS), google.count(IAM)) == (1, 1)


def test_copies_use_the_token_that_the_original_has(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    first = token(original)
    assert [token(each) for each in unpickled(original, 3)] == [first] * 3
    assert len(google.calls) == 2


def test_copies_of_copies_share_too(make: Make, google: FakeGoogle) -> None:
    each = make()
    for _ in range(5):
        (each,) = unpickled(each)
        token(each)
    assert google.count(STS) == 1


def test_copies_share_after_every_object_is_gone(make: Make, google: FakeGoogle) -> None:
    """A worker unpickles its task's copy, finishes the task, and drops the copy."""
    data = pickle.dumps(make(ACCOUNT))
    seams.unpickled_elsewhere(data)
    for _ in range(100):
        token(pickle.loads(data))
        gc.collect(0)
    assert (google.count(STS), google.count(IAM)) == (1, 1)


def test_several_originals_and_their_copies_share(make: Make, google: FakeGoogle) -> None:
    """A loop that creates credentials for each task, and pickles them, does not make one exchange for each."""
    originals = [make(ACCOUNT) for _ in range(10)]
    for original in originals:
        token(*unpickled(original))
    assert len({token(original) for original in originals}) == 1
    assert (google.count(STS), google.count(IAM)) == (1, 1)


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_kind_of_pickle_is_shared(
    make: Make, google: FakeGoogle, dump: Callable[..., bytes], protocol: int
) -> None:
    original = make()
    assert token(original) == token(pickle.loads(dump(original, protocol)))
    assert google.count(STS) == 1


def test_deep_copies_in_a_structure_share_with_unpickled_ones(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    structure = copy.deepcopy({"task": [original, *unpickled(original)]})
    assert len({token(each) for each in [*structure["task"], original]}) == 1
    assert len(google.calls) == 2


def test_a_function_that_cloudpickle_carries_shares(make: Make, google: FakeGoogle) -> None:
    credentials = make()
    data = cloudpickle.dumps(lambda: token(credentials))
    assert {pickle.loads(data)() for _ in range(10)} == {token(credentials)}
    assert google.count(STS) == 1


def test_copies_that_differ_in_scopes_lifetime_or_subject_share_the_federated_token(
    make: Make, google: FakeGoogle
) -> None:
    original = make(ACCOUNT)
    others = [
        make(ACCOUNT, scopes=["a"]),
        make(ACCOUNT, default_scopes=["b"]),
        make(ACCOUNT, lifetime=900),
        make(ACCOUNT, quota_project_id="q", project_id="p"),
    ]
    copies = [each for other in (original, *others) for each in unpickled(other)]
    assert all(shared(each, original) for each in copies)
    assert all(shared(each, original) for each in unpickled(make(ACCOUNT, subject="u@example.com")))
    tokens = [token(each) for each in copies]
    assert tokens[0] == tokens[-1], "a project changes no token"
    assert len(set(tokens)) == 4
    assert (google.count(STS), google.count(IAM)) == (1, 4)


def test_id_tokens_share_with_their_credentials(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    token(original)
    payload = base64.urlsafe_b64encode(json.dumps({"iat": 1_800_000_000, "exp": 1_800_003_600}).encode()).decode()
    google.script.extend(Answer({"token": f"e30.{payload}.{number}"}) for number in range(2))
    id_tokens = [IDTokenCredentials(original, audience) for audience in ("https://a.example", "https://b.example")]
    copies = [each for one in id_tokens for each in (*unpickled(one, 2), one)]
    assert [each.get_token().value[-1] for each in copies] == ["0", "0", "0", "1", "1", "1"]
    assert (google.count(STS), google.count(":generateIdToken")) == (1, 2)


def test_a_subclass_shares_and_keeps_its_attributes(make: Make, google: FakeGoogle) -> None:
    originals = [Tenant(PROVIDER), Tenant(PROVIDER)]
    originals[0].tenant, originals[1].tenant = "a", "b"
    copies = [each for original in originals for each in unpickled(original, 2)]
    assert [each.tenant for each in copies] == ["a", "a", "b", "b"]
    assert len({token(each) for each in [*copies, *unpickled(make())]}) == 1
    assert google.count(STS) == 1


def test_copies_of_credentials_with_a_session_share_among_themselves(google: FakeGoogle, make: Make) -> None:
    """The original has its own session, whose settings the copies do not have."""
    original = make(session=botocore.session.Session())
    copies = unpickled(original, 10)
    assert len({token(each) for each in copies}) == 1
    assert not shared(copies[0], original)
    token(original)
    assert google.count(STS) == 2


def test_new_credentials_share_nothing(make: Make, google: FakeGoogle) -> None:
    """This is how a task gets an unshared one."""
    (copied,) = unpickled(make())
    new = [make(), Credentials.from_info(copied.info)]
    assert len({token(each) for each in (copied, *new)}) == 3
    assert google.count(STS) == 3


# What is never shared.

ROLE = "arn:aws:iam::123456789012:role/r"
DIFFERENT: dict[str, dict[str, Any]] = {
    "plain": {},
    "audience": {"audience": PROVIDER.replace("prod", "test")},
    "service account": {"service_account_email": ACCOUNT},
    "another service account": {"service_account_email": f"x{ACCOUNT}"},
    "delegates": {"service_account_email": ACCOUNT, "delegates": [f"x{ACCOUNT}"]},
    "other delegates": {"service_account_email": ACCOUNT, "delegates": [f"y{ACCOUNT}"]},
    "order of delegates": {"service_account_email": ACCOUNT, "delegates": [f"x{ACCOUNT}", f"y{ACCOUNT}"]},
    "the other order": {"service_account_email": ACCOUNT, "delegates": [f"y{ACCOUNT}", f"x{ACCOUNT}"]},
    "universe": {"universe_domain": "example.com"},
    "token_url": {"token_url": "https://sts.example/v1/token"},
    "iam_credentials_endpoint": {"iam_credentials_endpoint": "https://iam.example"},
    "oauth_token_url": {"oauth_token_url": "https://oauth.example/token"},
    "profile": {"profile": "p"},
    "another profile": {"profile": "P"},
    "region": {"region": "eu-west-1"},
    "type": {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
    "role": {"assume_role": ROLE},
    "role with the same name in another account": {"assume_role": ROLE.replace("1234", "4321")},
    "session name": {"assume_role": {"RoleArn": ROLE, "RoleSessionName": "x"}},
    "external id": {"assume_role": {"RoleArn": ROLE, "ExternalId": "1"}},
    "another external id": {"assume_role": {"RoleArn": ROLE, "ExternalId": "2"}},
    "duration": {"assume_role": {"RoleArn": ROLE, "DurationSeconds": 900}},
    "duration as text": {"assume_role": {"RoleArn": ROLE, "DurationSeconds": "900"}},
    "tag": {"assume_role": {"RoleArn": ROLE, "Tags": [{"Key": "k", "Value": "v"}]}},
    "another tag": {"assume_role": {"RoleArn": ROLE, "Tags": [{"Key": "k", "Value": "w"}]}},
}


def test_copies_of_different_configuration_never_share(google: FakeGoogle) -> None:
    originals = [Credentials(**{"audience": PROVIDER, **arguments}) for arguments in DIFFERENT.values()]
    copies = [unpickled(each, 2) for each in originals]
    for number, original in enumerate(originals):
        assert all(shared(each, original) for each in copies[number])
    for (one, _), (other, _) in itertools.combinations(copies, 2):
        assert not shared(one, other), (one, other)


def test_files_with_different_verification_urls_never_share(make: Make) -> None:
    info = make().info
    source = info["credential_source"]
    url = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    other = {**info, "credential_source": {**source, "regional_cred_verification_url": url}}
    (one,), (two,) = (unpickled(Credentials.from_info(each)) for each in (info, other))
    assert not shared(one, two)


# The environment.


@pytest.fixture(name="profiles")
def _profiles(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two profiles with their own keys, and none in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    path = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    path.parent.mkdir(exist_ok=True)
    write_profiles(path, a="AKIDA", b="AKIDB")
    return path


def write_profiles(path: Path, **key_ids: str) -> None:
    sections = (
        f"[{name}]\naws_access_key_id = {key_id}\naws_secret_access_key = secret-of-{key_id}\n"
        for name, key_id in key_ids.items()
    )
    path.write_text("".join(sections))


def key_id(google: FakeGoogle) -> str:
    """Return the key that signed the last exchange."""
    subject_token = [call for call in google.calls if "subject_token" in call.form][-1].form["subject_token"]
    return subject_token.partition("Credential%3D")[2].partition("%2F")[0]


def test_another_profile_in_the_environment_is_another_identity(
    make: Make, google: FakeGoogle, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a")
    original = make()
    data = pickle.dumps(original)
    first = pickle.loads(data)
    of_a = token(first)
    monkeypatch.setenv("AWS_PROFILE", "b")
    second = pickle.loads(data)
    of_b = token(second)
    assert (key_id(google), google.count(STS)) == ("AKIDB", 2)
    for name, value in (("AWS_PROFILE", "a"), ("AWS_REGION", os.environ["AWS_REGION"])):
        monkeypatch.delenv(name)  # set again, it is the last variable
        monkeypatch.setenv(name, value)
    assert token(pickle.loads(data)) == token(original) == of_a != of_b
    assert google.count(STS) == 2


def test_keys_in_the_environment_that_change_are_another_identity(
    make: Make, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(make())
    token(pickle.loads(data))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDB")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-AKIDB")
    token(pickle.loads(data))
    assert (key_id(google), google.count(STS)) == ("AKIDB", 2)


def test_a_copy_never_gets_the_identity_that_another_one_read_while_the_environment_was_different(
    make: Make, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other copy was unpickled in this environment, but got its first token in another one."""
    data = pickle.dumps(make())
    early = pickle.loads(data)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDB")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-AKIDB")
    token(early)
    assert key_id(google) == "AKIDB"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    late = at_the_same_time(lambda: token(pickle.loads(data)))
    assert key_id(google) == "AKID"
    assert len(set(late)) == 1
    assert late[0] != token(early)
    assert google.count(STS) == 2


def test_a_credentials_file_that_was_edited_is_another_identity(make: Make, google: FakeGoogle, profiles: Path) -> None:
    data = pickle.dumps(make(profile="a"))
    token(pickle.loads(data))
    write_profiles(profiles, a="AKIDEDITED", b="AKIDB")
    token(pickle.loads(data))
    assert (key_id(google), google.count(STS)) == ("AKIDEDITED", 2)


@pytest.mark.parametrize(
    "variable", ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "BOTO_CONFIG"]
)
def test_another_file_that_the_environment_names_is_another_identity(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """The tokens of two pods have the same length, and the second one replaces the first."""
    path, replacement = tmp_path / "file", tmp_path / "replacement"
    path.write_text("a")
    monkeypatch.setenv(variable, str(path))
    data = pickle.dumps(make())
    early = pickle.loads(data)
    replacement.write_text("b")
    replacement.replace(path)
    late = pickle.loads(data)
    assert not shared(early, late)
    assert shared(late, pickle.loads(data))


def test_a_file_of_boto_in_the_home_directory_is_another_identity(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("BOTO_CONFIG")
    data = pickle.dumps(make())
    early = pickle.loads(data)
    (tmp_path / ".boto").write_text("[Credentials]\naws_access_key_id = AKIDB\naws_secret_access_key = s\n")
    assert not shared(early, pickle.loads(data))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no date of the last change of status")
def test_a_file_that_was_edited_and_has_the_old_date_is_another_identity(
    make: Make, google: FakeGoogle, profiles: Path
) -> None:
    """Configuration management sets the date, and the new keys are as long as the old ones."""
    dates = (1_700_000_000, 1_700_000_000)
    os.utime(profiles, dates)
    data = pickle.dumps(make(profile="a"))
    token(pickle.loads(data))
    before = profiles.stat().st_ctime_ns
    while profiles.stat().st_ctime_ns == before:  # until the file system's clock has advanced
        write_profiles(profiles, a="AKIDC", b="AKIDB")
        os.utime(profiles, dates)
    token(pickle.loads(data))
    assert (key_id(google), google.count(STS)) == ("AKIDC", 2)


# Threads, forks and memory.


def at_the_same_time(act: Callable[[], str], threads: int = 64) -> list[str]:
    """Call a function in many threads, which the interpreter switches as often as it can."""
    barrier = threading.Barrier(threads)

    def late(_: int) -> str:
        barrier.wait(PATIENCE)
        return act()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(late, range(threads)))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("round_", range(5))
def test_threads_that_unpickle_at_the_same_time_cause_one_exchange(make: Make, google: FakeGoogle, round_: int) -> None:
    data = pickle.dumps(make(ACCOUNT, region=f"eu-west-{round_}"))
    seams.unpickled_elsewhere(pickle.dumps(make()))  # as in a process that has not unpickled any of these
    assert len(set(at_the_same_time(lambda: token(pickle.loads(data))))) == 1
    assert (google.count(STS), google.count(IAM)) == (1, 1)


def test_the_child_of_a_fork_shares_nothing_with_its_parent(make: Make, google: FakeGoogle) -> None:
    data = pickle.dumps(make())
    (first, *_) = copies = [pickle.loads(data) for _ in range(2)]
    token(first)
    seams.become_the_child_of_a_fork()
    late = [pickle.loads(data) for _ in range(2)]
    assert len({token(each) for each in late}) == 1
    assert token(late[0]) != token(first)
    assert not shared(late[0], copies[1])
    assert google.count(STS) == 2


def test_another_process_has_no_token(make: Make) -> None:
    original = make(ACCOUNT)
    token(original)
    data = pickle.dumps(original)
    assert not any(secret in data for secret in (b"federated-", b"access-", b"SECRET", b"SESSION", b"AKID"))
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).token)"
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, timeout=PATIENCE, check=True
    )
    assert done.stdout == b"None\n"


def test_only_a_limited_number_is_kept(make: Make) -> None:
    most = seams.most_federations()
    kept = []
    for number in range(most + 10):
        (each,) = unpickled(make(region=f"eu-west-{number}"))
        kept.append(weakref.ref(seams.federation(each)))
    del each
    gc.collect()
    alive = [reference() is not None for reference in kept]
    assert alive == [False] * 10 + [True] * most


def test_a_thousand_copies_with_roles_are_kept_and_a_limited_number(make: Make) -> None:
    """The tasks of a scheduler may be for a thousand customers, each with a role. Those without a role are kept, too."""
    plain = pickle.dumps(make())
    first = pickle.loads(plain)
    data = [pickle.dumps(make(assume_role=f"{ROLE}{number}")) for number in range(1200)]
    kept = [weakref.ref(seams.federation(pickle.loads(each))) for each in data]
    gc.collect()
    alive = sum(reference() is not None for reference in kept)
    assert 1000 <= alive < 1200
    assert all(reference() is not None for reference in kept[-1000:])
    assert shared(first, pickle.loads(plain))


def test_no_external_id_is_shown_with_what_is_shared(make: Make) -> None:
    original = make(assume_role={"RoleArn": ROLE, "ExternalId": "between-us"})
    copies = unpickled(original, 2)
    assert shared(*copies)
    assert "between-us" not in seams.shown_with_shared_federations()


def test_one_that_is_used_is_kept(make: Make, google: FakeGoogle) -> None:
    data = pickle.dumps(make())
    token(pickle.loads(data))
    for number in range(2 * seams.most_federations()):
        unpickled(make(region=f"eu-west-{number}"))
        pickle.loads(data)
    token(pickle.loads(data))
    assert google.count(STS) == 1


def test_one_that_was_dropped_continues_to_work_and_a_new_copy_exchanges(make: Make, google: FakeGoogle) -> None:
    data = pickle.dumps(make())
    early = pickle.loads(data)
    first = token(early)
    for number in range(seams.most_federations()):
        unpickled(make(region=f"eu-west-{number}"))
    late = pickle.loads(data)
    assert token(early) == first != token(late)
    assert google.count(STS) == 2


# Failures.


def test_copies_share_a_rejection_and_recover_together(make: Make, google: FakeGoogle, clock: FakeClock) -> None:
    data = pickle.dumps(make(ACCOUNT))
    google.script.extend([google.default_answer, Answer(DENIED, 403)])
    for _ in range(10):
        with pytest.raises(FederationError, match="PERMISSION_DENIED"):
            token(pickle.loads(data))
    assert google.count(IAM) == 1
    clock.advance(11)
    assert token(pickle.loads(data)).startswith("access-")
    assert (google.count(STS), google.count(IAM)) == (1, 2)


def test_a_copy_that_refreshes_replaces_a_revoked_token_for_all(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    first = token(original)
    one, other = unpickled(original, 2)
    one.refresh(None)
    assert token(one) == token(other) == token(original) != first
    assert google.count(IAM) == 2


def test_a_token_that_one_copy_drops_is_replaced_once(make: Make, google: FakeGoogle) -> None:
    original = make(ACCOUNT)
    first = token(original)
    one, other = unpickled(original, 2)
    one.token = None
    assert original.token is other.token is None
    assert token(other) == token(one) == token(original) != first
    assert google.count(IAM) == 2


def test_an_expired_token_is_replaced_once(make: Make, google: FakeGoogle, clock: FakeClock) -> None:
    original = make()
    first = token(original)
    clock.advance(3600)
    assert len({token(each) for each in [original, *unpickled(original, 10)]} - {first}) == 1
    assert google.count(STS) == 2
