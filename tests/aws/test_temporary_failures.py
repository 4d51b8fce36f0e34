"""An existing source of keys that fails is retried until the deadline. Without any source, the error is immediate."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
import seams
from core.stand_in import HurriedClock
from variations import few

from aws.conftest import ROLE, Federation, Issue, Write, arn, environment, ini, set_all
from aws.servers import AwsEndpoint, Response, Route
from google_auth_botocore import FederationError
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata
from google_auth_botocore.exceptions import TransientFederationError

Enter = Callable[[contextlib.AbstractContextManager[Any]], Any]

_TEMPORARY = {
    "429": Fault(429, times=None, body=""),
    "500": Fault(500, times=None, body="no"),
    "503": Fault(503, times=None, body="no"),
    "reset": Fault(drop=True, times=None),
    "empty": Fault(200, times=None, body=""),
    "slow": Fault(delay=1.5, times=None),
}


@pytest.fixture(name="no_sleep", autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)


@pytest.fixture(name="imds")
def _imds(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstanceMetadata]:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        yield imds


@pytest.fixture(name="container")
def _container(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerCredentials]:
    with ContainerCredentials(lambda: issue("pod")) as container:
        set_all(monkeypatch, container.environment())
        yield container


@pytest.mark.parametrize("path", ["api/token", "security-credentials/", "security-credentials/app"])
@pytest.mark.parametrize("fault", [name for name in _TEMPORARY if name != "slow"])
@pytest.mark.parametrize("given", few([False, True]))
def test_instance_metadata_that_fails_is_retried_until_it_answers(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock, path: str, fault: str, given: bool
) -> None:
    imds.fail(path, _TEMPORARY[fault])
    clock.at_pause(3, imds.clear_faults)
    session = botocore.session.Session() if given else None
    federation.credentials(session=session).refresh(None)
    assert federation.last_seen().arn == arn("node")
    # The list of roles also exists in version 1, so botocore then continues without the token.
    assert len(clock.pauses) == 3


@pytest.mark.parametrize("fault", [name for name in _TEMPORARY if name != "slow"])
def test_instance_metadata_that_fails_until_the_deadline_is_transient(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock, fault: str
) -> None:
    imds.fail("", _TEMPORARY[fault])
    credentials = federation.credentials()
    with pytest.raises(TransientFederationError) as caught:
        credentials.refresh(None)
    assert caught.value.reason == "MetadataRetrievalError"
    assert "Instance metadata failed: " in str(caught.value)
    assert 20 < sum(clock.pauses) <= 30
    assert federation.google.calls == []
    imds.clear_faults()
    credentials.refresh(None)


@pytest.mark.slow
@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_slow_instance_metadata_works(federation: Federation, imds: InstanceMetadata, given: bool) -> None:
    """botocore's timeout is one second."""
    imds.fail("", Fault(delay=2.5, times=None))
    federation.credentials(session=botocore.session.Session() if given else None).refresh(None)
    assert federation.last_seen().arn == arn("node")
    assert federation.last_seen().region == imds.region


def test_incomplete_json_of_instance_metadata_is_temporary(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock
) -> None:
    imds.fail("security-credentials/app", Fault(200, times=2, body='{"AccessKeyId": "AKIA'))
    federation.credentials().refresh(None)
    assert len(clock.pauses) == 2


def test_token_of_instance_metadata_that_has_expired_is_replaced(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock
) -> None:
    imds.fail("security-credentials", Fault(401, times=1, body=""))
    federation.credentials().refresh(None)
    assert len(clock.pauses) == 1


def test_region_is_requested_until_it_is_known_and_the_keys_are_kept(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock
) -> None:
    """Without the region, the request would be signed for another partition."""
    imds.fail("placement", Fault(503, times=None, body=""))
    credentials = federation.credentials()
    with pytest.raises(TransientFederationError, match="placement/region answered HTTP 503"):
        credentials.refresh(None)
    imds.clear_faults()
    credentials.refresh(None)
    assert federation.last_seen().region == imds.region
    assert imds.count("security-credentials/app") == 1


def test_refresh_of_an_instances_keys_waits_for_a_service_that_has_disappeared(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, clock: HurriedClock
) -> None:
    """An instance always has metadata, while a laptop never has any."""
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        credentials = federation.credentials(region="eu-west-1")
        credentials.refresh(None)
    seams.identity_of(credentials).forget()
    with pytest.raises(TransientFederationError, match="Instance metadata failed"):
        credentials.refresh(None)
    assert sum(clock.pauses) > 20


def test_profile_whose_source_is_instance_metadata_waits_for_it(
    federation: Federation, imds: InstanceMetadata, moto: object, config: Write, clock: HurriedClock
) -> None:
    config(ini("profile team", role_arn=ROLE, credential_source="Ec2InstanceMetadata", role_session_name="me"))
    imds.fail("", _TEMPORARY["503"])
    clock.at_pause(2, imds.clear_faults)
    federation.credentials(profile="team").refresh(None)
    assert federation.last_seen().arn == arn("reader", "me")


def test_role_that_the_instance_cannot_assume_is_named(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock
) -> None:
    answer = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role app."}
    imds.fail("security-credentials/app", Fault(200, times=None, body=answer))
    with pytest.raises(FederationError) as caught:
        federation.credentials().refresh(None)
    assert str(caught.value).startswith(
        "Instance metadata has no keys for the instance's role (AssumeRoleUnauthorizedAccess): EC2 cannot assume the role app."
    )
    assert not caught.value.retryable
    assert clock.pauses == []


@pytest.mark.parametrize("case", ["disabled", "refused", "no role", "proxy that has no answer"])
@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_no_source_is_an_error_at_once(
    federation: Federation,
    imds: InstanceMetadata,
    clock: HurriedClock,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    given: bool,
) -> None:
    if case == "disabled":
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    elif case == "refused":
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    elif case == "no role":
        imds.fail("security-credentials", Fault(404, times=None, body=""))
    else:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")
        monkeypatch.setenv("HTTP_PROXY", imds.url)
        imds.fail("", Fault(503, times=None, body=""))
    with pytest.raises(FederationError) as caught:
        federation.credentials(session=botocore.session.Session() if given else None).refresh(None)
    assert caught.value.failure == "no-aws-keys"
    assert not caught.value.retryable
    assert clock.pauses == []


def test_version_2_behind_a_hop_limit_is_not_a_source(
    federation: Federation, imds: InstanceMetadata, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the answer with the token never arrives. It is retried once in case of a temporary failure."""
    seams.limit_requests_to_aws(monkeypatch, 2)
    imds.fail("api/token", Fault(delay=5, times=None))
    with pytest.raises(FederationError) as caught:
        federation.credentials().refresh(None)
    assert caught.value.failure == "no-aws-keys"
    assert len(clock.pauses) == 1


def test_metadata_that_was_removed_from_a_sessions_chain_is_not_called(
    federation: Federation, imds: InstanceMetadata
) -> None:
    session = botocore.session.Session()
    session.get_component("credential_provider").remove("iam-role")
    with pytest.raises(FederationError, match="no AWS credentials"):
        federation.credentials(session=session).refresh(None)
    assert imds.calls == []


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_a_caller_waits_for_a_container_agent_that_starts_late(
    federation: Federation, issue: Issue, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    with contextlib.ExitStack() as later:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = taken.getsockname()

        agent = ContainerCredentials(lambda: issue("pod"), address=address)
        clock.at_pause(3, lambda: later.enter_context(agent))
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{address[1]}/v2/credentials/task")
        federation.credentials(session=botocore.session.Session() if given else None).refresh(None)
    assert federation.last_seen().arn == arn("pod")


@pytest.mark.parametrize(
    "fault",
    [*(name for name in _TEMPORARY if name != "slow"), "half a JSON"],
)
def test_container_agent_that_fails_is_retried_until_it_answers(
    federation: Federation, container: ContainerCredentials, clock: HurriedClock, fault: str
) -> None:
    container.fail("", _TEMPORARY.get(fault, Fault(200, times=None, body='{"AccessKeyId": "AKIA')))
    clock.at_pause(2, container.clear_faults)
    federation.credentials().refresh(None)
    assert federation.last_seen().arn == arn("pod")


@pytest.mark.slow
def test_slow_container_agent_works(federation: Federation, container: ContainerCredentials) -> None:
    """botocore's timeout is two seconds, three times."""
    container.fail("", Fault(delay=3, times=None))
    federation.credentials().refresh(None)
    assert federation.last_seen().arn == arn("pod")


class _Sts(AwsEndpoint):
    """An STS with configured answers."""

    def __init__(self, answer: Callable[[], Response]) -> None:
        super().__init__()
        self._answer = answer

    def routes(self) -> list[Route]:
        return [Route("POST", re.compile("/"), lambda _call, _match: self._answer())]


def _error(code: str, status: int) -> Response:
    return Response(f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>", status)


@pytest.mark.parametrize(
    ("code", "status"),
    few(
        [
            ("Throttling", 400),
            ("ServiceUnavailable", 503),
            ("IDPCommunicationError", 400),
            ("InternalFailure", 500),
            ("x", 429),
        ],
        2,
    ),
)
def test_sts_that_fails_temporarily_is_retried_until_the_deadline_and_no_longer(
    federation: Federation, issue: Issue, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    """Regardless of the user's client settings."""
    started = time.monotonic()
    with _Sts(lambda: _error(code, status)) as sts:
        set_all(monkeypatch, {**environment(issue("app")), "AWS_ENDPOINT_URL_STS": sts.url, "AWS_MAX_ATTEMPTS": "10"})
        with pytest.raises(TransientFederationError, match=code):
            federation.credentials(assume_role=ROLE).refresh(None)
        assert len(sts.calls) == len(clock.pauses) + 1
    # The calls themselves take their time, too.
    assert 20 - (time.monotonic() - started) < sum(clock.pauses) <= 30


def test_sts_that_never_answers_holds_an_exchange_no_longer_than_its_deadline(
    issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        set_all(monkeypatch, {**environment(issue("app")), "AWS_ENDPOINT_URL_STS": url, "AWS_MAX_ATTEMPTS": "10"})
        identity = seams.aws_identity(region="eu-west-1", assume_role=ROLE)
        started = time.monotonic()
        with pytest.raises(TransientFederationError, match="ReadTimeoutError"):
            identity.signer(None, seams.ExchangeContext(background=False, deadline=started + 1))
        assert time.monotonic() - started < 8


def test_a_caller_that_stops_waiting_during_an_attempt_is_told_why_the_last_one_failed(
    issue: Issue, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[FederationError | None] = []
    context = seams.ExchangeContext(background=False, deadline=clock.monotonic() + 30)

    def answer() -> Response:
        known.append(context.failed)
        return _error("InternalFailure", 500) if len(known) == 1 else _error("AccessDenied", 403)

    with _Sts(answer) as sts:
        set_all(monkeypatch, {**environment(issue("app")), "AWS_ENDPOINT_URL_STS": sts.url})
        identity = seams.aws_identity(region="eu-west-1", assume_role=ROLE, clock=clock)
        with pytest.raises(FederationError, match="AccessDenied"):
            identity.signer(None, context)
    assert known[0] is None
    assert known[1] is not None
    assert known[1].reason == "InternalFailure"
    assert known[1].__traceback__ is None


def test_a_caller_waits_for_the_lock_until_the_deadline(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(issue("app")))
    identity = seams.aws_identity()
    with ThreadPoolExecutor(1) as pool, seams.lock_of(identity):
        context = seams.ExchangeContext(background=False, deadline=time.monotonic() + 0.2)
        with pytest.raises(TransientFederationError, match="Another thread has been getting the AWS keys for longer"):
            pool.submit(identity.signer, None, context).result(60)


@pytest.mark.parametrize("source", ["file", "environment", "profile", "imds"])
@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_a_failed_search_for_keys_is_not_remembered(
    federation: Federation,
    issue: Issue,
    shared: Write,
    config: Write,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    given: bool,
) -> None:
    """The next call tries every source again."""
    if source == "profile":
        monkeypatch.setenv("AWS_PROFILE", "team")
    credentials = federation.credentials(session=botocore.session.Session() if given else None)
    with pytest.raises(FederationError):
        credentials.refresh(None)
    with contextlib.ExitStack() as running:
        if source == "file":
            shared(ini("default", issue("app")))
        elif source == "environment":
            set_all(monkeypatch, environment(issue("app")))
        elif source == "profile":
            config(ini("profile team", issue("app")))
        else:
            imds = running.enter_context(InstanceMetadata(lambda: issue("app")))
            set_all(monkeypatch, imds.environment())
        credentials.refresh(None)
    assert federation.last_seen().arn == arn("app")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN])
@pytest.mark.parametrize("wrapped", [False, True])
def test_lack_of_file_descriptors_memory_or_processes_is_temporary(number: int, wrapped: bool) -> None:
    """Even if a botocore exception with another message wraps it."""
    error: Exception = OSError(number, os.strerror(number))
    if wrapped:
        make: Any = botocore.exceptions.SSOTokenLoadError
        error = make(error_msg="no token")
        error.__context__ = OSError(number, os.strerror(number))
    translated = seams.aws_errors.translate(error, seams.Facts("aws"))
    assert isinstance(translated, TransientFederationError)
    assert "Raise the limit (ulimit -n)" in str(translated.hint)


_OUT_OF_FILES = """
import os, resource, sys, botocore.utils, pytest, seams
botocore.utils.ContainerMetadataFetcher.SLEEP_TIME = 0
import google_auth_botocore as g
class Hurried(seams.SystemClock):
    skipped = 0.0
    def monotonic(self): return super().monotonic() + self.skipped
    def sleep(self, seconds): self.skipped += seconds
seams.use_clock(pytest.MonkeyPatch(), Hurried())
c = g.Credentials('projects/1/locations/global/workloadIdentityPools/p/providers/q', token_url='http://127.0.0.1:1/',
                  assume_role=sys.argv[1] or None)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
held = []
try:
    while True: held.append(os.open(os.devnull, os.O_RDONLY))
except OSError: pass
try: c.refresh(None)
except g.FederationError as error:
    for each in held: os.close(each)
    print(type(error).__name__, error.step, error.hint)
"""


@pytest.mark.parametrize("source", few(["imds", "sts", "file", "process", "container"]))
def test_process_without_free_file_descriptors_gets_a_temporary_error(
    imds: InstanceMetadata,
    container: ContainerCredentials,
    issue: Issue,
    shared: Write,
    config: Write,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {k: v for k, v in os.environ.items() if not k.startswith("AWS_CONTAINER")}
    if source == "file":
        shared(ini("default", issue("file")))
    elif source == "process":
        config(ini("default", credential_process="true"))
    elif source == "container":
        variables = {**variables, **container.environment(), "AWS_EC2_METADATA_DISABLED": "true"}
    elif source == "sts":
        variables = {**variables, **environment(issue("app"))}
    variables["PYTHONPATH"] = os.pathsep.join(sys.path)
    role = ROLE if source == "sts" else ""
    done = subprocess.run(
        [sys.executable, "-c", _OUT_OF_FILES, role],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("TransientFederationError aws "), done.stdout + done.stderr
