"""Many objects that assume a role each, with the same base identity: they share its keys, its session and its client."""

from __future__ import annotations

import gc
import getpass
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partialmethod
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import seams
from botocore.credentials import AssumeRoleProvider
from core.stand_in import HurriedClock, wait_until
from refresh.threads import workers

from aws.conftest import ACCOUNT, ROLE, Federation, Issue, Write, arn, environment, ini, set_all
from aws.role_server import RoleServer
from aws.servers import known_keys
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import AwsKeys, Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, WebIdentityIssuer
from google_auth_botocore.exceptions import TransientFederationError

_KEYS = "security-credentials/app"
_AT_ONCE = 50
_NO_MATCH: Any = None


@pytest.fixture(name="sts")
def _sts(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> Iterator[RoleServer]:
    with RoleServer(issue) as sts:
        set_all(monkeypatch, {"AWS_ENDPOINT_URL_STS": sts.url, "AWS_REGION": "eu-west-1"})
        yield sts


@pytest.fixture(name="imds")
def _imds(issue: Issue, sts: RoleServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstanceMetadata]:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        yield imds


@pytest.fixture(name="created")
def _created(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sessions and clients that botocore creates."""
    created: list[str] = []
    for name in ("__init__", "create_client"):
        real = getattr(botocore.session.Session, name)

        def counted(
            self: Any, *arguments: Any, _name: str = name, _real: Callable[..., Any] = real, **options: Any
        ) -> Any:
            created.append(_name)
            return _real(self, *arguments, **options)

        monkeypatch.setattr(botocore.session.Session, name, counted)
    return created


def _tenants(federation: Federation, number: int, **arguments: Any) -> list[Credentials]:
    return [federation.credentials(assume_role=_role(f"tenant{i}"), **arguments) for i in range(number)]


def _role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def _at_once(work: Callable[[Credentials], object], tenants: list[Credentials]) -> None:
    ready = threading.Barrier(len(tenants))

    def begin(tenant: Credentials) -> None:
        ready.wait(60)
        work(tenant)

    with ThreadPoolExecutor(len(tenants)) as pool:
        list(pool.map(begin, tenants))


def _refresh(credentials: Credentials) -> None:
    credentials.refresh(None)


def _identities(federation: Federation) -> set[str]:
    """Return the ARNs that Google saw."""
    return {call.assertion["arn"] for call in federation.google.calls if call.assertion is not None}


def _revoke(federation: Federation, *roles: str) -> None:
    """Let AWS reject the keys of roles, in its reply to Google."""
    for key_id, keys in list(known_keys(federation.google).items()):
        if any(f"/{role}" in keys.arn for role in roles):
            del known_keys(federation.google)[key_id]


def test_tenants_that_begin_at_the_same_time_request_the_base_keys_once(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer, created: list[str]
) -> None:
    _at_once(_refresh, _tenants(federation, 64))
    assert imds.count(_KEYS) == 1
    assert created == ["__init__", "create_client"]
    assert len(sts.calls) == 64
    assert _identities(federation) == {arn(f"tenant{i}") for i in range(64)}


def test_roles_are_assumed_at_the_same_time(federation: Federation, imds: InstanceMetadata, sts: RoleServer) -> None:
    tenants = _tenants(federation, _AT_ONCE)
    sts.while_assuming = threading.Barrier(_AT_ONCE, timeout=25).wait  # breaks if one request waits for another one
    _at_once(_refresh, tenants)
    assert len(sts.calls) == _AT_ONCE


def test_connections_of_many_refreshes_at_the_same_time_stay_open(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise urllib3 logs a warning for each connection that it closes."""
    sts.while_assuming = threading.Barrier(_AT_ONCE, timeout=25).wait  # so that they call Google at the same time
    _at_once(Credentials.get_token, _tenants(federation, _AT_ONCE))
    assert [record.getMessage() for record in caplog.records if "pool is full" in record.getMessage()] == []


def test_refresh_of_a_role_requests_no_base_keys(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer, created: list[str]
) -> None:
    tenants = _tenants(federation, 10)
    _at_once(_refresh, tenants)
    _revoke(federation, "tenant")
    _at_once(_refresh, tenants)
    assert len(sts.calls) == 20
    assert imds.count(_KEYS) == 1
    assert created == ["__init__", "create_client"]


def test_base_keys_that_are_due_are_refreshed_once(
    federation: Federation, issue: Issue, sts: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifetimes = iter([60.0])
    with ContainerCredentials(lambda: issue("task", lifetime=next(lifetimes, 3600.0))) as container:
        set_all(monkeypatch, container.environment())
        _at_once(_refresh, _tenants(federation, 32))
        assert len(container.calls) == 2
        assert len(set(sts.callers)) == 1


def test_object_without_a_role_finds_its_own_keys(federation: Federation, imds: InstanceMetadata) -> None:
    for _ in range(2):
        federation.credentials().refresh(None)
    assert imds.count(_KEYS) == 2


@pytest.mark.parametrize("change", ["file", "profile variable", "keys variable", "profile argument"])
def test_tenant_after_a_change_starts_from_the_new_base(
    federation: Federation,
    issue: Issue,
    sts: RoleServer,
    shared: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: str,
) -> None:
    first, second = issue("first"), issue("second")
    shared(ini("default", first))
    if "profile" in change:
        shared(ini("other", second))
    old, new = _tenants(federation, 2)  # they read the environment when they first need keys
    old.refresh(None)
    if change == "file":
        (tmp_path / "home" / ".aws" / "credentials").write_text(ini("default", second))
    elif change == "profile variable":
        monkeypatch.setenv("AWS_PROFILE", "other")
    elif change == "keys variable":
        set_all(monkeypatch, environment(second))
    else:
        new = federation.credentials(profile="other", assume_role=ROLE)
    new.refresh(None)
    assert sts.callers == [first.access_key_id, second.access_key_id]
    _revoke(federation, "tenant0")
    if change == "profile argument":
        old.refresh(None)
        assert sts.callers[2:] == [first.access_key_id]


def test_denied_tenant_does_not_affect_the_others(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer, created: list[str]
) -> None:
    sts.denied = {"tenant1"}
    good, bad, late = _tenants(federation, 3)
    good.refresh(None)
    for _ in range(2):
        with pytest.raises(FederationError) as caught:
            bad.refresh(None)
        assert caught.value.reason == "AccessDenied"
        assert seams.identity_of(bad).facts().role == _role("tenant1")
    late.refresh(None)
    good.refresh(None)
    assert imds.count(_KEYS) == 1
    assert len(sts.calls) == 4  # the keys of `good` were kept
    assert created == ["__init__", "create_client"]
    sts.denied.clear()
    bad.refresh(None)


def test_rejected_base_keys_are_found_again_once(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer
) -> None:
    tenants = _tenants(federation, 32)
    _at_once(_refresh, tenants)
    [old] = set(sts.callers)
    _revoke(federation, "tenant")
    imds.rotate()
    sts.known = _AllBut(old)
    all_rejected = threading.Barrier(32, timeout=25)
    sts.while_assuming = _first(32, all_rejected.wait)
    _at_once(_refresh, tenants)
    assert imds.count(_KEYS) == 2
    assert len(sts.calls) == 3 * 32


class _AllBut(set[str]):
    """All strings except some."""

    def __init__(self, *excluded: str) -> None:
        super().__init__(excluded)

    def __contains__(self, each: object) -> bool:
        return not super().__contains__(each)


def _first(number: int, action: Callable[[], object]) -> Callable[[], object]:
    """Return a function that does something only in its first calls."""
    left = iter(range(number))
    return lambda: None if next(left, None) is None else action()


def test_base_works_again_after_its_source_does(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock
) -> None:
    imds.fail("", Fault(503, times=None, body=""))
    tenants = _tenants(federation, 3)
    for tenant in tenants:
        with pytest.raises(TransientFederationError, match="HTTP 503"):
            tenant.refresh(None)
    imds.clear_faults()
    for tenant in tenants:
        tenant.refresh(None)
    assert imds.count(_KEYS) == 1


def test_failure_of_a_slow_source_is_the_failure_of_all_that_wait_for_it(
    federation: Federation, config: Write, tmp_path: Path, clock: HurriedClock
) -> None:
    """Each thread would otherwise run the program itself, one after the other, until the deadline."""
    runs, go_on = tmp_path / "runs", tmp_path / "go_on"
    program = f"echo >>{runs}; until test -e {go_on}; do sleep 0.05; done; exit 3"
    config(ini("default", credential_process=f"sh -c '{program}'"))
    tenants = _tenants(federation, 16)
    failures: list[FederationError] = []

    def fail(tenant: Credentials) -> None:
        with pytest.raises(FederationError, match="CredentialRetrievalError") as caught:
            tenant.refresh(None)
        failures.append(caught.value)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(_at_once, fail, tenants)
        wait_until(lambda: runs.exists() and len(workers()) == 16)
        go_on.touch()
        done.result(60)
    assert len(failures) == 16
    assert len(runs.read_text().splitlines()) <= 4  # a few threads may begin to wait too late


def test_tenant_behind_another_proxy_gets_another_client(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = _tenants(federation, 3)
    first.refresh(None)
    monkeypatch.setenv("NO_PROXY", "")
    with monkeypatch.context() as wrong:
        wrong.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        with pytest.raises(FederationError, match="ProxyConnectionError"):
            second.refresh(None)
    third.refresh(None)


@pytest.mark.slow
def test_few_base_identities_are_kept(
    federation: Federation, issue: Issue, sts: RoleServer, shared: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tenants that still use another one keep it alive."""
    sessions: weakref.WeakSet[Any] = weakref.WeakSet()
    begin = botocore.session.Session.__init__

    def seen(self: Any, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        sessions.add(self)

    monkeypatch.setattr(botocore.session.Session, "__init__", seen)
    keys = [issue(f"base{i}") for i in range(70)]
    shared("".join(ini(f"p{i}", each) for i, each in enumerate(keys)))
    for i in range(70):
        federation.credentials(profile=f"p{i}", assume_role=ROLE).refresh(None)
    assert sts.callers == [each.access_key_id for each in keys]
    gc.collect()
    assert len(sessions) <= 65


def test_dropped_tenants_are_freed(federation: Federation, imds: InstanceMetadata) -> None:
    tenants = _tenants(federation, 3)
    for tenant in tenants:
        tenant.refresh(None)
    identities = [weakref.ref(seams.identity_of(tenant)) for tenant in tenants]
    del tenant, tenants
    gc.collect()
    assert [each() for each in identities] == [None] * 3


def test_finalizer_that_uses_another_tenant_does_not_wait_for_itself(
    federation: Federation, imds: InstanceMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs on the thread that is finding the base keys, which the other tenant needs."""
    one, other = _tenants(federation, 2)
    failures: list[str | None] = []

    class Finalized:
        def __del__(self) -> None:
            try:
                other.get_token()
            except FederationError as error:
                failures.append(error.failure)

    find = botocore.session.Session.get_credentials

    def interrupted(self: Any) -> Any:
        Finalized()
        return find(self)

    monkeypatch.setattr(botocore.session.Session, "get_credentials", interrupted)
    began = seams.SystemClock().monotonic()
    one.refresh(None)
    assert len(failures) == 1
    assert seams.SystemClock().monotonic() - began < 20  # not half a minute, after which `other` stops waiting
    other.refresh(None)


def test_tenants_share_one_prompt_for_the_code_of_the_base(
    sts: RoleServer, user: AwsKeys, shared: Write, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    device = f"arn:aws:iam::{ACCOUNT}:mfa/me"
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "123456"

    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(AssumeRoleProvider, "__init__", partialmethod(AssumeRoleProvider.__init__, prompter=answer))
    shared(ini("base", user))
    config(ini("profile team", role_arn=ROLE, source_profile="base", mfa_serial=device, region="eu-west-1"))
    clock = HurriedClock()
    one, other = (seams.aws_identity("team", assume_role=_role(each), clock=clock) for each in ("one", "other"))

    def context(*, may_prompt: bool) -> seams.ExchangeContext:
        return seams.ExchangeContext(background=False, deadline=math.inf, may_prompt=may_prompt)

    with pytest.raises(seams.PromptRequired):
        one.signer(None, context(may_prompt=False))
    one.signer(None, context(may_prompt=True))
    other.signer(None, context(may_prompt=False))
    assert len(asked) == 1


def test_token_of_aws_names_the_tenant(
    federation: Federation, imds: InstanceMetadata, sts: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WebIdentityIssuer(federation.google.aws_keys.find) as issuer:
        federation.audience = federation.google.add_oidc_provider(issuer.url).audience
        [route, *_] = issuer.routes()
        sts.token = lambda call: route.handler(call, _NO_MATCH)
        _at_once(_refresh, _tenants(federation, 8, subject_token_type="urn:ietf:params:oauth:token-type:jwt"))
    subjects = {call.assertion["sub"] for call in federation.google.calls if call.assertion is not None}
    assert subjects == {_role(f"tenant{i}") for i in range(8)}
    assert imds.count(_KEYS) == 1
