"""One failure after another, made to happen in the sandbox; doctor names the true cause of each, and the command for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hcl2
import pytest
from emulator.workload import CLOUD_PLATFORM

from cli.doctor.aws_sts import refusal
from cli.doctor.failures import ELSEWHERE, FAILURES
from cli.doctor.sandbox import KEYS, NOWHERE, ROLE, Sandbox
from cli.doctor.tls import Intercepted
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator._pools import Pool
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, WebIdentityIssuer

README = Path(__file__).parents[3] / "README.md"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"
POOL = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool"
POOL_NAME = POOL.removeprefix("//iam.googleapis.com/")
PROVIDERS = f"{POOL_NAME}/providers"
GRANT = (
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser "
    f"--member=principalSet:{POOL}/attribute.aws_role/{ROLE}"
)
USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"

Make = Callable[[Sandbox], object]


@dataclass
class Case:
    """Something that goes wrong.

    Attributes:
        failure: which of `FAILURES` it is; empty for one that is not among them.
        happens: makes it happen.
        cause: what doctor has to call it.
        command: what has to be among what mends it.
        step: where the way ends.
        code: doctor's exit code; 0 for a warning.
    """

    failure: str
    happens: Make
    cause: str
    command: str
    step: str
    code: int = 1


CASES: dict[str, Case] = {}


def case(failure: str, cause: str, command: str, step: str, code: int = 1) -> Callable[[Make], Make]:
    """Adds what the function makes happen to the table."""

    def add(happens: Make) -> Make:
        name = happens.__name__.removeprefix("_").replace("_", " ")
        assert name not in CASES
        CASES[name] = Case(failure, happens, cause, command, step, code)
        return happens

    return add


# The configuration


@case(
    "B2",
    "pool-for-provider",
    "gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool=projects/123456789012/locations/global/workloadIdentityPools/aws-pool",
    "configuration",
    2,
)
def _a_pool_for_an_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = POOL


@case(
    "B2",
    "project-id-for-number",
    "gcloud projects describe my-project --format='value(projectNumber)'",
    "configuration",
    2,
)
def _a_project_id_in_the_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("123456789012", "my-project")


@case(
    "B2",
    "audience-malformed",
    "gcloud iam workload-identity-pools providers describe PROVIDER --location=global --workload-identity-pool=POOL --format='value(name)'",
    "configuration",
    2,
)
def _another_host_in_the_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("googleapis.com", "apis-example.goog")


@case(
    "B2",
    "audience-malformed",
    "gcloud iam workload-identity-pools providers describe PROVIDER --location=global --workload-identity-pool=POOL --format='value(name)'",
    "configuration",
    2,
)
def _a_member_for_an_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.member(ROLE)


@case("B2", "https-in-audience", "Begin the audience with //iam.googleapis.com/.", "configuration", 0)
def _https_in_the_audience(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = "https:" + sandbox.flags["audience"]


@case(
    "B2",
    "audience-malformed",
    f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod '--format=value(name)'",
    "exchange",
)
def _an_audience_that_google_does_not_take(sandbox: Sandbox) -> None:
    text = 'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
    sandbox.fault("/v1/token", 400, {"error": "invalid_request", "error_description": text})


@case("", "no-identity-named", "Give --config FILE or --audience NAME.", "configuration", 2)
def _nobody_named(sandbox: Sandbox) -> None:
    sandbox.flags.clear()


@case("", "not-a-service-account", "gcloud iam service-accounts list --format='value(email)'", "configuration", 2)
def _no_service_accounts_name(sandbox: Sandbox) -> None:
    sandbox.flags["service-account"] = "copycat"


@case("", "file-of-another-kind", "gcloud iam workload-identity-pools create-cred-config", "configuration", 2)
def _a_key_file(sandbox: Sandbox) -> None:
    path = sandbox.home / "key.json"
    path.write_text('{"type": "service_account", "private_key": "secret"}')
    sandbox.flags.clear()
    sandbox.set(GOOGLE_APPLICATION_CREDENTIALS=str(path))


@case("", "foreign-endpoint", "gcloud iam workload-identity-pools create-cred-config", "configuration", 2)
def _an_endpoint_of_somebody_elses(sandbox: Sandbox) -> None:
    path = sandbox.home / "config.json"
    path.write_text(
        f'{{"type": "external_account", "audience": "{sandbox.flags["audience"]}", "token_url": "https://evil.example/v1/token"}}'
    )
    sandbox.flags = {"config": str(path)}


@case("", "no-service-account", "gcloud iam service-accounts list --format='value(email)'", "configuration", 2)
def _an_id_token_of_nobody(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    sandbox.flags["target-audience"] = "https://service.example"


@case("", "configuration-wrong", "Correct what the message names.", "configuration", 2)
def _an_endpoint_without_tls(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "http://sts.example/v1/token"


# AWS's side


def _instance(sandbox: Sandbox, role: str = "app") -> InstanceMetadata:
    sandbox.unset(*KEYS)
    keys = lambda: sandbox.google.aws_keys.issue(f"arn:aws:sts::123456789012:assumed-role/{role}/i-0abc")  # noqa: E731
    metadata = sandbox.start(InstanceMetadata(keys, role=role))
    sandbox.set(**metadata.environment())
    return metadata


@case("A1", "no-aws-keys", "aws configure list", "AWS keys")
def _no_keys_anywhere(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)


@case(
    "A2",
    "instance-has-no-role",
    "aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE",
    "AWS keys",
)
def _an_instance_without_a_role(sandbox: Sandbox) -> None:
    _instance(sandbox).fail("/security-credentials", Fault(404, times=None))


@case(
    "A3",
    "metadata-refused",
    "aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled --http-tokens required",
    "AWS keys",
)
def _metadata_that_refuses(sandbox: Sandbox) -> None:
    _instance(sandbox).fail("/latest", Fault(403, times=None))


@case("A4", "no-region", "export AWS_REGION=us-east-1", "signed request", 0)
def _no_region(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION")


@case("A4", "no-region", "export AWS_REGION=us-east-1", "AWS keys")
def _no_region_for_a_jwt(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_REGION")
    sandbox.flags["subject-token-type"] = JWT


@case(
    "A5",
    "metadata-unreachable",
    "aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled --http-put-response-hop-limit 2",
    "AWS keys",
)
def _metadata_out_of_reach(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS, "AWS_EC2_METADATA_DISABLED")
    sandbox.set(AWS_EC2_METADATA_SERVICE_ENDPOINT=NOWHERE)


@case("A6", "proxy-for-link-local", "export NO_PROXY=169.254.169.254,169.254.170.2,169.254.170.23", "AWS keys")
def _a_proxy_before_metadata(sandbox: Sandbox) -> None:
    _instance(sandbox)
    sandbox.set(HTTP_PROXY=NOWHERE)


@case("A7", "empty-region", "unset AWS_REGION", "signed request", 0)
def _an_empty_region(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="", AWS_DEFAULT_REGION="eu-central-1")


@case("A8", "zone-for-region", "export AWS_REGION=us-west-2", "signed request", 0)
def _a_local_zone(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="us-west-2-lax-1")


@case("A9", "role-of-the-instance", "aws eks create-pod-identity-association", "service account")
def _the_nodes_role_in_a_pod(sandbox: Sandbox) -> None:
    _instance(sandbox, "node")
    sandbox.set(KUBERNETES_SERVICE_HOST="10.0.0.1")


@case("A9", "role-of-the-instance", "aws eks create-pod-identity-association", "AWS caller", 0)
def _the_nodes_role_that_nobody_minds(sandbox: Sandbox) -> None:
    _instance(sandbox, "node")
    sandbox.set(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/app")
    del sandbox.flags["service-account"]


@case("A10", "keys-frozen", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", "AWS caller")
def _keys_copied_long_ago(sandbox: Sandbox) -> None:
    sandbox.set(**sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue)).environment())
    sandbox.hold(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=-60))


@case("A10", "keys-frozen", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", "AWS keys", 0)
def _keys_copied_just_now(sandbox: Sandbox) -> None:
    sandbox.set(**sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue)).environment())


@case("A11", "no-session-token", "aws configure export-credentials --format env", "AWS keys")
def _no_session_token(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SESSION_TOKEN")


@case("A12", "region-not-enabled", "aws account enable-region --region-name ap-east-1", "AWS caller")
def _a_region_that_is_not_enabled(sandbox: Sandbox) -> None:
    sandbox.aws.not_enabled.add("ap-east-1")
    sandbox.set(AWS_REGION="ap-east-1")


@case("", "region-unknown", "aws ec2 describe-regions --query 'Regions[].RegionName'", "AWS keys")
def _a_region_that_is_none(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="frankfurt")


@case("", "half-a-set-of-keys", "aws configure list", "AWS keys")
def _half_a_set_of_keys(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@case("", "white-space-in-a-key", "again, without quotes, blanks or a line break at the end.", "AWS keys")
def _a_line_break_in_a_key(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY=f"{sandbox.workload.keys.secret_access_key}\n")


@case("", "profile-missing", "aws configure list-profiles", "AWS keys")
def _no_such_profile(sandbox: Sandbox) -> None:
    sandbox.flags["profile"] = "nobody"


@case("", "aws-file-broken", "Correct line 1 of", "AWS keys")
def _a_broken_file(sandbox: Sandbox) -> None:
    _write(sandbox, "config", "[default\nregion")


@case("", "profile-incomplete", "aws configure list", "AWS keys")
def _a_profile_without_a_source(sandbox: Sandbox) -> None:
    _write(sandbox, "config", "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/app\n")
    sandbox.flags["profile"] = "app"


@case("", "not-signed-in", "aws sso login", "AWS keys")
def _nobody_signed_in(sandbox: Sandbox) -> None:
    text = "[profile corp]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\nregion = eu-central-1\n"
    _write(
        sandbox,
        "config",
        f"[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-central-1\n{text}",
    )
    sandbox.flags["profile"] = "corp"


@case("", "process-fails", "aws configure get credential_process", "AWS keys")
def _a_process_that_fails(sandbox: Sandbox) -> None:
    _write(sandbox, "config", "[profile p]\ncredential_process = false\n")
    sandbox.flags["profile"] = "p"


@case("", "container-refuses", "aws eks list-pod-identity-associations --cluster-name CLUSTER", "AWS keys")
def _a_container_that_gets_no_keys(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue, token="right"))
    sandbox.set(**{**container.environment(), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"})


@case("", "web-identity-refused", "Check AWS_WEB_IDENTITY_TOKEN_FILE", "AWS keys")
def _a_pods_token_that_is_not_there(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/app", AWS_WEB_IDENTITY_TOKEN_FILE=str(sandbox.home / "none")
    )


@case("", "outbound-identity-off", "aws iam enable-outbound-web-identity-federation", "AWS keys")
def _an_account_that_issues_no_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find, enabled=False))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case(
    "",
    "jwt-not-allowed",
    "aws iam put-role-policy --role-name ROLE_NAME --policy-name get-web-identity-token",
    "AWS keys",
)
def _a_role_that_may_have_no_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    text = "User: x is not authorized to perform: sts:GetWebIdentityToken on resource: y"
    issuer.fail("/", Fault(403, times=None, body=refusal("AccessDenied", text)))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case("", "aws-setting-invalid", "aws configure list", "AWS keys")
def _a_timeout_that_is_no_number(sandbox: Sandbox) -> None:
    sandbox.set(AWS_METADATA_SERVICE_TIMEOUT="soon")


@case("", "role-not-assumable", "aws iam update-assume-role-policy --role-name other", "AWS keys")
def _a_role_that_trusts_nobody(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.flags["assume-role"] = "arn:aws:iam::123456789012:role/other"


@case("", "caller-identity-denied", "aws ec2 describe-vpc-endpoints", "AWS caller")
def _an_endpoint_policy(sandbox: Sandbox) -> None:
    text = "User: x is not authorized to perform: sts:GetCallerIdentity with an explicit deny"
    sandbox.aws.fail("/", Fault(403, times=None, body=refusal("AccessDenied", text)))


@case("", "aws-refuses", "aws sts get-caller-identity", "AWS caller")
def _words_of_awss_that_nobody_knows(sandbox: Sandbox) -> None:
    sandbox.aws.fail("/", Fault(400, times=None, body=refusal("OptInRequired", "Something is missing.")))


@case("", "aws-unreachable", "aws sts get-caller-identity", "AWS caller", 0)
def _aws_out_of_reach(sandbox: Sandbox) -> None:
    sandbox.flags["aws-sts-endpoint"] = NOWHERE


# The exchange


@case("B1", "no-scope", "--scopes=https://www.googleapis.com/auth/cloud-platform", "exchange")
def _no_scope(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 400, {"error": "invalid_request", "error_description": "Scope(s) must be provided."})


@case(
    "B3",
    "provider-disabled",
    f"gcloud iam workload-identity-pools providers update-aws {PROVIDERS}/prod --no-disabled",
    "exchange",
)
def _a_disabled_provider(sandbox: Sandbox) -> None:
    sandbox.workload.provider.disabled = True
    sandbox.administer()


@case("B3", "provider-disabled", f"gcloud iam workload-identity-pools update {POOL_NAME} --no-disabled", "exchange")
def _a_disabled_pool(sandbox: Sandbox) -> None:
    _pool(sandbox).disabled = True
    sandbox.administer()


@case("B3", "provider-deleted", f"gcloud iam workload-identity-pools undelete {POOL_NAME}", "exchange")
def _a_deleted_pool(sandbox: Sandbox) -> None:
    _pool(sandbox).purge_time = time.time() + 86_400
    sandbox.administer()


@case("B3", "provider-deleted", f"gcloud iam workload-identity-pools providers undelete {PROVIDERS}/prod", "exchange")
def _a_deleted_provider(sandbox: Sandbox) -> None:
    sandbox.workload.provider.purge_time = time.time() + 86_400
    sandbox.administer()


@case(
    "B3",
    "provider-missing",
    "gcloud iam workload-identity-pools providers create-aws projects/123456789012/locations/global/workloadIdentityPools/no-pool/providers/prod --account-id=123456789012",
    "exchange",
)
def _a_pool_that_is_not_there(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/aws-pool/", "/no-pool/")
    sandbox.administer()


@case(
    "B3",
    "provider-missing",
    f"gcloud iam workload-identity-pools providers create-aws {PROVIDERS}/test --account-id=123456789012",
    "exchange",
)
def _a_provider_that_is_not_there(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/prod", "/test")
    sandbox.administer()


@case(
    "B3",
    "provider-out-of-service",
    f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod",
    "exchange",
)
def _a_disabled_provider_that_nobody_may_look_at(sandbox: Sandbox) -> None:
    sandbox.workload.provider.disabled = True


@case(
    "B4",
    "condition-not-met",
    f"gcloud iam workload-identity-pools providers update-aws {PROVIDERS}/prod '--attribute-condition=attribute.aws_role == '\"'\"'{ROLE}'\"'\"''",
    "exchange",
)
def _a_condition_that_is_not_met(sandbox: Sandbox) -> None:
    sandbox.workload.provider.attribute_condition = "assertion.account == '999999999999'"


@case(
    "B4", "condition-on-iam-arn", f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod", "exchange"
)
def _a_condition_on_the_roles_own_arn(sandbox: Sandbox) -> None:
    sandbox.workload.provider.attribute_condition = "assertion.arn == 'arn:aws:iam::123456789012:role/app'"
    sandbox.administer()


@case("B5", "subject-too-long", f"gcloud iam workload-identity-pools providers update-aws {PROVIDERS}/prod", "exchange")
def _a_long_name(sandbox: Sandbox) -> None:
    role = f"{ROLE}{'x' * 50}"
    sandbox.google.grant(ACCOUNT, USER, sandbox.member(role))
    sandbox.hold(sandbox.google.aws_keys.issue(f"{role}/{'y' * 60}"))


@case("B6", "secret-key-wrong", "aws configure list", "AWS caller")
def _a_wrong_secret(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY="of-another-set")


@case("B6", "secret-key-wrong", "aws configure list", "exchange")
def _a_wrong_secret_that_google_hears_of(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY="of-another-set")
    sandbox.flags["aws-sts-endpoint"] = NOWHERE


@case("B6", "clock-skew", "timedatectl set-ntp true", "clock", 0)
def _a_clock_that_is_off(sandbox: Sandbox) -> None:
    sandbox.hold(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    sandbox.google.clock = lambda: time.time() + 7200
    sandbox.flags["aws-sts-endpoint"] = NOWHERE


@case("B6", "clock-skew", "timedatectl set-ntp true", "AWS caller", 0)
def _a_clock_that_aws_minds(sandbox: Sandbox) -> None:
    sandbox.hold(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    sandbox.google.clock = lambda: time.time() + 7200


@case("B6", "clock-skew", "timedatectl set-ntp true", "exchange")
def _a_clock_that_nobody_can_allow_for(sandbox: Sandbox) -> None:
    text = "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: 20260101T000000Z is now earlier"
    sandbox.fault("/v1/token", 400, {"error": "invalid_grant", "error_description": text})


@case("B7", "keys-unknown", "aws iam list-access-keys", "AWS caller")
def _keys_that_are_deleted(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ACCESS_KEY_ID="AKIADELETED", AWS_SECRET_ACCESS_KEY="deleted")
    sandbox.unset("AWS_SESSION_TOKEN")


@case("B7", "keys-expired", "aws sts get-caller-identity", "AWS caller")
def _an_instance_whose_keys_have_ended(sandbox: Sandbox) -> None:
    keys = _instance(sandbox).keys
    sandbox.google.aws_keys.add(
        type(keys)(**{**vars(keys), "expiry": keys.expiry.replace(year=2020) if keys.expiry else None})
    )


@case("B8", "proof-rewritten", "env | grep -i _proxy", "exchange")
def _a_proof_that_was_rewritten(sandbox: Sandbox) -> None:
    text = "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'"
    sandbox.fault("/v1/token", 400, {"error": "invalid_request", "error_description": text})


@case(
    "B9",
    "quota-exceeded",
    "gcloud alpha services quota list --service=sts.googleapis.com --consumer=projects/123456789012",
    "exchange",
    75,
)
def _too_many_exchanges(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 429)


@case("B10", "google-unavailable", "See https://status.cloud.google.com.", "exchange", 75)
def _a_server_that_fails(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 503)


@case("B10", "unreachable", "curl -sv -d '' http://127.0.0.1:", "exchange", 75)
def _a_connection_that_is_reset(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", None, drop=True)


@case("B10", "google-unavailable", "See https://status.cloud.google.com.", "service account", 75)
def _a_server_that_fails_later(sandbox: Sandbox) -> None:
    sandbox.fault(":generateAccessToken", 503)


@case(
    "B11", "issuer-unreachable", f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/oidc", "exchange"
)
def _an_issuer_out_of_reach(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider(issuer.url)
    issuer.fail("openid-configuration", Fault(503, times=None))
    _with_jwt(sandbox, issuer, provider.audience)


@case(
    "",
    "jwt-audience-refused",
    f"gcloud iam workload-identity-pools providers update-oidc {PROVIDERS}/oidc --allowed-audiences=https:{POOL}/providers/oidc",
    "exchange",
)
def _a_jwt_for_somebody_else(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider(issuer.url, allowed_audiences=["sts.amazonaws.com"])
    _with_jwt(sandbox, issuer, provider.audience)


@case("", "jwt-issuer-wrong", "aws iam get-outbound-web-identity-federation-info", "exchange")
def _a_jwt_of_somebody_else(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider("https://other.example", jwks={"keys": []})
    _with_jwt(sandbox, issuer, provider.audience)


@case(
    "",
    "provider-of-another-kind",
    f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/oidc",
    "exchange",
)
def _a_provider_of_the_other_kind(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.google.add_oidc_provider("https://issuer.example").audience


@case(
    "",
    "aws-account-not-trusted",
    f"gcloud iam workload-identity-pools providers update-aws {PROVIDERS}/prod --account-id=210987654321",
    "exchange",
)
def _an_account_that_is_not_trusted(sandbox: Sandbox) -> None:
    sandbox.hold(sandbox.google.aws_keys.issue("arn:aws:sts::210987654321:assumed-role/app/i-0abc"))


@case("B13", "perimeter", "gcloud access-context-manager perimeters update PERIMETER", "exchange")
def _a_perimeter_before_the_exchange(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 403, _PERIMETER)


@case("B13", "perimeter", "gcloud access-context-manager perimeters update PERIMETER", "service account")
def _a_perimeter_before_the_account(sandbox: Sandbox) -> None:
    sandbox.fault(":generateAccessToken", 403, _PERIMETER)


@case("B14", "reply-not-googles", "env | grep -i _proxy", "exchange", 75)
def _a_token_without_a_life(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 200, {"access_token": "ya29.x", "token_type": "Bearer"})


@case("", "reply-not-googles", "env | grep -i _proxy", "exchange", 75)
def _broken_json(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 200, b'{"access_token": "ya29')


@case("", "redirected", "curl -sI http://127.0.0.1:", "exchange")
def _a_captive_portal(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 302, "", headers={"Location": "https://portal.example/login"})


@case("", "certificate-not-trusted", "export REQUESTS_CA_BUNDLE=/path/to/bundle.pem", "exchange")
def _a_certificate_that_is_not_trusted(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = sandbox.start(Intercepted()).url


@case("", "exchange-refused", f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod", "exchange")
def _words_that_nobody_knows(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 400, {"error": "something_new", "error_description": "Nobody\x1b[31m has seen this."})


# The service account


@case("C1", "not-bound", GRANT, "service account")
def _no_binding(sandbox: Sandbox) -> None:
    sandbox.bind()


@case("C1", "not-bound", GRANT, "service account")
def _no_binding_as_the_policy_says(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.administer()


@case("C1", "not-bound", f"--member=principal:{POOL}/subject/arn:aws:iam::123456789012:role/app", "service account")
def _no_binding_of_a_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    _with_jwt(sandbox, issuer, sandbox.google.add_oidc_provider(issuer.url).audience)


@case(
    "C1",
    "wrong-role-arn-in-binding",
    f"gcloud iam service-accounts remove-iam-policy-binding {ACCOUNT} --role={USER} --member=principalSet:{POOL}/attribute.aws_role/arn:aws:iam::123456789012:role/app",
    "service account",
)
def _the_roles_own_arn_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:iam::123456789012:role/app"))
    sandbox.administer()


@case("C1", "path-in-binding", GRANT, "service account")
def _a_path_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:sts::123456789012:assumed-role/team/app"))
    sandbox.administer()


@case("C1", "project-id-in-binding", GRANT, "service account")
def _a_project_id_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(ROLE, project="my-project"))
    sandbox.administer()


@case("C1", "letter-case-in-binding", GRANT, "service account")
def _another_letter_case_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(f"{ROLE[:-3]}App"))
    sandbox.administer()


@case("C1", "attribute-not-mapped", GRANT, "service account")
def _an_attribute_that_is_not_mapped(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("123456789012", attribute="account"))
    sandbox.administer()


@case("C1", "granted-to-the-account", GRANT, "service account")
def _a_grant_to_the_account_itself(sandbox: Sandbox) -> None:
    sandbox.bind(f"serviceAccount:{ACCOUNT}")
    sandbox.administer()


@case("C1", "granted-on-the-project", GRANT, "service account")
def _a_grant_on_the_project(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.set_policy("projects/my-project", USER, f"serviceAccount:{ACCOUNT}")
    sandbox.administer()


@case("C1", "wrong-role-in-binding", GRANT, "service account")
def _another_role_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(ROLE), role="roles/iam.serviceAccountUser")
    sandbox.administer()


@case("C1", "another-identity-in-binding", GRANT, "service account")
def _somebody_else_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:sts::123456789012:assumed-role/other"))
    sandbox.administer()


@case("C1", "grant-not-seen-yet", f"gcloud iam service-accounts get-iam-policy {ACCOUNT}", "service account")
def _a_grant_of_this_minute(sandbox: Sandbox) -> None:
    text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    sandbox.fault(":generateAccessToken", 403, {"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}})
    sandbox.administer()


@case("C1", "account-missing", "gcloud iam service-accounts create typo --project=my-project", "service account")
def _no_such_account(sandbox: Sandbox) -> None:
    sandbox.flags["service-account"] = "typo@my-project.iam.gserviceaccount.com"
    sandbox.administer()


@case("", "account-disabled", f"gcloud iam service-accounts enable {ACCOUNT}", "service account")
def _a_disabled_account(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.fault(f"[/]v1/projects/my-project/serviceAccounts/{ACCOUNT}", 200, {"email": ACCOUNT, "disabled": True})
    sandbox.administer()


@case(
    "C1",
    "not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role={CREATOR} --member=serviceAccount:hop@my-project.iam.gserviceaccount.com",
    "service account",
)
def _a_delegate_that_may_not(sandbox: Sandbox) -> None:
    hop = sandbox.google.add_service_account("hop@my-project.iam.gserviceaccount.com").email
    sandbox.google.grant(hop, CREATOR, sandbox.member(ROLE))
    sandbox.flags["delegates"] = hop


@case(
    "C1",
    "delegate-not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role={CREATOR} --member=serviceAccount:hop@my-project.iam.gserviceaccount.com",
    "service account",
)
def _a_delegate_that_may_not_as_the_policy_says(sandbox: Sandbox) -> None:
    hop = sandbox.google.add_service_account("hop@my-project.iam.gserviceaccount.com").email
    sandbox.google.grant(hop, CREATOR, sandbox.member(ROLE))
    sandbox.flags["delegates"] = hop
    sandbox.administer()


@case(
    "C1",
    "not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.serviceAccountOpenIdTokenCreator",
    "service account",
)
def _no_right_to_id_tokens(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.flags["target-audience"] = "https://service.example"


@case("C2", "argument-refused", "Check scopes, delegates, lifetime and the ID token's audience.", "service account")
def _an_argument_that_is_refused(sandbox: Sandbox) -> None:
    text = "Request contains an invalid argument."
    sandbox.fault(":generateAccessToken", 400, {"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}})


@case("C3", "clock-skew", "timedatectl set-ntp true", "clock", 0)
def _a_clock_that_aws_minds_less_than_google(sandbox: Sandbox) -> None:
    _delegated(sandbox)
    sandbox.google.allow_domain_wide_delegation(ACCOUNT, [CLOUD_PLATFORM])
    sandbox.google.clock = lambda: time.time() - 600


@case("C3", "clock-skew", "timedatectl set-ntp true", "service account")
def _a_clock_that_makes_assertions_too_long(sandbox: Sandbox) -> None:
    _delegated(sandbox)
    text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    sandbox.fault("[/]token", 400, {"error": "invalid_grant", "error_description": text})


@case(
    "C4",
    "api-disabled",
    "gcloud services enable iamcredentials.googleapis.com --project=123456789012",
    "service account",
)
def _an_api_that_is_not_enabled(sandbox: Sandbox) -> None:
    sandbox.google.add_project("my-project", "123456789012", ["iam.googleapis.com"])


@case("C4", "api-disabled", "gcloud services enable sts.googleapis.com --project=123456789012", "exchange")
def _another_api_that_is_not_enabled(sandbox: Sandbox) -> None:
    text = "Security Token Service API has not been used in project 123456789012 before or it is disabled."
    sandbox.fault("/v1/token", 403, {"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}})


@case(
    "C6",
    "lifetime-too-long",
    f"gcloud resource-manager org-policies allow iam.allowServiceAccountCredentialLifetimeExtension {ACCOUNT} --organization=ORGANIZATION_ID",
    "service account",
)
def _two_hours(sandbox: Sandbox) -> None:
    sandbox.flags["lifetime"] = "7200"


@case("C9", "authorization-stripped", "env | grep -i _proxy", "service account")
def _a_header_that_is_taken_off(sandbox: Sandbox) -> None:
    text = "Request is missing required authentication credential. Expected OAuth 2 access token"
    sandbox.fault(":generateAccessToken", 401, {"error": {"code": 401, "message": text, "status": "UNAUTHENTICATED"}})


@case("C12", "not-bound", f"--role={CREATOR} --member=principalSet:{POOL}/attribute.aws_role/{ROLE}", "service account")
def _no_right_to_sign(sandbox: Sandbox) -> None:
    sandbox.flags["subject"] = "ann@example.com"


@case(
    "C12",
    "wrong-role-in-binding",
    f"--role={CREATOR} --member=principalSet:{POOL}/attribute.aws_role/{ROLE}",
    "service account",
)
def _no_right_to_sign_as_the_policy_says(sandbox: Sandbox) -> None:
    sandbox.flags["subject"] = "ann@example.com"
    sandbox.administer()


@case(
    "",
    "delegation-not-allowed",
    f"gcloud iam service-accounts describe {ACCOUNT} --format='value(uniqueId)'",
    "service account",
)
def _a_domain_that_does_not_allow_it(sandbox: Sandbox) -> None:
    _delegated(sandbox)


@case("", "refused", "The message is all that is known.", "service account")
def _more_words_that_nobody_knows(sandbox: Sandbox) -> None:
    sandbox.fault(
        ":generateAccessToken", 409, {"error": {"code": 409, "message": "Nobody knows.", "status": "ABORTED"}}
    )


# The token in use


@case(
    "D1", "federated-token-refused", f"gcloud iam service-accounts add-iam-policy-binding EMAIL --role={USER}", "call"
)
def _an_api_that_takes_no_federated_token(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    _call(sandbox, 401, "Request had invalid authentication credentials. Expected OAuth 2 access token")


@case("D2", "bucket-with-acls", "gcloud storage buckets update gs://photos --uniform-bucket-level-access", "call")
def _a_bucket_with_acls(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    _call(sandbox, 403, "Access denied.", path="/storage/v1/b/photos/o")


@case("D5", "wants-an-id-token", "gcloud run services add-iam-policy-binding SERVICE --role=roles/run.invoker", "call")
def _cloud_run(sandbox: Sandbox) -> None:
    _call(sandbox, 401, "The access token could not be verified")


@case(
    "D6",
    "quota-project-missing",
    "gcloud projects add-iam-policy-binding PROJECT_ID --role=roles/serviceusage.serviceUsageConsumer",
    "call",
)
def _no_quota_project(sandbox: Sandbox) -> None:
    _call(sandbox, 403, "Cloud Translation API has not been used in project 32555940559 before or it is disabled.")


@case("D7", "no-project", "export GOOGLE_CLOUD_PROJECT=PROJECT_ID", "project", 0)
def _no_project(sandbox: Sandbox) -> None:
    del sandbox.flags["project"]


@case(
    "",
    "quota-project-denied",
    "gcloud projects add-iam-policy-binding payer --role=roles/serviceusage.serviceUsageConsumer",
    "call",
)
def _a_quota_project_of_others(sandbox: Sandbox) -> None:
    sandbox.flags["quota-project"] = "payer"
    _call(
        sandbox, 403, "Caller does not have required permission to use project payer. Grant serviceusage.services.use."
    )


@case("", "target-api-disabled", "gcloud services enable bigquery.googleapis.com --project=42", "call")
def _an_api_that_is_off(sandbox: Sandbox) -> None:
    text = "BigQuery API has not been used in project 42 before. Enable it by visiting https://x/apis/api/bigquery.googleapis.com/overview"
    _call(sandbox, 403, text)


@case(
    "",
    "not-allowed",
    f"gcloud projects add-iam-policy-binding PROJECT_ID --role=ROLE --member=serviceAccount:{ACCOUNT}",
    "call",
)
def _a_call_that_is_not_allowed(sandbox: Sandbox) -> None:
    _call(sandbox, 403, "Permission denied.")


@case("", "call-fails", "Check the URL.", "call")
def _a_call_to_nowhere(sandbox: Sandbox) -> None:
    sandbox.flags["call"] = f"{NOWHERE}/"


_PERIMETER = {
    "error": {
        "code": 403,
        "message": "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
        "status": "PERMISSION_DENIED",
    }
}


def _pool(sandbox: Sandbox) -> Pool:
    pool = sandbox.google._pools.pool(sandbox.workload.provider.pool_name)
    assert pool is not None
    return pool


def _write(sandbox: Sandbox, name: str, text: str) -> None:
    path = sandbox.home / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def _with_jwt(sandbox: Sandbox, issuer: WebIdentityIssuer, audience: str) -> None:
    sandbox.set(**issuer.environment())
    sandbox.flags.update({"audience": audience, "subject-token-type": JWT})


def _delegated(sandbox: Sandbox) -> None:
    sandbox.google.grant(ACCOUNT, CREATOR, sandbox.member(ROLE))
    sandbox.flags["subject"] = "ann@example.com"


def _call(sandbox: Sandbox, status: int, message: str, path: str = "/a-service/v1/things") -> None:
    sandbox.flags["call"] = f"{sandbox.google.url}{path}"
    sandbox.fault(path, status, {"error": {"code": status, "message": message}})


@pytest.mark.parametrize(
    "each",
    # botocore tries a container for twelve seconds.
    [
        pytest.param(each, id=name, marks=pytest.mark.slow if name == "a container that gets no keys" else ())
        for name, each in CASES.items()
    ],
)
def test_doctor_names_the_cause_and_what_mends_it(sandbox: Sandbox, each: Case) -> None:
    each.happens(sandbox)

    visit = sandbox.visit()

    found = visit.cause(each.cause)
    if each.code and each.step != "call":
        error = sandbox.error()
        # Some rejections by AWS are made up for doctor's own call only.
        assert error is None or error.failure == found["general"]
        assert error is not None or each.step == "AWS caller"
    assert visit.code == each.code
    assert visit.states[each.step] == ("failed" if each.code else "warning")
    assert visit.document["cause"] == (each.cause if each.code else None)
    assert f"{'Cause' if each.code else 'Warning'}: {each.cause}\n" in visit.text
    hcl2.loads(found["mend"].get("terraform", "") + "\n")
    mends = [command for commands in found["mend"].values() for command in commands]
    assert any(each.command in command for command in mends), mends
    assert found["evidence"]
    assert squeezed(each.command) in squeezed(visit.text)


def squeezed(text: str) -> str:
    """Text without the breaks of its lines."""
    return re.sub(r"[\s\\]+", " ", text)


def test_readme_says_how_many_of_the_known_failures_doctor_names() -> None:
    named = {each.failure for each in CASES.values()} - {""}
    assert named == FAILURES.keys() - ELSEWHERE.keys()
    assert f"{len(named)} of {len(FAILURES)}" in README.read_text(encoding="utf-8")
