"""For the same failure, the error of a program and `doctor` name the same entry of the table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.doctor.aws_sts import error_document
from cli.doctor.proxies import DenyingProxy
from cli.doctor.sandbox import KEYS, NOWHERE, ROLE, Sandbox
from cli.doctor.untrusted_server import UntrustedServer
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: {} on resource: "
    + OTHER_ROLE
)

POOL_AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool"
PROJECT_ID_AUDIENCE = f"{POOL_AUDIENCE.replace('123456789012', 'my-project')}/providers/prod"
# The other fields of a configuration file.
FIELDS = {
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"environment_id": "aws1"},
}


@dataclass
class Case:
    """A failure to simulate, and the expected entry of the table.

    Attributes:
        simulate: Simulates the failure in a sandbox.
        failure: The id of the entry that both must name.
        fix: Text that doctor's fix must contain.
        excluded: Text that neither doctor's fix nor the hint of the error may contain.
    """

    simulate: Callable[[Sandbox], object]
    failure: str
    fix: str
    excluded: str = "---"


CASES: dict[str, Case] = {}


def case(failure: str, fix: str, excluded: str = "---") -> Callable[[Callable[[Sandbox], object]], None]:
    """Register a function that simulates a failure. Its name describes the failure."""

    def add(simulate: Callable[[Sandbox], object]) -> None:
        CASES[simulate.__name__.removeprefix("_").replace("_", " ")] = Case(simulate, failure, fix, excluded)

    return add


def write_config(sandbox: Sandbox, text: str, name: str = "config") -> str:
    path = sandbox.home / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return str(path)


def use_config(sandbox: Sandbox, text: str, profile: str | None = None) -> None:
    sandbox.unset(*KEYS)
    write_config(sandbox, text)
    if profile is not None:
        sandbox.flags["profile"] = profile


def reject_assume_role(sandbox: Sandbox, code: str, message: str, status: int = 403) -> None:
    """Make AWS STS reject AssumeRole."""
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.flags["assume-role"] = OTHER_ROLE
    sandbox.aws.fail("/", Fault(status, times=None, body=error_document(code, message)))


def reject_exchange(sandbox: Sandbox, error: str, description: str, status: int = 400) -> None:
    sandbox.fault("/v1/token", status, {"error": error, "error_description": description})


def reject_iam_call(sandbox: Sandbox, status: int, code: str, message: str) -> None:
    sandbox.fault(":generateAccessToken", status, {"error": {"code": status, "message": message, "status": code}})


# Profiles and files.


@case("process-missing", "credential_process", "open-id-connect")
def _a_credential_process_that_does_not_exist(sandbox: Sandbox) -> None:
    use_config(sandbox, "[default]\nregion = eu-central-1\ncredential_process = /no/such/program --json\n")


@case("process-missing", "aws configure get credential_process --profile base")
def _a_credential_process_of_the_source_profile(sandbox: Sandbox) -> None:
    text = f"[profile app]\nrole_arn = {OTHER_ROLE}\nsource_profile = base\n[profile base]\ncredential_process = /no/such\n"
    use_config(sandbox, text, "app")


@case("region-unknown", "aws configure set region eu-north-1 --profile default", "unset AWS_REGION")
def _a_comment_after_the_region_in_a_file(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION", "AWS_DEFAULT_REGION")
    write_config(sandbox, "[default]\nregion = eu-north-1 # home\n")


@case("region-unknown", "unset AWS_DEFAULT_REGION", "unset AWS_REGION")
def _an_unknown_region_in_the_second_variable(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION")
    sandbox.set(AWS_DEFAULT_REGION="frankfurt")


@case("aws-file-broken", ".aws/credentials", ".aws/config")
def _a_broken_credentials_file(sandbox: Sandbox) -> None:
    write_config(sandbox, "[default]\naws_access_key_id\n", "credentials")


@case("aws-file-broken", "line 3 of")
def _a_duplicate_section(sandbox: Sandbox) -> None:
    write_config(sandbox, "[default]\nregion = eu-central-1\n[default]\n")


@case("aws-file-broken", "byte order mark")
def _a_byte_order_mark(sandbox: Sandbox) -> None:
    write_config(sandbox, "\ufeff[default]\nregion = eu-central-1\n")


@case("aws-file-broken", "occurs twice in [default]")
def _a_duplicate_setting(sandbox: Sandbox) -> None:
    write_config(sandbox, "[default]\nregion = a\nregion = b\n", "credentials")


@case("profile-missing", "aws configure list-profiles", "unset AWS_PROFILE")
def _a_misspelled_profile_in_a_flag(sandbox: Sandbox) -> None:
    sandbox.flags["profile"] = "typo"


@case("profile-missing", "unset it")
def _a_misspelled_profile_in_a_variable(sandbox: Sandbox) -> None:
    sandbox.set(AWS_PROFILE="typo")


@case("profile-missing", "AWS_DEFAULT_PROFILE, which is 'typo'", "AWS_PROFILE, which")
def _two_variables_of_which_botocore_uses_the_older(sandbox: Sandbox) -> None:
    sandbox.set(AWS_PROFILE="team", AWS_DEFAULT_PROFILE="typo")


@case("profile-missing", "AWS_PROFILE is set, but empty.", "Check the profile name")
def _an_empty_profile_in_a_variable(sandbox: Sandbox) -> None:
    sandbox.set(AWS_PROFILE="")


@case("profile-loop", "source_profile")
def _profiles_that_name_each_other(sandbox: Sandbox) -> None:
    one, two = (f"[profile {a}]\nrole_arn = {OTHER_ROLE}\nsource_profile = {b}\n" for a, b in ("ab", "ba"))
    use_config(sandbox, one + two, "a")


@case("not-signed-in", "aws sso login --profile sso", "Run: aws login")
def _an_expired_sso_session_of_the_profile_in_a_flag(sandbox: Sandbox) -> None:
    text = (
        "[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-central-1\n[profile sso]\n"
        "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\nregion = eu-central-1\n"
    )
    use_config(sandbox, text, "sso")


@case("not-signed-in", "aws login --profile me", "sso login")
def _a_missing_aws_login(sandbox: Sandbox) -> None:
    use_config(sandbox, "[profile me]\nlogin_session = me\nregion = eu-central-1\n", "me")


def use_process_output(sandbox: Sandbox, **fields: object) -> None:
    keys = sandbox.workload.keys
    names = {"Version": 1, "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key}
    script = sandbox.home / "process.py"
    script.write_text(f"print({json.dumps(json.dumps({**names, 'SessionToken': keys.session_token, **fields}))})")
    use_config(sandbox, f"[default]\nregion = eu-central-1\ncredential_process = {sys.executable} {script}\n")


@case("expiry-invalid", "2030-01-31T12:00:00Z")
def _a_numeric_expiration_from_a_process(sandbox: Sandbox) -> None:
    use_process_output(sandbox, Expiration=1893456000)


@case("expiry-invalid", "AWS_CREDENTIAL_EXPIRATION")
def _an_expiration_without_a_time_zone(sandbox: Sandbox) -> None:
    sandbox.set(AWS_CREDENTIAL_EXPIRATION="2030-01-31T12:00:00")


@case("process-fails", "aws configure get credential_process")
def _a_process_that_prints_a_list(sandbox: Sandbox) -> None:
    use_config(sandbox, f"[default]\ncredential_process = {sys.executable} -c 'print([])'\n")


@case("process-fails", "must exit with status 0 and print one JSON object")
def _a_process_that_prints_incomplete_json(sandbox: Sandbox) -> None:
    use_config(sandbox, f"[default]\ncredential_process = {sys.executable} -c 'print(\"{{\")'\n")


@case("process-fails", "line 3 of")
def _a_process_of_another_version(sandbox: Sandbox) -> None:
    use_process_output(sandbox, Version=2)


@case("half-a-set-of-keys", "aws_secret_access_key in [default]", "unset AWS_ACCESS_KEY_ID")
def _a_key_id_without_a_secret_in_a_file(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    write_config(sandbox, "[default]\naws_access_key_id = AKIAEXAMPLE\n", "credentials")


@case("container-token-missing", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
def _a_missing_token_file_of_a_container(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue))
    sandbox.set(**container.environment(), AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/no/such/token")


@case("metadata-setting-invalid", "unset AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
def _an_unknown_mode_of_instance_metadata(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="ipv5")


# Errors from AWS.


@case("no-session-token", "from one set of keys")
def _temporary_keys_without_a_session_token(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SESSION_TOKEN")


@case("keys-frozen", "Remove the keys from [default]", "unset AWS_ACCESS_KEY_ID")
def _expired_keys_in_a_file(sandbox: Sandbox) -> None:
    keys = sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=-60)
    sandbox.unset(*KEYS)
    write_config(
        sandbox,
        f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
        f"aws_session_token = {keys.session_token}\n",
        "credentials",
    )


@case("role-not-assumable", "aws iam update-assume-role-policy --role-name other")
def _a_role_that_does_not_trust_the_caller(sandbox: Sandbox) -> None:
    reject_assume_role(sandbox, "AccessDenied", DENIED.format("sts:AssumeRole"))


@case("explicit-deny", "aws organizations list-policies --filter SERVICE_CONTROL_POLICY", "update-assume-role-policy")
def _a_service_control_policy(sandbox: Sandbox) -> None:
    text = DENIED.format("sts:AssumeRole") + " with an explicit deny in a service control policy"
    reject_assume_role(sandbox, "AccessDenied", text)


@case("role-arguments-invalid", "aws iam get-role --role-name other")
def _a_session_longer_than_the_role_allows(sandbox: Sandbox) -> None:
    reject_assume_role(
        sandbox,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
    )


@case("mfa-code-wrong", "current code")
def _a_wrong_mfa_code(sandbox: Sandbox) -> None:
    reject_assume_role(sandbox, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")


@case("region-not-enabled", "aws account enable-region --region-name")
def _a_disabled_region(sandbox: Sandbox) -> None:
    reject_assume_role(
        sandbox, "RegionDisabledException", "STS is not activated in this region for account 123456789012."
    )


@case("secret-key-wrong", "from one set of keys")
def _a_wrong_secret_for_a_role(sandbox: Sandbox) -> None:
    reject_assume_role(sandbox, "SignatureDoesNotMatch", "The request signature we calculated does not match.")


@case("aws-endpoint-unreachable", "aws sts get-caller-identity")
def _an_unreachable_sts_endpoint(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS=NOWHERE)
    sandbox.flags["assume-role"] = OTHER_ROLE


@case("web-identity-rejected", "aws iam list-open-id-connect-providers")
def _a_web_identity_token_that_aws_rejects(sandbox: Sandbox) -> None:
    (sandbox.home / "token").write_text("a.b.c")
    sandbox.unset(*KEYS)
    sandbox.set(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=str(sandbox.home / "token"))
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    text = "No OpenIDConnect provider found in your account for https://oidc.example"
    sandbox.aws.fail("/", Fault(400, times=None, body=error_document("InvalidIdentityToken", text)))


@case("jwt-not-allowed", "aws iam put-role-policy --role-name app")
def _a_role_without_permission_for_a_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    text = DENIED.format("sts:GetWebIdentityToken")
    issuer.fail("/", Fault(403, times=None, body=error_document("AccessDenied", text)))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case("jwt-arguments-invalid", "--subject-mode")
def _an_origin_identity_that_the_session_lacks(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT
    sandbox.flags["subject-mode"] = "OriginIdentity"


@case("instance-role-broken", "ec2.amazonaws.com")
def _an_instance_whose_role_was_deleted(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    metadata = sandbox.start(InstanceMetadata(sandbox.google.aws_keys.issue, role="app"))
    sandbox.set(**metadata.environment())
    body = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role app."}
    metadata.fail("security-credentials/app", Fault(200, times=None, body=body))


# The exchange.


@case("region-not-accepted", "unset AWS_REGION", "_proxy")
def _a_region_that_google_does_not_accept(sandbox: Sandbox) -> None:
    reject_exchange(
        sandbox, "invalid_request", "Invalid format of AWS credentials:the host of the url is not an AWS STS endpoint"
    )


@case("mapping-wrong", "--attribute-mapping=", "--attribute-condition")
def _a_mapping_that_is_not_a_string(sandbox: Sandbox) -> None:
    reject_exchange(sandbox, "unauthorized_client", "The mapped attribute 'google.subject' must be of type STRING.")


@case("mapping-wrong", "--attribute-mapping=", "--attribute-condition")
def _a_mapping_without_a_value(sandbox: Sandbox) -> None:
    text = "Could not obtain a value for google.subject from the given credential."
    reject_exchange(sandbox, "unauthorized_client", text)


@case("condition-not-met", "attribute condition")
def _a_condition_that_is_false(sandbox: Sandbox) -> None:
    reject_exchange(sandbox, "unauthorized_client", "The given credential is rejected by the attribute condition.")


@case("provider-out-of-service", "providers list --location=global", "Run: gcloud iam workload-identity-pools undelete")
def _a_provider_that_does_not_exist(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/prod", "/test")


@case("organization-policy", "describe iam.workloadIdentityPoolAwsAccounts")
def _an_organization_policy(sandbox: Sandbox) -> None:
    text = "The AWS account is not allowed by constraints/iam.workloadIdentityPoolAwsAccounts."
    reject_exchange(sandbox, "invalid_request", text)


@case("scope-invalid", "Correct the scopes")
def _a_scope_that_does_not_exist(sandbox: Sandbox) -> None:
    reject_exchange(sandbox, "invalid_scope", "Invalid scope(s): https://www.googleapis.com/auth/nothing")


@case("explicit-deny", "describe-vpc-endpoints")
def _an_endpoint_policy_that_google_reports(sandbox: Sandbox) -> None:
    text = (
        "Received invalid AWS response of type AccessDenied with error message: User: x is not authorized to perform: "
        "sts:GetCallerIdentity with an explicit deny in a VPC endpoint policy"
    )
    sandbox.flags["aws-sts-endpoint"] = NOWHERE
    reject_exchange(sandbox, "invalid_grant", text)


@case("proxy-authentication", "USER:PASSWORD")
def _a_proxy_that_requires_a_password(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 407, "<html>Proxy Authentication Required</html>")


@case("reply-not-googles", "captive portal")
def _a_web_page_from_a_proxy(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 403, "<html>blocked</html>")


@case("name-not-resolved", "getent hosts nowhere.invalid")
def _a_name_that_does_not_resolve(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://nowhere.invalid/v1/token"


@case("proxy-invalid", "http://HOST:PORT")
def _a_proxy_without_a_host(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://sts.example/v1/token"
    sandbox.set(HTTPS_PROXY="http://")


@case("certificate-file-invalid", "REQUESTS_CA_BUNDLE")
def _a_certificate_bundle_that_does_not_exist(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://sts.example/v1/token"
    sandbox.set(REQUESTS_CA_BUNDLE="/no/such/bundle.pem")


# The service account.


@case("account-missing", "gcloud iam service-accounts list --project=my-project")
def _an_account_that_was_deleted(sandbox: Sandbox) -> None:
    reject_iam_call(
        sandbox, 404, "NOT_FOUND", "Not found; Gaia id not found for email copycat@my-project.iam.gserviceaccount.com"
    )


@case("account-disabled", "gcloud iam service-accounts enable copycat@")
def _an_account_that_is_disabled(sandbox: Sandbox) -> None:
    reject_iam_call(
        sandbox, 400, "FAILED_PRECONDITION", "Service account copycat@my-project.iam.gserviceaccount.com is disabled."
    )


@case("quota-exceeded", "iamcredentials.googleapis.com")
def _too_many_tokens(sandbox: Sandbox) -> None:
    reject_iam_call(
        sandbox, 429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Generate credentials requests'."
    )


@case("federated-token-rejected", "universe_domain")
def _a_token_of_another_universe(sandbox: Sandbox) -> None:
    reject_iam_call(sandbox, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


@case("not-bound", "roles/iam.serviceAccountTokenCreator")
def _a_delegate_in_the_middle_of_the_chain(sandbox: Sandbox) -> None:
    sandbox.flags["delegates"] = "a@my-project.iam.gserviceaccount.com,b@my-project.iam.gserviceaccount.com"


@case("not-bound", "roles/iam.serviceAccountOpenIdTokenCreator")
def _no_permission_for_id_tokens(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.flags["target-audience"] = "https://service.example"


def fail_delegation(sandbox: Sandbox, error: str, description: str) -> None:
    sandbox.google.grant(sandbox.workload.account.email, "roles/iam.serviceAccountTokenCreator", sandbox.member(ROLE))
    sandbox.flags["subject"] = "ann@example.com"
    sandbox.fault("[/]token", 400, {"error": error, "error_description": description})


@case("user-unknown", "ann@example.com")
def _a_workspace_user_that_does_not_exist(sandbox: Sandbox) -> None:
    fail_delegation(sandbox, "invalid_grant", "Invalid email or User ID")


@case("delegation-not-allowed", "value(uniqueId)")
def _a_scope_that_workspace_does_not_allow(sandbox: Sandbox) -> None:
    fail_delegation(
        sandbox, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method."
    )


@case("rejected", "")
def _an_unknown_error_message(sandbox: Sandbox) -> None:
    reject_iam_call(sandbox, 409, "ABORTED", "Something new.")


# Set-ups of a stranger: the fix names the file, the variable, the profile and the caller at fault.


def a_user(sandbox: Sandbox, profile: str) -> None:
    keys = sandbox.google.aws_keys.issue("arn:aws:iam::123456789012:user/ann")
    write_config(
        sandbox,
        f"[{profile}]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
        f"aws_session_token = {keys.session_token}\n",
        "credentials",
    )


def role_profile(sandbox: Sandbox, setting: str) -> None:
    use_config(sandbox, f"[profile x]\nregion = eu-central-1\nrole_arn = {OTHER_ROLE}\n{setting}\n", "x")


def web_identity_profile(sandbox: Sandbox) -> None:
    role_profile(sandbox, f"web_identity_token_file = {sandbox.home / 'token'}")
    (sandbox.home / "token").write_text("a.b.c")


@case("credential-source-empty", "set AWS_ACCESS_KEY_ID", "hop limit")
def _a_source_in_an_environment_without_keys(sandbox: Sandbox) -> None:
    role_profile(sandbox, "credential_source = Environment")


@case("credential-source-empty", "give the task or pod a role", "hop limit")
def _a_source_in_a_container_outside_of_one(sandbox: Sandbox) -> None:
    role_profile(sandbox, "credential_source = EcsContainer")


@case("profile-missing", "must be [profile team], not [team]", "unset AWS_PROFILE")
def _a_section_of_the_config_file_without_the_word_profile(sandbox: Sandbox) -> None:
    use_config(sandbox, "[team]\nregion = eu-central-1\n", "team")


@case("profile-missing", "must be [team], not [profile team]")
def _a_section_of_the_credentials_file_with_the_word_profile(sandbox: Sandbox) -> None:
    write_config(sandbox, "[profile team]\naws_access_key_id = x\n", "credentials")
    sandbox.flags["profile"] = "team"


@case("profile-missing", "There is neither /no/such/config nor /no/such/credentials.")
def _variables_that_name_no_files(sandbox: Sandbox) -> None:
    sandbox.set(AWS_CONFIG_FILE="/no/such/config", AWS_SHARED_CREDENTIALS_FILE="/no/such/credentials")
    sandbox.set(AWS_PROFILE="team")


@case("profile-incomplete", "set AWS_ROLE_ARN, too", "Correct profile")
def _a_web_identity_without_a_role(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_WEB_IDENTITY_TOKEN_FILE="/dev/null")


@case("web-identity-expired", "/home/token", "$AWS_WEB_IDENTITY_TOKEN_FILE")
def _an_expired_web_identity_of_a_profile(sandbox: Sandbox) -> None:
    web_identity_profile(sandbox)
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.aws.fail("/", Fault(400, times=None, body=error_document("ExpiredTokenException", "Token expired.")))


@case("web-identity-rejected", "aws iam list-open-id-connect-providers", "--profile x")
def _a_web_identity_of_a_profile_that_aws_does_not_accept(sandbox: Sandbox) -> None:
    web_identity_profile(sandbox)
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.aws.fail(
        "/", Fault(400, times=None, body=error_document("InvalidIdentityToken", "Incorrect token audience"))
    )


@case("web-identity-rejected", "Check AWS_WEB_IDENTITY_TOKEN_FILE", "AssumeRole")
def _an_empty_file_for_a_web_identity(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/dev/null")


@case("process-fails", "It is set in line 2 of", "variables that start with AWS_")
def _a_credential_process_with_an_open_quotation_mark(sandbox: Sandbox) -> None:
    use_config(sandbox, "[default]\ncredential_process = /bin/echo 'x\n")


@case("aws-setting-invalid", "The value comes from AWS_CONTAINER_CREDENTIALS_FULL_URI")
def _a_container_endpoint_of_another_host(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://example.com/keys")


@case("aws-setting-invalid", "The value comes from AWS_CONTAINER_AUTHORIZATION_TOKEN")
def _a_container_token_with_a_line_break(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(**sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue, token="right")).environment())
    sandbox.set(AWS_CONTAINER_AUTHORIZATION_TOKEN="right\n")


@case("aws-setting-invalid", "The value comes from line 3 of")
def _a_timeout_in_a_file_that_is_no_number(sandbox: Sandbox) -> None:
    use_config(sandbox, "[default]\nregion = eu-central-1\nmetadata_service_timeout = 5s\n")


@case("no-aws-keys", "AWS_EC2_METADATA_DISABLED switches instance metadata off", "hop limit")
def _no_keys_because_instance_metadata_is_off(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(AWS_EC2_METADATA_DISABLED="true")


@case("role-not-assumable", "aws iam update-assume-role-policy --role-name middle", "--role-name other")
def _a_role_in_the_middle_of_a_chain_of_profiles(sandbox: Sandbox) -> None:
    middle = OTHER_ROLE.replace("other", "middle")
    role_profile(sandbox, f"source_profile = y\n[profile y]\nrole_arn = {middle}\nsource_profile = base")
    a_user(sandbox, "base")
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    text = (
        f"User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole on resource: {middle}"
    )
    sandbox.aws.fail("/", Fault(403, times=None, body=error_document("AccessDenied", text)))


@case("role-not-assumable", "--profile base", "--profile x")
def _a_profile_whose_source_may_not_assume_its_role(sandbox: Sandbox) -> None:
    role_profile(sandbox, "source_profile = base\nexternal_id = of-a-customer")
    a_user(sandbox, "base")
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.aws.fail("/", Fault(403, times=None, body=error_document("AccessDenied", DENIED.format("sts:AssumeRole"))))


@case("explicit-deny", "aws iam list-attached-user-policies --user-name ann", "--role-name")
def _a_policy_of_a_user_that_denies(sandbox: Sandbox) -> None:
    user = "User: arn:aws:iam::123456789012:user/team/ann is not authorized to perform: sts:AssumeRole on resource: "
    reject_assume_role(sandbox, "AccessDenied", f"{user}{OTHER_ROLE} with an explicit deny in an identity-based policy")


@case("jwt-not-allowed", "aws iam put-user-policy --user-name ann", "put-role-policy")
def _a_user_that_may_have_no_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    text = (
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:GetWebIdentityToken on resource: *"
    )
    issuer.fail("/", Fault(403, times=None, body=error_document("AccessDenied", text)))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case("region-unknown", "aws configure set region REGION", "set region frankfurt")
def _a_region_in_a_file_that_is_none(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION", "AWS_DEFAULT_REGION")
    write_config(sandbox, "[default]\nregion = frankfurt\n")


@case("region-unknown", "aws configure set region eu-central-1 --profile default")
def _a_region_in_quotation_marks(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION", "AWS_DEFAULT_REGION")
    write_config(sandbox, '[default]\nregion = "eu-central-1"\n')


@case("region-unknown", ".aws/credentials", "configure set region")
def _a_wrong_region_in_the_credentials_file(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION", "AWS_DEFAULT_REGION")
    write_config(sandbox, "[default]\nregion = frankfurt\n", "credentials")


@case("aws-certificate-file-invalid", "Check the file in AWS_CA_BUNDLE", "export AWS_CA_BUNDLE")
def _a_bundle_for_aws_that_does_not_exist(sandbox: Sandbox) -> None:
    endpoint = sandbox.start(UntrustedServer()).url.removesuffix("/v1/token")
    sandbox.set(AWS_CA_BUNDLE="/no/such/bundle.pem", AWS_ENDPOINT_URL_STS=endpoint)
    sandbox.flags["assume-role"] = OTHER_ROLE


@case("tls-not-spoken", "HTTPS_PROXY=http://HOST:PORT", "AWS_CA_BUNDLE")
def _an_aws_endpoint_without_tls(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url.replace("http:", "https:"))
    sandbox.flags["assume-role"] = OTHER_ROLE


@case("tls-not-spoken", "HTTPS_PROXY=http://HOST:PORT", "REQUESTS_CA_BUNDLE")
def _an_endpoint_without_tls(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = sandbox.flags["token-url"].replace("http:", "https:")


@case("tls-not-spoken", "HTTPS_PROXY=http://HOST:PORT")
def _a_proxy_without_tls(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "https://sts.example/v1/token"
    sandbox.set(HTTPS_PROXY=sandbox.google.url.replace("http:", "https:"))


@case("proxy-authentication", "USER:PASSWORD")
def _a_proxy_before_aws_that_requires_a_password(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS="https://sts.example", HTTPS_PROXY=sandbox.start(DenyingProxy()).url)
    sandbox.flags["assume-role"] = OTHER_ROLE


@case("api-disabled", "gcloud services enable iam.googleapis.com --project=42", "enable sts.")
def _an_api_that_another_one_requires(sandbox: Sandbox) -> None:
    link = "https://console.developers.google.com/apis/api/iam.googleapis.com/overview?project=42"
    text = f"Identity and Access Management (IAM) API has not been used in project 42 before. Enable it by visiting {link}."
    reject_exchange(sandbox, "access_denied", text, 403)


@case("organization-policy", "gcloud projects describe 123456789012", "--project=my-project")
def _an_organization_policy_on_the_project_of_the_pool(sandbox: Sandbox) -> None:
    reject_exchange(sandbox, "access_denied", "Violates constraints/iam.workloadIdentityPoolProviders.", 403)


@case("audience-malformed", "locations/global/workloadIdentityPools/aws-pool", "europe-west1/workloadIdentityPools")
def _an_audience_with_another_location(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("global", "europe-west1")


@case("project-id-for-number", "gcloud projects describe my-project")
def _a_project_id_in_the_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("123456789012", "my-project")


SLOW = {
    "a bundle for aws that does not exist",
    "a missing token file of a container",
    "a name that does not resolve",
    "a proxy before aws that requires a password",
    "a proxy without tls",
    "an aws endpoint without tls",
    "an endpoint without tls",
}


@pytest.mark.parametrize(
    "each",
    [pytest.param(each, id=name, marks=pytest.mark.slow if name in SLOW else ()) for name, each in CASES.items()],
)
def test_the_error_and_doctor_name_the_same_failure(sandbox: Sandbox, each: Case) -> None:
    each.simulate(sandbox)

    error = sandbox.error()
    report = sandbox.diagnose()

    assert error is not None
    assert error.failure == each.failure
    assert report.document["cause"] == each.failure, report.text
    fix = report.cause(each.failure)["fix"]
    text = "\n".join([*fix["todo"], *fix.get("local", ()), *fix.get("gcloud", ()), *fix.get("aws", ())])
    assert each.fix in text
    assert each.excluded not in text
    hint = str(getattr(error, "hint", None) or "")
    assert each.excluded not in hint
    sentences, _, command = hint.partition("\nRun: ")
    assert "\n" not in command
    sentences, _, link = sentences.partition("\nMore: ")
    assert sentences.partition(". ")[0].rstrip(".") in text
    assert not hint or link.endswith(f"troubleshooting.md#{each.failure}")
    assert "\n  More:" in report.text


@pytest.mark.parametrize("audience", [POOL_AUDIENCE, PROJECT_ID_AUDIENCE])
def test_the_command_of_a_configuration_error_is_the_last_line(sandbox: Sandbox, audience: str) -> None:
    path = sandbox.home / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"type": "external_account", "audience": audience, **FIELDS}))
    sandbox.flags = {"config": str(path)}

    error = sandbox.error()
    report = sandbox.diagnose()

    sentences, _, command = str(error).partition("\nRun: ")
    assert f"The configuration file is '{path}'.\nMore: " in sentences
    assert command.startswith("gcloud ")
    assert "Run:" not in report.text


def test_a_region_of_another_partition_cannot_be_enabled(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="us-gov-west-1")
    sandbox.aws.disabled_regions.add("us-gov-west-1")

    found = sandbox.diagnose().cause("region-of-another-partition")

    assert "enable-region" not in json.dumps(found)
    assert found["fix"]["local"] == ["export AWS_REGION=us-east-1"]


@pytest.mark.slow
def test_doctor_requests_instance_metadata_by_ipv6_if_the_environment_says_so(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS, "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
    sandbox.set(AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="ipv6", KUBERNETES_SERVICE_HOST="10.0.0.1")

    found = sandbox.diagnose().cause("metadata-unreachable")

    assert "http://[fd00:ec2::254]" in json.dumps(found["evidence"])
    assert "--http-protocol-ipv6 enabled" in json.dumps(found["fix"])
