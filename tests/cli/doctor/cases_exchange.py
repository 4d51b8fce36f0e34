"""Failures of the exchange."""

from __future__ import annotations

import time

from cli.doctor.cases import (
    ACCOUNT,
    PERIMETER,
    POOL,
    POOL_NAME,
    PROVIDERS,
    USER,
    case,
    pool,
    use_instance_metadata,
    use_jwt,
)
from cli.doctor.sandbox import NOWHERE, ROLE, Sandbox
from cli.doctor.untrusted_server import UntrustedServer
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import WebIdentityIssuer


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
    sandbox.use_administrator_token()


@case("B3", "provider-disabled", f"gcloud iam workload-identity-pools update {POOL_NAME} --no-disabled", "exchange")
def _a_disabled_pool(sandbox: Sandbox) -> None:
    pool(sandbox).disabled = True
    sandbox.use_administrator_token()


@case("B3", "provider-deleted", f"gcloud iam workload-identity-pools undelete {POOL_NAME}", "exchange")
def _a_deleted_pool(sandbox: Sandbox) -> None:
    pool(sandbox).purge_time = time.time() + 86_400
    sandbox.use_administrator_token()


@case("B3", "provider-deleted", f"gcloud iam workload-identity-pools providers undelete {PROVIDERS}/prod", "exchange")
def _a_deleted_provider(sandbox: Sandbox) -> None:
    sandbox.workload.provider.purge_time = time.time() + 86_400
    sandbox.use_administrator_token()


@case(
    "B3",
    "provider-missing",
    "gcloud iam workload-identity-pools providers create-aws projects/123456789012/locations/global/workloadIdentityPools/no-pool/providers/prod --account-id=123456789012",
    "exchange",
)
def _a_missing_pool(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/aws-pool/", "/no-pool/")
    sandbox.use_administrator_token()


@case(
    "B3",
    "provider-missing",
    f"gcloud iam workload-identity-pools providers create-aws {PROVIDERS}/test --account-id=123456789012",
    "exchange",
)
def _a_missing_provider(sandbox: Sandbox) -> None:
    sandbox.flags["audience"] = sandbox.flags["audience"].replace("/prod", "/test")
    sandbox.use_administrator_token()


@case(
    "B3",
    "provider-out-of-service",
    f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod",
    "exchange",
)
def _a_disabled_provider_without_an_administrator(sandbox: Sandbox) -> None:
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
def _a_condition_on_the_iam_arn(sandbox: Sandbox) -> None:
    sandbox.workload.provider.attribute_condition = "assertion.arn == 'arn:aws:iam::123456789012:role/app'"
    sandbox.use_administrator_token()


@case("B5", "subject-too-long", f"gcloud iam workload-identity-pools providers update-aws {PROVIDERS}/prod", "exchange")
def _a_subject_that_is_too_long(sandbox: Sandbox) -> None:
    role = f"{ROLE}{'x' * 50}"
    sandbox.google.grant(ACCOUNT, USER, sandbox.member(role))
    sandbox.use_keys(sandbox.google.aws_keys.issue(f"{role}/{'y' * 60}"))


@case("B6", "secret-key-wrong", "aws configure list", "AWS caller")
def _a_wrong_secret(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY="of-another-set")


@case("B6", "secret-key-wrong", "aws configure list", "exchange")
def _a_wrong_secret_that_google_reports(sandbox: Sandbox) -> None:
    sandbox.set(AWS_SECRET_ACCESS_KEY="of-another-set")
    sandbox.flags["aws-sts-endpoint"] = NOWHERE


@case("B6", "clock-skew", "timedatectl set-ntp true", "clock", 0)
def _a_wrong_clock(sandbox: Sandbox) -> None:
    sandbox.use_keys(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    sandbox.google.clock = lambda: time.time() + 7200
    sandbox.flags["aws-sts-endpoint"] = NOWHERE


@case("B6", "clock-skew", "timedatectl set-ntp true", "AWS caller", 0)
def _a_clock_that_aws_rejects(sandbox: Sandbox) -> None:
    sandbox.use_keys(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    sandbox.google.clock = lambda: time.time() + 7200


@case("B6", "clock-skew", "timedatectl set-ntp true", "exchange")
def _a_clock_error_that_cannot_be_corrected(sandbox: Sandbox) -> None:
    text = "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: 20260101T000000Z is now earlier"
    sandbox.fault("/v1/token", 400, {"error": "invalid_grant", "error_description": text})


@case("B7", "keys-unknown", "aws iam list-access-keys", "AWS caller")
def _keys_that_are_deleted(sandbox: Sandbox) -> None:
    sandbox.set(AWS_ACCESS_KEY_ID="AKIADELETED", AWS_SECRET_ACCESS_KEY="deleted")
    sandbox.unset("AWS_SESSION_TOKEN")


@case("B7", "keys-expired", "aws sts get-caller-identity", "AWS caller")
def _an_instance_whose_keys_have_expired(sandbox: Sandbox) -> None:
    keys = use_instance_metadata(sandbox).keys
    sandbox.google.aws_keys.add(
        type(keys)(**{**vars(keys), "expiry": keys.expiry.replace(year=2020) if keys.expiry else None})
    )


@case("B8", "proof-rewritten", "env | grep -i _proxy", "exchange")
def _a_subject_token_that_was_changed_in_transit(sandbox: Sandbox) -> None:
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
def _a_server_that_fails_after_the_exchange(sandbox: Sandbox) -> None:
    sandbox.fault(":generateAccessToken", 503)


@case(
    "B11", "issuer-unreachable", f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/oidc", "exchange"
)
def _an_unreachable_issuer(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider(issuer.url)
    issuer.fail("openid-configuration", Fault(503, times=None))
    use_jwt(sandbox, issuer, provider.audience)


@case(
    "",
    "jwt-audience-rejected",
    f"gcloud iam workload-identity-pools providers update-oidc {PROVIDERS}/oidc --allowed-audiences=https:{POOL}/providers/oidc",
    "exchange",
)
def _a_jwt_for_another_audience(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider(issuer.url, allowed_audiences=["sts.amazonaws.com"])
    use_jwt(sandbox, issuer, provider.audience)


@case("", "jwt-issuer-wrong", "aws iam get-outbound-web-identity-federation-info", "exchange")
def _a_jwt_of_another_issuer(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    provider = sandbox.google.add_oidc_provider("https://other.example", jwks={"keys": []})
    use_jwt(sandbox, issuer, provider.audience)


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
    sandbox.use_keys(sandbox.google.aws_keys.issue("arn:aws:sts::210987654321:assumed-role/app/i-0abc"))


@case("B13", "perimeter", "gcloud access-context-manager perimeters update PERIMETER", "exchange")
def _a_perimeter_around_the_exchange(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 403, PERIMETER)


@case("B13", "perimeter", "gcloud access-context-manager perimeters update PERIMETER", "service account")
def _a_perimeter_around_the_service_account(sandbox: Sandbox) -> None:
    sandbox.fault(":generateAccessToken", 403, PERIMETER)


@case("B14", "reply-not-googles", "env | grep -i _proxy", "exchange", 75)
def _a_token_without_a_lifetime(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 200, {"access_token": "ya29.x", "token_type": "Bearer"})


@case("", "reply-not-googles", "env | grep -i _proxy", "exchange", 75)
def _broken_json(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 200, b'{"access_token": "ya29')


@case("", "redirected", "curl -sI http://127.0.0.1:", "exchange")
def _a_captive_portal(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 302, "", headers={"Location": "https://portal.example/login"})


@case("", "certificate-not-trusted", "export REQUESTS_CA_BUNDLE=/path/to/bundle.pem", "exchange")
def _a_certificate_that_is_not_trusted(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = sandbox.start(UntrustedServer()).url


@case("", "exchange-rejected", f"gcloud iam workload-identity-pools providers describe {PROVIDERS}/prod", "exchange")
def _an_unknown_error(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/token", 400, {"error": "something_new", "error_description": "Something\x1b[31m new."})
