"""The error of a program and `doctor` name the same entry of the table, for failures that really happen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.doctor.aws_sts import refusal
from cli.doctor.sandbox import KEYS, NOWHERE, ROLE, Sandbox
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: {} on resource: "
    + OTHER_ROLE
)


@dataclass
class Case:
    """A failure.

    Attributes:
        happens: Makes it happen.
        failure: The entry that both must name.
        fix: What must be part of the fix that both give.
        never: What may not be part of it.
    """

    happens: Callable[[Sandbox], object]
    failure: str
    fix: str
    never: str = "---"


CASES: dict[str, Case] = {}


def case(failure: str, fix: str, never: str = "---") -> Callable[[Callable[[Sandbox], object]], None]:
    """Add a function that makes a failure happen."""

    def add(happens: Callable[[Sandbox], object]) -> None:
        CASES[happens.__name__.removeprefix("_").replace("_", " ")] = Case(happens, failure, fix, never)

    return add


def config(sandbox: Sandbox, text: str, name: str = "config") -> str:
    path = sandbox.home / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return str(path)


def without_keys(sandbox: Sandbox, text: str, profile: str | None = None) -> None:
    sandbox.unset(*KEYS)
    config(sandbox, text)
    if profile is not None:
        sandbox.flags["profile"] = profile


def sts(sandbox: Sandbox, code: str, message: str, status: int = 403) -> None:
    """Let AWS STS reject AssumeRole."""
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.flags["assume-role"] = OTHER_ROLE
    sandbox.aws.fail("/", Fault(status, times=None, body=refusal(code, message)))


def exchange(sandbox: Sandbox, error: str, description: str, status: int = 400) -> None:
    sandbox.fault("/v1/token", status, {"error": error, "error_description": description})


def iam(sandbox: Sandbox, status: int, code: str, message: str) -> None:
    sandbox.fault(":generateAccessToken", status, {"error": {"code": status, "message": message, "status": code}})


# Profiles and files.


@case("process-missing", "credential_process", "open-id-connect")
def _a_credential_process_that_does_not_exist(sandbox: Sandbox) -> None:
    without_keys(sandbox, "[default]\nregion = eu-central-1\ncredential_process = /no/such/program --json\n")


@case("process-missing", "aws configure get credential_process --profile base")
def _a_credential_process_of_the_source_profile(sandbox: Sandbox) -> None:
    text = f"[profile app]\nrole_arn = {OTHER_ROLE}\nsource_profile = base\n[profile base]\ncredential_process = /no/such\n"
    without_keys(sandbox, text, "app")


@case("region-unknown", "aws configure set region eu-north-1 --profile default", "unset AWS_REGION")
def _a_comment_behind_the_region_in_a_file(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION", "AWS_DEFAULT_REGION")
    config(sandbox, "[default]\nregion = eu-north-1 # home\n")


@case("region-unknown", "unset AWS_DEFAULT_REGION", "unset AWS_REGION")
def _an_unknown_region_in_the_second_variable(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION")
    sandbox.set(AWS_DEFAULT_REGION="frankfurt")


@case("aws-file-broken", ".aws/credentials", ".aws/config")
def _a_broken_credentials_file(sandbox: Sandbox) -> None:
    config(sandbox, "[default]\naws_access_key_id\n", "credentials")


@case("aws-file-broken", "line 3 of")
def _a_section_that_is_there_twice(sandbox: Sandbox) -> None:
    config(sandbox, "[default]\nregion = eu-central-1\n[default]\n")


@case("aws-file-broken", "byte order mark")
def _a_byte_order_mark(sandbox: Sandbox) -> None:
    config(sandbox, "\ufeff[default]\nregion = eu-central-1\n")


@case("aws-file-broken", "there twice in [default]")
def _a_setting_that_is_there_twice(sandbox: Sandbox) -> None:
    config(sandbox, "[default]\nregion = a\nregion = b\n", "credentials")


@case("profile-missing", "aws configure list-profiles", "unset AWS_PROFILE")
def _a_misspelled_profile_in_a_flag(sandbox: Sandbox) -> None:
    sandbox.flags["profile"] = "nobody"


@case("profile-missing", "unset it")
def _a_misspelled_profile_in_a_variable(sandbox: Sandbox) -> None:
    sandbox.set(AWS_PROFILE="nobody")


@case("profile-loop", "source_profile")
def _profiles_that_name_each_other(sandbox: Sandbox) -> None:
    one, two = (f"[profile {a}]\nrole_arn = {OTHER_ROLE}\nsource_profile = {b}\n" for a, b in ("ab", "ba"))
    without_keys(sandbox, one + two, "a")


@case("not-signed-in", "aws sso login --profile sso", "Run: aws login")
def _an_expired_sso_sign_in_of_a_flag(sandbox: Sandbox) -> None:
    text = (
        "[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-central-1\n[profile sso]\n"
        "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\nregion = eu-central-1\n"
    )
    without_keys(sandbox, text, "sso")


@case("not-signed-in", "aws login --profile me", "sso login")
def _a_missing_aws_login(sandbox: Sandbox) -> None:
    without_keys(sandbox, "[profile me]\nlogin_session = me\nregion = eu-central-1\n", "me")


def printing(sandbox: Sandbox, **fields: object) -> None:
    keys = sandbox.workload.keys
    names = {"Version": 1, "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key}
    script = sandbox.home / "process.py"
    script.write_text(f"print({json.dumps(json.dumps({**names, 'SessionToken': keys.session_token, **fields}))})")
    without_keys(sandbox, f"[default]\nregion = eu-central-1\ncredential_process = {sys.executable} {script}\n")


@case("expiry-invalid", "2030-01-31T12:00:00Z")
def _a_numeric_expiration_of_a_process(sandbox: Sandbox) -> None:
    printing(sandbox, Expiration=1893456000)


@case("expiry-invalid", "AWS_CREDENTIAL_EXPIRATION")
def _an_expiration_without_a_time_zone(sandbox: Sandbox) -> None:
    sandbox.set(AWS_CREDENTIAL_EXPIRATION="2030-01-31T12:00:00")


@case("process-fails", "aws configure get credential_process")
def _a_process_that_prints_a_list(sandbox: Sandbox) -> None:
    without_keys(sandbox, f"[default]\ncredential_process = {sys.executable} -c 'print([])'\n")


@case("process-fails", "must end with 0 and print one JSON object")
def _a_process_that_prints_half_of_a_document(sandbox: Sandbox) -> None:
    without_keys(sandbox, f"[default]\ncredential_process = {sys.executable} -c 'print(\"{{\")'\n")


@case("process-fails", "line 3 of")
def _a_process_of_another_version(sandbox: Sandbox) -> None:
    printing(sandbox, Version=2)


@case("half-a-set-of-keys", "aws_secret_access_key in [default]", "unset AWS_ACCESS_KEY_ID")
def _half_a_set_of_keys_in_a_file(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    config(sandbox, "[default]\naws_access_key_id = AKIAEXAMPLE\n", "credentials")


@case("container-token-missing", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
def _a_missing_token_file_of_a_container(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue))
    sandbox.set(**container.environment(), AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/no/such/token")


@case("metadata-setting-invalid", "unset AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
def _an_unknown_mode_of_instance_metadata(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="ipv5")


# AWS rejects or denies.


@case("no-session-token", "must belong together")
def _temporary_keys_without_their_token(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SESSION_TOKEN")


@case("keys-frozen", "Remove the keys from [default]", "unset AWS_ACCESS_KEY_ID")
def _expired_keys_in_a_file(sandbox: Sandbox) -> None:
    keys = sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=-60)
    sandbox.unset(*KEYS)
    config(
        sandbox,
        f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
        f"aws_session_token = {keys.session_token}\n",
        "credentials",
    )


@case("role-not-assumable", "aws iam update-assume-role-policy --role-name other")
def _a_role_that_does_not_trust_the_caller(sandbox: Sandbox) -> None:
    sts(sandbox, "AccessDenied", DENIED.format("sts:AssumeRole"))


@case("explicit-deny", "aws organizations list-policies --filter SERVICE_CONTROL_POLICY", "update-assume-role-policy")
def _a_service_control_policy(sandbox: Sandbox) -> None:
    text = DENIED.format("sts:AssumeRole") + " with an explicit deny in a service control policy"
    sts(sandbox, "AccessDenied", text)


@case("role-arguments-invalid", "aws iam get-role --role-name other")
def _a_session_longer_than_the_role_allows(sandbox: Sandbox) -> None:
    sts(
        sandbox,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
    )


@case("mfa-code-wrong", "current code")
def _a_wrong_mfa_code(sandbox: Sandbox) -> None:
    sts(sandbox, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")


@case("region-not-enabled", "aws account enable-region --region-name")
def _a_region_that_is_disabled(sandbox: Sandbox) -> None:
    sts(sandbox, "RegionDisabledException", "STS is not activated in this region for account 123456789012.")


@case("secret-key-wrong", "must belong together")
def _a_wrong_secret_for_a_role(sandbox: Sandbox) -> None:
    sts(sandbox, "SignatureDoesNotMatch", "The request signature we calculated does not match.")


@case("aws-endpoint-unreachable", "aws sts get-caller-identity")
def _an_sts_endpoint_out_of_reach(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS=NOWHERE)
    sandbox.flags["assume-role"] = OTHER_ROLE


@case("web-identity-refused", "aws iam list-open-id-connect-providers")
def _a_pods_token_that_aws_does_not_accept(sandbox: Sandbox) -> None:
    (sandbox.home / "token").write_text("a.b.c")
    sandbox.unset(*KEYS)
    sandbox.set(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=str(sandbox.home / "token"))
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    text = "No OpenIDConnect provider found in your account for https://oidc.example"
    sandbox.aws.fail("/", Fault(400, times=None, body=refusal("InvalidIdentityToken", text)))


@case("jwt-not-allowed", "aws iam put-role-policy --role-name app")
def _a_role_that_may_have_no_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    text = DENIED.format("sts:GetWebIdentityToken")
    issuer.fail("/", Fault(403, times=None, body=refusal("AccessDenied", text)))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case("instance-role-broken", "ec2.amazonaws.com")
def _an_instance_whose_role_is_deleted(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    metadata = sandbox.start(InstanceMetadata(sandbox.google.aws_keys.issue, role="app"))
    sandbox.set(**metadata.environment())
    body = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role app."}
    metadata.fail("security-credentials/app", Fault(200, times=None, body=body))


# The exchange.


@case("region-not-accepted", "unset AWS_REGION", "_proxy")
def _a_region_that_google_does_not_accept(sandbox: Sandbox) -> None:
    exchange(
        sandbox, "invalid_request", "Invalid format of AWS credentials:the host of the url is not an AWS STS endpoint"
    )


@case("mapping-wrong", "--attribute-mapping=", "--attribute-condition")
def _a_mapping_that_is_no_text(sandbox: Sandbox) -> None:
    exchange(sandbox, "unauthorized_client", "The mapped attribute 'google.subject' must be of type STRING.")


@case("mapping-wrong", "--attribute-mapping=", "--attribute-condition")
def _a_mapping_without_a_value(sandbox: Sandbox) -> None:
    text = "Could not obtain a value for google.subject from the given credential."
    exchange(sandbox, "unauthorized_client", text)


@case("condition-not-met", "attribute condition")
def _a_condition_that_is_false(sandbox: Sandbox) -> None:
    exchange(sandbox, "unauthorized_client", "The given credential is rejected by the attribute condition.")


@case("provider-out-of-service", "providers list --location=global", "Run: gcloud iam workload-identity-pools undelete")
def _a_provider_that_does_not_exist(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/prod", "/test")


@case("organization-policy", "describe iam.workloadIdentityPoolAwsAccounts")
def _an_organization_policy(sandbox: Sandbox) -> None:
    text = "The AWS account is not allowed by constraints/iam.workloadIdentityPoolAwsAccounts."
    exchange(sandbox, "invalid_request", text)


@case("scope-invalid", "Correct the scopes")
def _a_scope_that_does_not_exist(sandbox: Sandbox) -> None:
    exchange(sandbox, "invalid_scope", "Invalid scope(s): https://www.googleapis.com/auth/nothing")


@case("explicit-deny", "describe-vpc-endpoints")
def _an_endpoint_policy_that_google_hears_of(sandbox: Sandbox) -> None:
    text = (
        "Received invalid AWS response of type AccessDenied with error message: User: x is not authorized to perform: "
        "sts:GetCallerIdentity with an explicit deny in a VPC endpoint policy"
    )
    sandbox.flags["aws-sts-endpoint"] = NOWHERE
    exchange(sandbox, "invalid_grant", text)


@case("proxy-authentication", "USER:PASSWORD")
def _a_proxy_that_requires_a_password(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 407, "<html>Proxy Authentication Required</html>")


@case("reply-not-googles", "captive portal")
def _a_page_of_a_proxy(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 403, "<html>blocked</html>")


@case("name-not-resolved", "getent hosts nowhere.invalid")
def _a_name_that_does_not_resolve(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://nowhere.invalid/v1/token"


@case("proxy-invalid", "http://HOST:PORT")
def _a_proxy_without_a_host(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://sts.example/v1/token"
    sandbox.set(HTTPS_PROXY="http://")


@case("certificate-file-invalid", "REQUESTS_CA_BUNDLE")
def _a_bundle_that_does_not_exist(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://sts.example/v1/token"
    sandbox.set(REQUESTS_CA_BUNDLE="/no/such/bundle.pem")


# The service account.


@case("account-missing", "gcloud iam service-accounts list --project=my-project")
def _an_account_that_was_deleted(sandbox: Sandbox) -> None:
    iam(sandbox, 404, "NOT_FOUND", "Not found; Gaia id not found for email copycat@my-project.iam.gserviceaccount.com")


@case("account-disabled", "gcloud iam service-accounts enable copycat@")
def _an_account_that_is_disabled(sandbox: Sandbox) -> None:
    iam(sandbox, 400, "FAILED_PRECONDITION", "Service account copycat@my-project.iam.gserviceaccount.com is disabled.")


@case("quota-exceeded", "iamcredentials.googleapis.com")
def _too_many_tokens(sandbox: Sandbox) -> None:
    iam(sandbox, 429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Generate credentials requests'.")


@case("federated-token-rejected", "universe_domain")
def _a_token_of_another_universe(sandbox: Sandbox) -> None:
    iam(sandbox, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


@case("not-bound", "roles/iam.serviceAccountTokenCreator")
def _a_delegate_in_the_middle_of_the_chain(sandbox: Sandbox) -> None:
    sandbox.flags["delegates"] = "a@my-project.iam.gserviceaccount.com,b@my-project.iam.gserviceaccount.com"


@case("not-bound", "roles/iam.serviceAccountOpenIdTokenCreator")
def _no_right_to_id_tokens(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.flags["target-audience"] = "https://service.example"


def delegated(sandbox: Sandbox, error: str, description: str) -> None:
    sandbox.google.grant(sandbox.workload.account.email, "roles/iam.serviceAccountTokenCreator", sandbox.member(ROLE))
    sandbox.flags["subject"] = "ann@example.com"
    sandbox.fault("[/]token", 400, {"error": error, "error_description": description})


@case("user-unknown", "ann@example.com")
def _a_workspace_user_that_does_not_exist(sandbox: Sandbox) -> None:
    delegated(sandbox, "invalid_grant", "Invalid email or User ID")


@case("delegation-not-allowed", "value(uniqueId)")
def _a_scope_that_workspace_does_not_allow(sandbox: Sandbox) -> None:
    delegated(sandbox, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method.")


@case("refused", "")
def _words_that_are_not_known(sandbox: Sandbox) -> None:
    iam(sandbox, 409, "ABORTED", "Nobody knows.")


SLOW = {"a missing token file of a container", "a name that does not resolve"}


@pytest.mark.parametrize(
    "each",
    [pytest.param(each, id=name, marks=pytest.mark.slow if name in SLOW else ()) for name, each in CASES.items()],
)
def test_an_error_and_doctor_name_the_same_failure(sandbox: Sandbox, each: Case) -> None:
    each.happens(sandbox)

    error = sandbox.error()
    visit = sandbox.visit()

    assert error is not None
    assert error.failure == each.failure
    assert visit.document["cause"] == each.failure, visit.text
    fix = visit.cause(each.failure)["mend"]
    text = "\n".join([*fix["todo"], *fix.get("local", ()), *fix.get("gcloud", ()), *fix.get("aws", ())])
    assert each.fix in text
    assert each.never not in text
    hint = str(getattr(error, "hint", None) or "")
    assert each.never not in hint
    sentences, _, command = hint.partition("\nRun: ")
    assert "\n" not in command
    assert sentences.partition(". ")[0].rstrip(".") in text
