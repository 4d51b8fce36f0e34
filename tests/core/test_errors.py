"""The failures that users meet, word for word: what happened, what was seen and what to do."""

from __future__ import annotations

import copy
import pickle
import shlex
from typing import Any

import google.auth.transport.requests
import pytest
import seams
from google.auth import exceptions

from core.conftest import Make
from core.stand_in import ACCOUNT, PROVIDER, Answer, FakeClock, FakeGoogle, federated
from google_auth_botocore import ConfigurationError, FederationError, TransientFederationError

POOL = "projects/123456789012/locations/global/workloadIdentityPools/aws"
DESCRIBE = f"gcloud iam workload-identity-pools providers describe {POOL}/providers/prod"
AWS = "Received invalid AWS response of type {} with error message: {}"
MEMBER = (
    "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/attribute.aws_role/"
    "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"
)
GRANT = (
    "The AWS identity lacks roles/iam.workloadIdentityUser on the service account, or the account does not exist; a new grant takes "
    "up to 5 minutes to be seen. Grant it (with your account and role in the place of ACCOUNT_ID and ROLE_NAME, or an IAM user's "
    "ARN in the place of the role's; to see which, run: aws sts get-caller-identity): "
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser --member={MEMBER}"
)


@pytest.mark.parametrize(
    ("reason", "description", "hint"),
    [
        (
            "invalid_request",
            'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://x',
            f"The audience must be the full name of a provider. Run: {DESCRIBE}",
        ),
        (
            "invalid_target",
            (
                'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or '
                "provider is disabled or deleted or because it doesn't exist."
            ),
            (
                "Check the project number, the pool and the provider in the audience, and that both are enabled and not deleted. "
                f"Run: gcloud iam workload-identity-pools describe {POOL}; {DESCRIBE}"
            ),
        ),
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            (
                "Compare the provider's attribute condition with the ARN that AWS gives (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, "
                f"not the role's own ARN). To see both, run: aws sts get-caller-identity; {DESCRIBE}"
            ),
        ),
        (
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or x.",
            (
                "Map a shorter subject, or shorten the role's session name. Run: gcloud iam workload-identity-pools providers update-aws "
                f"{POOL}/providers/prod "
                "--attribute-mapping="
                + shlex.quote(
                    "google.subject=assertion.arn.extract('assumed-role/{role_and_session}'),"
                    "attribute.aws_role=assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
                    "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
                )
            ),
        ),
        (
            "invalid_grant",
            AWS.format("SignatureDoesNotMatch", "The request signature we calculated does not match"),
            (
                "Check AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: they must belong to the access key id. "
                "AWS remembers a wrong key for some seconds."
            ),
        ),
        (
            "invalid_grant",
            AWS.format("ExpiredToken", "The security token included in the request is expired"),
            "Renew the keys: they are temporary, and were probably copied into the environment or a file once.",
        ),
        (
            "invalid_grant",
            AWS.format("InvalidClientTokenId", "The security token included in the request is invalid."),
            "Check that the keys exist, that AWS_SESSION_TOKEN is set if they are temporary, and that the account has the region enabled.",
        ),
        (
            "invalid_grant",
            "Error connecting to the given credential's issuer.",
            "The audience names an OIDC provider whose issuer Google can't reach. Use the AWS provider's audience, or mend the issuer.",
        ),
        ("something_new", "A sentence that nobody has seen yet.", None),
    ],
)
def test_refusal_of_the_exchange(
    make: Make, request_: FakeGoogle, reason: str, description: str, hint: str | None
) -> None:
    credentials = make()
    request_.script.extend([Answer({"error": reason, "error_description": description}, 400)] * 3)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    error = caught.value
    assert str(error) == (
        f"Google's Security Token Service rejected the request for a federated token for {PROVIDER} (HTTP 400, {reason}): "
        f"{description.rstrip('.')}." + (f" {hint}" if hint else "")
    )
    assert (error.step, error.reason, error.status_code, error.hint) == ("exchange", reason, 400, hint)
    assert not error.retryable
    assert not isinstance(error, exceptions.TransportError)
    request_.script.clear()
    credentials.refresh(request_)


def test_clock_that_is_off_is_named_when_it_can_not_be_helped(make: Make, request_: FakeGoogle) -> None:
    text = AWS.format(
        "SignatureDoesNotMatch", "Signature expired: 20270115T080000Z is now earlier than 20270115T090000Z (- 5 min.)"
    )
    request_.script.append(Answer({"error": "invalid_grant", "error_description": text}, 400))
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert caught.value.hint == "Set this machine's clock (chrony or systemd-timesyncd): it is too far off for AWS."


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
def test_failure_that_lasts_is_transient_for_every_library(
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
    assert str(error).startswith("Google's Security Token Service could not provide a federated token for //iam.google")
    assert sum(clock.slept) <= 30
    if reason == "quota_exceeded":
        assert error.hint == (
            "The project of the pool has used up its token exchanges for this minute. Share one Credentials object in a process, "
            "or raise the quota."
        )
    else:
        assert error.hint == "The next try may have an answer: nothing is wrong with the request."


def test_refusal_that_is_not_googles(make: Make, request_: FakeGoogle) -> None:
    request_.script.append(Answer(b"<html>Not Found</html>", 404))
    with pytest.raises(FederationError) as caught:
        make().refresh(request_)
    assert caught.value.hint == (
        "Check that https://sts.googleapis.com/v1/token is Google's, and what stands between: a proxy, a captive portal."
    )


def test_region_that_google_does_not_take(make: Make, request_: FakeGoogle) -> None:
    text = "Invalid format of AWS credentials:the host of the url is not an AWS STS endpoint"
    request_.script.append(Answer({"error": "invalid_request", "error_description": text}, 400))
    with pytest.raises(FederationError, match="Set AWS_REGION, region= or the profile's region to a region such as"):
        make().refresh(request_)


def test_request_that_is_a_class(make: Make) -> None:
    with pytest.raises(
        FederationError, match=r"^No request can be sent: the transport is <class .*, and not its class"
    ):
        make().refresh(google.auth.transport.requests.Request)


def test_request_that_calls_itself(make: Make) -> None:
    """Neither a proxy nor, in this process, gevent has a part in it."""

    def request(**arguments: Any) -> Any:
        return request(**arguments)

    with pytest.raises(
        FederationError, match=r"recursion depth exceeded.* such as the transport passed to refresh\(\)\.$"
    ):
        make().refresh(request)


def rpc(code: int, message: str, status: str, **info: Any) -> Answer:
    details = (
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "iam.googleapis.com", **info}] if info else []
    )
    return Answer({"error": {"code": code, "message": message, "status": status, "details": details}}, code)


DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
PERMISSION = {"permission": "iam.serviceAccounts.getAccessToken"}


@pytest.mark.parametrize(
    ("answer", "arguments", "said", "hint"),
    [
        (
            rpc(403, DENIED, "PERMISSION_DENIED", reason="IAM_PERMISSION_DENIED", metadata=PERMISSION),
            {},
            f"(HTTP 403, PERMISSION_DENIED): {DENIED}",
            GRANT,
        ),
        (
            rpc(403, DENIED, "PERMISSION_DENIED"),
            {"delegates": ["first@my-project.iam.gserviceaccount.com"]},
            f"(HTTP 403, PERMISSION_DENIED): {DENIED}",
            GRANT.replace(ACCOUNT, "first@my-project.iam.gserviceaccount.com")
            .replace("workloadIdentityUser", "serviceAccountTokenCreator")
            .replace(
                "on the service account, or",
                "on first@my-project.iam.gserviceaccount.com, or one of the accounts lacks it on the next, or",
            )
            + f" && gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.serviceAccountTokenCreator "
            "--member=serviceAccount:first@my-project.iam.gserviceaccount.com",
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
            "(HTTP 403, SERVICE_DISABLED): IAM Service Account Credentials API has not been used in project 42 before or it is disabled.",
            "Enable the API: gcloud services enable iamcredentials.googleapis.com --project=42",
        ),
        (
            rpc(
                403,
                "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc",
                "PERMISSION_DENIED",
                reason="SECURITY_POLICY_VIOLATED",
            ),
            {},
            (
                "(HTTP 403, SECURITY_POLICY_VIOLATED): Request is prohibited by organization's policy. "
                "vpcServiceControlsUniqueIdentifier: abc."
            ),
            "A VPC Service Controls perimeter blocks the call: add an ingress rule for sts.googleapis.com and iamcredentials.googleapis.com.",
        ),
        (
            rpc(400, "The access token lifetime cannot exceed 3600 seconds.", "INVALID_ARGUMENT"),
            {"lifetime": 7200},
            "(HTTP 400, INVALID_ARGUMENT): The access token lifetime cannot exceed 3600 seconds.",
            (
                f"Ask for a lifetime of at most 3600 s, or add {ACCOUNT} to the list of the organization policy "
                "constraints/iam.allowServiceAccountCredentialLifetimeExtension, which allows up to 43200 s."
            ),
        ),
        (
            rpc(404, "Requested entity was not found.", "NOT_FOUND"),
            {},
            "(HTTP 404, NOT_FOUND): Requested entity was not found.",
            GRANT,
        ),
        (
            rpc(400, "Request contains an invalid argument.", "INVALID_ARGUMENT"),
            {},
            "(HTTP 400, INVALID_ARGUMENT): Request contains an invalid argument.",
            None,
        ),
    ],
    ids=["denied", "delegates", "disabled", "perimeter", "lifetime", "not-found", "unknown"],
)
def test_refusal_of_impersonation(
    make: Make, request_: FakeGoogle, answer: Answer, arguments: dict[str, Any], said: str, hint: str | None
) -> None:
    credentials = make(ACCOUNT, **arguments)
    request_.script.extend([federated("federated-0"), answer])
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    assert str(caught.value) == (
        f"Google's IAM Credentials API rejected the request for an access token of {ACCOUNT} {said}"
        + (f" {hint}" if hint else "")
    )
    assert caught.value.step == "impersonation"
    credentials.refresh(request_)


def test_grant_names_the_role_where_it_is_known(
    make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is a command that a shell takes as it stands."""
    credentials = make(ACCOUNT)
    seams.assume(monkeypatch, "arn:aws:sts::123456789012:assumed-role/app")
    request_.script.extend([federated("federated-0"), rpc(403, DENIED, "PERMISSION_DENIED")])
    with pytest.raises(FederationError) as caught:
        credentials.refresh(request_)
    member = MEMBER.replace("ACCOUNT_ID", "123456789012").replace("ROLE_NAME", "app")
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(
        f"Grant it: gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser --member={member}"
    )


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
    error = kind("What happened.", step="exchange", reason="r", status_code=400, hint="What to do.", aws_reason="a")
    copied = act(error)
    assert type(copied) is kind
    assert str(copied) == str(error) == "What happened. What to do."
    assert vars(copied) == vars(error)
    assert copied.retryable is error.retryable


def test_the_tree() -> None:
    assert issubclass(FederationError, exceptions.RefreshError)
    assert issubclass(TransientFederationError, FederationError)
    assert issubclass(TransientFederationError, exceptions.TransportError)
    assert issubclass(ConfigurationError, ValueError)
    assert not issubclass(ConfigurationError, exceptions.RefreshError)


def test_api_that_is_off_in_a_project_that_google_does_not_name_is_enabled_in_the_pools(
    make: Make, request_: FakeGoogle
) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    error = {"code": 403, "message": "It is off.", "status": "PERMISSION_DENIED", "details": details}
    request_.script.extend([federated("federated-0"), Answer({"error": error}, 403)])
    with pytest.raises(FederationError) as caught:
        make(ACCOUNT).refresh(request_)
    assert caught.value.hint == (
        "Enable the API: gcloud services enable iamcredentials.googleapis.com --project=123456789012"
    )
