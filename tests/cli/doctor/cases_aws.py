"""Failures of the AWS side."""

from __future__ import annotations

from cli.doctor.aws_sts import error_document
from cli.doctor.cases import (
    JWT,
    case,
    use_instance_metadata,
    write_aws_file,
)
from cli.doctor.sandbox import KEYS, NOWHERE, ROLE, Sandbox
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials, WebIdentityIssuer


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
    use_instance_metadata(sandbox).fail("/security-credentials", Fault(404, times=None))


@case(
    "A3",
    "metadata-rejected",
    "aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled --http-tokens required",
    "AWS keys",
)
def _metadata_that_rejects_requests(sandbox: Sandbox) -> None:
    use_instance_metadata(sandbox).fail("/latest", Fault(403, times=None))


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
def _unreachable_metadata(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS, "AWS_EC2_METADATA_DISABLED")
    sandbox.set(AWS_EC2_METADATA_SERVICE_ENDPOINT=NOWHERE)


@case("A6", "proxy-for-link-local", "export NO_PROXY=169.254.169.254,169.254.170.2,169.254.170.23", "AWS keys")
def _a_proxy_for_metadata_requests(sandbox: Sandbox) -> None:
    use_instance_metadata(sandbox)
    sandbox.set(HTTP_PROXY=NOWHERE)


@case("A7", "empty-region", "unset AWS_REGION", "signed request", 0)
def _an_empty_region(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="", AWS_DEFAULT_REGION="eu-central-1")


@case("A8", "zone-for-region", "export AWS_REGION=us-west-2", "signed request", 0)
def _a_local_zone(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="us-west-2-lax-1")


@case("A9", "role-of-the-instance", "aws eks create-pod-identity-association", "service account")
def _the_nodes_role_in_a_pod(sandbox: Sandbox) -> None:
    use_instance_metadata(sandbox, "node")
    sandbox.set(KUBERNETES_SERVICE_HOST="10.0.0.1")


@case("A9", "role-of-the-instance", "aws eks create-pod-identity-association", "AWS caller", 0)
def _the_nodes_role_with_enough_permissions(sandbox: Sandbox) -> None:
    use_instance_metadata(sandbox, "node")
    sandbox.set(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/app")
    del sandbox.flags["service-account"]


@case("A10", "keys-frozen", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", "AWS caller")
def _copied_keys_that_have_expired(sandbox: Sandbox) -> None:
    sandbox.set(**sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue)).environment())
    sandbox.use_keys(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=-60))


@case("A10", "keys-frozen", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", "AWS keys", 0)
def _copied_keys_that_are_still_valid(sandbox: Sandbox) -> None:
    sandbox.set(**sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue)).environment())


@case("A11", "no-session-token", "aws configure export-credentials --format env", "AWS keys")
def _no_session_token(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SESSION_TOKEN")


@case("A12", "region-not-enabled", "aws account enable-region --region-name ap-east-1", "AWS caller")
def _a_region_that_is_not_enabled(sandbox: Sandbox) -> None:
    sandbox.aws.disabled_regions.add("ap-east-1")
    sandbox.set(AWS_REGION="ap-east-1")


@case("", "region-unknown", "aws ec2 describe-regions --query 'Regions[].RegionName'", "AWS keys")
def _an_unknown_region(sandbox: Sandbox) -> None:
    sandbox.set(AWS_REGION="frankfurt")


@case("", "half-a-set-of-keys", "aws configure list", "AWS keys")
def _a_key_id_without_a_secret(sandbox: Sandbox) -> None:
    sandbox.unset("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@case("", "white-space-in-a-key", "again, without quotes, spaces or a line break at the end.", "AWS keys")
def _a_line_break_in_a_key(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY=f"{sandbox.workload.keys.secret_access_key}\n")


@case("", "profile-missing", "aws configure list-profiles", "AWS keys")
def _no_such_profile(sandbox: Sandbox) -> None:
    sandbox.flags["profile"] = "typo"


@case("", "aws-file-broken", "Correct line 1 of", "AWS keys")
def _a_broken_file(sandbox: Sandbox) -> None:
    write_aws_file(sandbox, "config", "[default\nregion")


@case("", "profile-incomplete", "aws configure list", "AWS keys")
def _a_profile_without_a_source(sandbox: Sandbox) -> None:
    write_aws_file(sandbox, "config", "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/app\n")
    sandbox.flags["profile"] = "app"


@case("", "not-signed-in", "aws sso login", "AWS keys")
def _no_sign_in(sandbox: Sandbox) -> None:
    text = "[profile corp]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\nregion = eu-central-1\n"
    write_aws_file(
        sandbox,
        "config",
        f"[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-central-1\n{text}",
    )
    sandbox.flags["profile"] = "corp"


@case("", "process-fails", "aws configure get credential_process", "AWS keys")
def _a_process_that_fails(sandbox: Sandbox) -> None:
    write_aws_file(sandbox, "config", "[profile p]\ncredential_process = false\n")
    sandbox.flags["profile"] = "p"


@case("", "container-rejects", "aws eks list-pod-identity-associations --cluster-name CLUSTER", "AWS keys")
def _a_container_with_a_wrong_token(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue, token="right"))
    sandbox.set(**{**container.environment(), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"})


@case("", "web-identity-rejected", "Check AWS_WEB_IDENTITY_TOKEN_FILE", "AWS keys")
def _a_missing_web_identity_token_file(sandbox: Sandbox) -> None:
    sandbox.unset(*KEYS)
    sandbox.set(
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/app", AWS_WEB_IDENTITY_TOKEN_FILE=str(sandbox.home / "none")
    )


@case("", "outbound-identity-off", "aws iam enable-outbound-web-identity-federation", "AWS keys")
def _an_account_without_outbound_federation(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find, enabled=False))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case(
    "",
    "jwt-not-allowed",
    "aws iam put-role-policy --role-name ROLE_NAME --policy-name get-web-identity-token",
    "AWS keys",
)
def _a_role_without_permission_for_a_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    text = "User: x is not authorized to perform: sts:GetWebIdentityToken on resource: y"
    issuer.fail("/", Fault(403, times=None, body=error_document("AccessDenied", text)))
    sandbox.set(**issuer.environment())
    sandbox.flags["subject-token-type"] = JWT


@case("", "aws-setting-invalid", "aws configure list", "AWS keys")
def _a_timeout_that_is_not_a_number(sandbox: Sandbox) -> None:
    sandbox.set(AWS_METADATA_SERVICE_TIMEOUT="soon")


@case("", "role-not-assumable", "aws iam update-assume-role-policy --role-name other", "AWS keys")
def _a_role_that_does_not_trust_the_caller(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
    sandbox.flags["assume-role"] = "arn:aws:iam::123456789012:role/other"


@case("", "caller-identity-denied", "aws ec2 describe-vpc-endpoints", "AWS caller")
def _an_endpoint_policy(sandbox: Sandbox) -> None:
    text = "User: x is not authorized to perform: sts:GetCallerIdentity with an explicit deny"
    sandbox.aws.fail("/", Fault(403, times=None, body=error_document("AccessDenied", text)))


@case("", "aws-rejects", "aws sts get-caller-identity", "AWS caller")
def _an_unknown_aws_error_code(sandbox: Sandbox) -> None:
    sandbox.aws.fail("/", Fault(400, times=None, body=error_document("OptInRequired", "Something is missing.")))


@case("", "aws-unreachable", "aws sts get-caller-identity", "AWS caller", 0)
def _unreachable_aws(sandbox: Sandbox) -> None:
    sandbox.flags["aws-sts-endpoint"] = NOWHERE
