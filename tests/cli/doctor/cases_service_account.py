"""Failures of a service account."""

from __future__ import annotations

import time

from emulator.workload import CLOUD_PLATFORM

from cli.doctor.cases import (
    ACCOUNT,
    CREATOR,
    GRANT,
    POOL,
    USER,
    case,
    use_delegation,
    use_jwt,
)
from cli.doctor.sandbox import ROLE, Sandbox
from google_auth_botocore.emulator.aws import WebIdentityIssuer


@case("C1", "not-bound", GRANT, "service account")
def _no_binding(sandbox: Sandbox) -> None:
    sandbox.bind()


@case("C1", "not-bound", GRANT, "service account")
def _no_binding_with_an_administrator_token(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.use_administrator_token()


@case("C1", "not-bound", f"--member=principal:{POOL}/subject/arn:aws:iam::123456789012:role/app", "service account")
def _no_binding_of_a_jwt(sandbox: Sandbox) -> None:
    issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
    use_jwt(sandbox, issuer, sandbox.google.add_oidc_provider(issuer.url).audience)


@case(
    "C1",
    "wrong-role-arn-in-binding",
    f"gcloud iam service-accounts remove-iam-policy-binding {ACCOUNT} --role={USER} --member=principalSet:{POOL}/attribute.aws_role/arn:aws:iam::123456789012:role/app",
    "service account",
)
def _an_iam_arn_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:iam::123456789012:role/app"))
    sandbox.use_administrator_token()


@case("C1", "path-in-binding", GRANT, "service account")
def _a_path_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:sts::123456789012:assumed-role/team/app"))
    sandbox.use_administrator_token()


@case("C1", "project-id-in-binding", GRANT, "service account")
def _a_project_id_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(ROLE, project="my-project"))
    sandbox.use_administrator_token()


@case("C1", "letter-case-in-binding", GRANT, "service account")
def _another_letter_case_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(f"{ROLE[:-3]}App"))
    sandbox.use_administrator_token()


@case("C1", "attribute-not-mapped", GRANT, "service account")
def _an_attribute_that_is_not_mapped(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("123456789012", attribute="account"))
    sandbox.use_administrator_token()


@case("C1", "granted-to-the-account", GRANT, "service account")
def _a_grant_to_the_account_itself(sandbox: Sandbox) -> None:
    sandbox.bind(f"serviceAccount:{ACCOUNT}")
    sandbox.use_administrator_token()


@case("C1", "granted-on-the-project", GRANT, "service account")
def _a_grant_on_the_project(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.set_policy("projects/my-project", USER, f"serviceAccount:{ACCOUNT}")
    sandbox.use_administrator_token()


@case("C1", "wrong-role-in-binding", GRANT, "service account")
def _another_role_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member(ROLE), role="roles/iam.serviceAccountUser")
    sandbox.use_administrator_token()


@case("C1", "another-identity-in-binding", GRANT, "service account")
def _another_identity_in_the_binding(sandbox: Sandbox) -> None:
    sandbox.bind(sandbox.member("arn:aws:sts::123456789012:assumed-role/other"))
    sandbox.use_administrator_token()


@case("C1", "another-identity-in-binding", GRANT, "service account")
def _another_identity_beside_the_account_itself(sandbox: Sandbox) -> None:
    """`config setup` creates these bindings for the role of the token creator."""
    other = sandbox.member("arn:aws:sts::123456789012:assumed-role/other")
    sandbox.bind(f"serviceAccount:{ACCOUNT}", other, role="roles/iam.serviceAccountTokenCreator")
    sandbox.use_administrator_token()


@case("C1", "grant-not-seen-yet", f"gcloud iam service-accounts get-iam-policy {ACCOUNT}", "service account")
def _a_grant_that_has_not_taken_effect(sandbox: Sandbox) -> None:
    text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    sandbox.fault(":generateAccessToken", 403, {"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}})
    sandbox.use_administrator_token()


@case("C1", "account-missing", "gcloud iam service-accounts create typo --project=my-project", "service account")
def _no_such_account(sandbox: Sandbox) -> None:
    sandbox.flags["service-account"] = "typo@my-project.iam.gserviceaccount.com"
    sandbox.use_administrator_token()


@case("", "account-disabled", f"gcloud iam service-accounts enable {ACCOUNT}", "service account")
def _a_disabled_account(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.fault(f"[/]v1/projects/my-project/serviceAccounts/{ACCOUNT}", 200, {"email": ACCOUNT, "disabled": True})
    sandbox.use_administrator_token()


@case(
    "C1",
    "not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role={CREATOR} --member=serviceAccount:hop@my-project.iam.gserviceaccount.com",
    "service account",
)
def _a_delegate_without_permission(sandbox: Sandbox) -> None:
    hop = sandbox.google.add_service_account("hop@my-project.iam.gserviceaccount.com").email
    sandbox.google.grant(hop, CREATOR, sandbox.member(ROLE))
    sandbox.flags["delegates"] = hop


@case(
    "C1",
    "delegate-not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role={CREATOR} --member=serviceAccount:hop@my-project.iam.gserviceaccount.com",
    "service account",
)
def _a_delegate_without_permission_with_an_administrator_token(sandbox: Sandbox) -> None:
    hop = sandbox.google.add_service_account("hop@my-project.iam.gserviceaccount.com").email
    sandbox.google.grant(hop, CREATOR, sandbox.member(ROLE))
    sandbox.flags["delegates"] = hop
    sandbox.use_administrator_token()


@case(
    "C1",
    "not-bound",
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.serviceAccountOpenIdTokenCreator",
    "service account",
)
def _no_permission_for_id_tokens(sandbox: Sandbox) -> None:
    sandbox.bind()
    sandbox.flags["target-audience"] = "https://service.example"


@case("C2", "argument-rejected", "Check scopes, delegates, lifetime and the ID token's audience.", "service account")
def _an_argument_that_is_rejected(sandbox: Sandbox) -> None:
    text = "Request contains an invalid argument."
    sandbox.fault(":generateAccessToken", 400, {"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}})


@case("C3", "clock-skew", "timedatectl set-ntp true", "clock", 0)
def _a_clock_that_aws_accepts_and_google_rejects(sandbox: Sandbox) -> None:
    use_delegation(sandbox)
    sandbox.google.allow_domain_wide_delegation(ACCOUNT, [CLOUD_PLATFORM])
    sandbox.google.clock = lambda: time.time() - 600


@case("C3", "clock-skew", "timedatectl set-ntp true", "service account")
def _a_clock_that_makes_assertions_too_long(sandbox: Sandbox) -> None:
    use_delegation(sandbox)
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
def _a_lifetime_of_two_hours(sandbox: Sandbox) -> None:
    sandbox.flags["lifetime"] = "7200"


@case("C9", "authorization-stripped", "env | grep -i _proxy", "service account")
def _a_missing_authorization_header(sandbox: Sandbox) -> None:
    text = "Request is missing required authentication credential. Expected OAuth 2 access token"
    sandbox.fault(":generateAccessToken", 401, {"error": {"code": 401, "message": text, "status": "UNAUTHENTICATED"}})


@case("C12", "not-bound", f"--role={CREATOR} --member=principalSet:{POOL}/attribute.aws_role/{ROLE}", "service account")
def _no_permission_to_sign(sandbox: Sandbox) -> None:
    sandbox.flags["subject"] = "ann@example.com"


@case(
    "C12",
    "wrong-role-in-binding",
    f"--role={CREATOR} --member=principalSet:{POOL}/attribute.aws_role/{ROLE}",
    "service account",
)
def _no_permission_to_sign_with_an_administrator_token(sandbox: Sandbox) -> None:
    sandbox.flags["subject"] = "ann@example.com"
    sandbox.use_administrator_token()


@case(
    "",
    "delegation-not-allowed",
    f"gcloud iam service-accounts describe {ACCOUNT} --format='value(uniqueId)'",
    "service account",
)
def _a_domain_that_does_not_allow_delegation(sandbox: Sandbox) -> None:
    use_delegation(sandbox)


@case("", "rejected", "The message is all that is known.", "service account")
def _an_unknown_error_of_iam(sandbox: Sandbox) -> None:
    sandbox.fault(
        ":generateAccessToken", 409, {"error": {"code": 409, "message": "Something new.", "status": "ABORTED"}}
    )
