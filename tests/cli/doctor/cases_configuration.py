"""Failures of arguments and files."""

from __future__ import annotations

from cli.doctor.cases import (
    POOL,
    PROVIDERS,
    case,
)
from cli.doctor.sandbox import ROLE, Sandbox


@case(
    "B2",
    "pool-for-provider",
    "gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool=projects/123456789012/locations/global/workloadIdentityPools/aws-pool",
    "configuration",
    2,
)
def _a_pool_as_the_audience(sandbox: Sandbox) -> None:
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
def _a_member_as_the_audience(sandbox: Sandbox) -> None:
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
def _an_audience_that_google_rejects(sandbox: Sandbox) -> None:
    text = 'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
    sandbox.fault("/v1/token", 400, {"error": "invalid_request", "error_description": text})


@case("", "no-identity-named", "Pass --config FILE or --audience NAME.", "configuration", 2)
def _no_identity(sandbox: Sandbox) -> None:
    sandbox.flags.clear()


@case(
    "",
    "configuration-file-missing",
    "Correct the path in the code, in --config or in GOOGLE_APPLICATION_CREDENTIALS.",
    "configuration",
    2,
)
def _a_file_that_does_not_exist(sandbox: Sandbox) -> None:
    sandbox.flags = {"config": "external_account.json"}


@case("", "not-a-service-account", "gcloud iam service-accounts list --format='value(email)'", "configuration", 2)
def _an_invalid_service_account_name(sandbox: Sandbox) -> None:
    sandbox.flags["service-account"] = "copycat"


@case("", "file-of-another-kind", "gcloud iam workload-identity-pools create-cred-config", "configuration", 2)
def _a_key_file(sandbox: Sandbox) -> None:
    path = sandbox.home / "key.json"
    path.write_text('{"type": "service_account", "private_key": "secret"}')
    sandbox.flags.clear()
    sandbox.set(GOOGLE_APPLICATION_CREDENTIALS=str(path))


@case("", "foreign-endpoint", "gcloud iam workload-identity-pools create-cred-config", "configuration", 2)
def _a_foreign_endpoint(sandbox: Sandbox) -> None:
    path = sandbox.home / "config.json"
    path.write_text(
        f'{{"type": "external_account", "audience": "{sandbox.flags["audience"]}", "token_url": "https://evil.example/v1/token"}}'
    )
    sandbox.flags = {"config": str(path)}


@case("", "no-service-account", "gcloud iam service-accounts list --format='value(email)'", "configuration", 2)
def _an_id_token_without_a_service_account(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    sandbox.flags["target-audience"] = "https://service.example"


@case("", "endpoint-invalid", "Leave the argument out to use Google's own endpoint.", "configuration", 2)
def _an_endpoint_without_tls(sandbox: Sandbox) -> None:
    sandbox.flags["token-url"] = "http://sts.example/v1/token"
