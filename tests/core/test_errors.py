"""The errors of the failures that users meet. The table of failures has the words of the hints (tests/failures)."""

from __future__ import annotations

import copy
import pickle
import re
import shlex
from collections.abc import Callable
from typing import Any

import google.auth.transport.requests
import pytest
import seams
from google.auth import exceptions

from core.conftest import Make
from core.stand_in import ACCOUNT, PROVIDER, Answer, FakeClock, FakeGoogle, federated
from google_auth_botocore import ConfigurationError, FederationError, TransientFederationError

AWS = "Received invalid AWS response of type {} with error message: {}"


@pytest.mark.parametrize(
    ("reason", "description", "failure"),
    [
        (
            "invalid_request",
            'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://x',
            "audience-malformed",
        ),
        (
            "invalid_target",
            (
                'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or '
                "provider is disabled or deleted or because it doesn't exist."
            ),
            "provider-out-of-service",
        ),
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            "condition-not-met",
        ),
        (
            "unauthorized_client",
            "The mapped attribute 'google.subject' must be of type STRING.",
            "mapping-wrong",
        ),
        (
            "unauthorized_client",
            "Could not obtain a value for google.subject from the given credential.",
            "mapping-wrong",
        ),
        (
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or x.",
            "subject-too-long",
        ),
        (
            "invalid_grant",
            AWS.format("SignatureDoesNotMatch", "The request signature we calculated does not match"),
            "secret-key-wrong",
        ),
        (
            "invalid_grant",
            AWS.format("ExpiredToken", "The security token included in the request is expired"),
            "keys-frozen",
        ),
        (
            "invalid_grant",
            AWS.format("InvalidClientTokenId", "The security token included in the request is invalid."),
            "keys-unknown",
        ),
        ("invalid_grant", "Error connecting to the given credential's issuer.", "issuer-unreachable"),
        (
            "invalid_request",
            "Invalid format of AWS credentials:the host of the url is not an AWS STS endpoint",
            "region-not-accepted",
        ),
        ("something_new", "A sentence that is not known.", "exchange-rejected"),
    ],
)
def test_rejection_of_the_exchange(
    make: Make, request_: FakeGoogle, reason: str, description: str, failure: str
) -> None:
    credentials = make()
    request_.script.extend([Answer({"error": reason, "error_description": description}, 400)] * 3)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    error = caught.value
    message = str(error).removesuffix(f" {error.hint}")
    prefix, said = message.split(f" (HTTP 400, {reason}): ")
    assert prefix.startswith("Google's Security Token Service rejected the request for a federated token for ")
    assert prefix.endswith((PROVIDER, " for provider prod of pool aws in project 123456789012"))
    whole = re.sub(r"Received invalid AWS response of type (\w+) with error message:", r"AWS answered \1:", description)
    assert said == f"{description.rstrip('.')}." or whole.startswith((said.rstrip("…"), said.rstrip(".")))
    assert len(f"{message} {error.hint}".partition("\n")[0]) < 400
    assert (error.step, error.reason, error.status_code, error.failure) == ("exchange", reason, 400, failure)
    assert (error.hint is None) is (failure == "exchange-rejected")
    assert not error.retryable
    assert not isinstance(error, exceptions.TransportError)
    request_.script.clear()
    credentials.refresh(request_)


def test_wrong_clock_is_named_if_googles_time_is_unknown(make: Make, request_: FakeGoogle) -> None:
    text = AWS.format(
        "SignatureDoesNotMatch", "Signature expired: 20270115T080000Z is now earlier than 20270115T090000Z (- 5 min.)"
    )
    request_.script.append(Answer({"error": "invalid_grant", "error_description": text}, 400))
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert caught.value.failure == "clock-skew"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (
            429,
            {
                "error": "quota_exceeded",
                "error_description": "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few seconds.",
            },
            "quota_exceeded",
        ),
        (503, b"upstream connect error or disconnect/reset before headers", None),
        (500, {"error": {"code": 500, "message": "Internal error", "status": "INTERNAL"}}, "INTERNAL"),
        (408, b"", None),
    ],
)
def test_lasting_failure_is_transient_for_every_library(
    make: Make, request_: FakeGoogle, clock: FakeClock, status: int, body: object, reason: str | None
) -> None:
    request_.script.extend([Answer(body, status)] * 100)
    with pytest.raises(TransientFederationError) as caught:
        make().refresh(request_)
    error = caught.value
    assert (error.retryable, error.status_code, error.reason) == (True, status, reason)
    assert isinstance(error, exceptions.RefreshError)
    assert isinstance(error, exceptions.TransportError)
    assert isinstance(error.args[0], ConnectionError)
    assert str(error).startswith("Google's Security Token Service could not provide a federated token for ")
    assert sum(clock.slept) <= 30
    assert error.failure == ("quota-exceeded" if reason == "quota_exceeded" else "google-unavailable")


def test_reply_of_another_server_is_recognised(make: Make, request_: FakeGoogle) -> None:
    request_.script.append(Answer(b"<html>Not Found</html>", 404))
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert caught.value.failure == "reply-not-googles"


def test_transport_that_is_a_class_is_named(make: Make) -> None:
    with pytest.raises(FederationError, match=r"^The request cannot be sent: the transport is <class ") as caught:
        make().refresh(google.auth.transport.requests.Request)
    assert caught.value.failure == "transport-wrong"


def test_transport_that_calls_itself_is_named(make: Make) -> None:
    """The cause is neither a proxy nor gevent, which this process does not use."""

    def request(**arguments: Any) -> Any:
        return request(**arguments)

    with pytest.raises(FederationError, match="recursion depth exceeded") as caught:
        make().refresh(request)
    assert caught.value.failure == "endless-recursion"


def rpc(code: int, message: str, status: str, **info: Any) -> Answer:
    details = (
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "iam.googleapis.com", **info}] if info else []
    )
    return Answer({"error": {"code": code, "message": message, "status": status, "details": details}}, code)


DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
PERMISSION = {"permission": "iam.serviceAccounts.getAccessToken"}


@pytest.mark.parametrize(
    ("answer", "arguments", "failure"),
    [
        (rpc(403, DENIED, "PERMISSION_DENIED", reason="IAM_PERMISSION_DENIED", metadata=PERMISSION), {}, "not-bound"),
        (
            rpc(403, DENIED, "PERMISSION_DENIED"),
            {"delegates": ["first@my-project.iam.gserviceaccount.com"]},
            "not-bound",
        ),
        (
            rpc(
                403,
                "IAM Service Account Credentials API has not been used in project 42 before or it is disabled.",
                "PERMISSION_DENIED",
                reason="SERVICE_DISABLED",
                metadata={"consumer": "projects/42"},
            ),
            {},
            "api-disabled",
        ),
        (
            rpc(
                403,
                "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc",
                "PERMISSION_DENIED",
                reason="SECURITY_POLICY_VIOLATED",
            ),
            {},
            "perimeter",
        ),
        (
            rpc(400, "The access token lifetime cannot exceed 3600 seconds.", "INVALID_ARGUMENT"),
            {"lifetime": 7200},
            "lifetime-too-long",
        ),
        (rpc(404, "Requested entity was not found.", "NOT_FOUND"), {}, "account-missing"),
        (rpc(400, "Request contains an invalid argument.", "INVALID_ARGUMENT"), {}, "argument-rejected"),
    ],
    ids=["denied", "delegates", "disabled", "perimeter", "lifetime", "not-found", "argument"],
)
def test_rejection_of_impersonation(
    make: Make, request_: FakeGoogle, answer: Answer, arguments: dict[str, Any], failure: str
) -> None:
    credentials = make(ACCOUNT, **arguments)
    request_.script.extend([federated("federated-0"), answer])
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    error = caught.value
    assert str(error).startswith(
        f"Google's IAM Credentials API rejected the request for an access token of {ACCOUNT} (HTTP "
    )
    assert str(error).endswith(f". {error.hint}")
    assert (error.step, error.failure) == ("impersonation", failure)
    credentials.refresh(request_)


def test_grant_names_the_role_if_it_is_known(make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint ends with a command that a shell can run unchanged."""
    credentials = make(ACCOUNT)
    seams.assume(monkeypatch, "arn:aws:sts::123456789012:assumed-role/app")
    request_.script.extend([federated("federated-0"), rpc(403, DENIED, "PERMISSION_DENIED")])
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    member = f"principalSet:{PROVIDER.partition('/providers/')[0]}/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/app"
    assert caught.value.hint is not None
    assert shlex.split(caught.value.hint.partition("\nRun: ")[2]) == [
        *("gcloud", "iam", "service-accounts", "add-iam-policy-binding", ACCOUNT),
        *("--role=roles/iam.workloadIdentityUser", f"--member={member}"),
    ]


def test_a_permanent_failure_is_remembered_for_requests_but_not_for_refresh(
    make: Make, request_: FakeGoogle, clock: FakeClock
) -> None:
    """gRPC retries a failed request many times a second."""
    credentials = make()
    request_.script.extend([Answer({"error": "invalid_target"}, 400)] * 2)
    for _ in range(20):
        with pytest.raises(FederationError):
            credentials.before_request(request_, "GET", "https://x", {})
    assert len(request_.calls) == 1
    with pytest.raises(FederationError):
        credentials.refresh(request_)
    assert len(request_.calls) == 2
    clock.advance(10)
    credentials.before_request(request_, "GET", "https://x", {})


@pytest.mark.parametrize("kind", [FederationError, TransientFederationError])
@pytest.mark.parametrize(
    "act", [copy.copy, copy.deepcopy, pytest.param(lambda error: pickle.loads(pickle.dumps(error)), id="pickle")]
)
def test_errors_survive_copies_and_pickles(kind: type[FederationError], act: Any) -> None:
    error = kind(
        "What happened.",
        step="exchange",
        reason="r",
        status_code=400,
        hint="What to do.",
        aws_reason="a",
        failure="f",
    )
    copied = act(error)
    assert type(copied) is kind
    assert str(copied) == str(error) == "What happened. What to do."
    assert vars(copied) == vars(error)
    assert copied.retryable is error.retryable


@pytest.mark.parametrize("act", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copied", "pickled"])
def test_copy_of_a_configuration_error_has_the_same_link(
    act: Callable[[ConfigurationError], ConfigurationError],
) -> None:
    error = ConfigurationError("It is wrong. Correct it.\nRun: true", failure="session-wrong")
    copied = act(error)
    assert str(copied) == str(error)
    assert re.fullmatch(r"It is wrong. Correct it.\nMore: https://\S+#session-wrong\nRun: true", str(error))
    assert copied.failure == "session-wrong"


def test_the_class_hierarchy() -> None:
    assert issubclass(FederationError, exceptions.RefreshError)
    assert issubclass(TransientFederationError, FederationError)
    assert issubclass(TransientFederationError, exceptions.TransportError)
    assert issubclass(ConfigurationError, ValueError)
    assert not issubclass(ConfigurationError, exceptions.RefreshError)


def test_disabled_api_is_enabled_in_the_pools_project_if_google_names_none(make: Make, request_: FakeGoogle) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    error = {"code": 403, "message": "It is off.", "status": "PERMISSION_DENIED", "details": details}
    request_.script.extend([federated("federated-0"), Answer({"error": error}, 403)])
    with pytest.raises(FederationError) as caught:
        make(ACCOUNT).refresh(request_)
    assert str(caught.value.hint).endswith(
        "gcloud services enable iamcredentials.googleapis.com --project=123456789012"
    )
