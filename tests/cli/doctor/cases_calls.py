"""Failures of calls with a token."""

from __future__ import annotations

from cli.doctor.cases import (
    ACCOUNT,
    USER,
    case,
    fail_call,
)
from cli.doctor.sandbox import NOWHERE, Sandbox


@case(
    "D1",
    "federated-token-not-accepted",
    f"gcloud iam service-accounts add-iam-policy-binding EMAIL --role={USER}",
    "call",
)
def _an_api_that_rejects_federated_tokens(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    fail_call(sandbox, 401, "Request had invalid authentication credentials. Expected OAuth 2 access token")


@case("D2", "bucket-with-acls", "gcloud storage buckets update gs://photos --uniform-bucket-level-access", "call")
def _a_bucket_with_acls(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    fail_call(sandbox, 403, "Access denied.", path="/storage/v1/b/photos/o")


@case("D5", "id-token-required", "gcloud run services add-iam-policy-binding SERVICE --role=roles/run.invoker", "call")
def _cloud_run_with_an_access_token(sandbox: Sandbox) -> None:
    fail_call(sandbox, 401, "The access token could not be verified")


@case(
    "D6",
    "quota-project-missing",
    "gcloud projects add-iam-policy-binding PROJECT_ID --role=roles/serviceusage.serviceUsageConsumer",
    "call",
)
def _no_quota_project(sandbox: Sandbox) -> None:
    fail_call(sandbox, 403, "Cloud Translation API has not been used in project 32555940559 before or it is disabled.")


@case("D7", "no-project", "export GOOGLE_CLOUD_PROJECT=PROJECT_ID", "project", 0)
def _no_project(sandbox: Sandbox) -> None:
    del sandbox.flags["project"]


@case(
    "",
    "quota-project-denied",
    "gcloud projects add-iam-policy-binding payer --role=roles/serviceusage.serviceUsageConsumer",
    "call",
)
def _a_quota_project_without_permission(sandbox: Sandbox) -> None:
    sandbox.flags["quota-project"] = "payer"
    fail_call(
        sandbox, 403, "Caller does not have required permission to use project payer. Grant serviceusage.services.use."
    )


@case("", "target-api-disabled", "gcloud services enable bigquery.googleapis.com --project=42", "call")
def _a_disabled_api(sandbox: Sandbox) -> None:
    text = "BigQuery API has not been used in project 42 before. Enable it by visiting https://x/apis/api/bigquery.googleapis.com/overview"
    fail_call(sandbox, 403, text)


@case(
    "",
    "not-allowed",
    f"gcloud projects add-iam-policy-binding PROJECT_ID --role=ROLE --member=serviceAccount:{ACCOUNT}",
    "call",
)
def _a_call_without_permission(sandbox: Sandbox) -> None:
    fail_call(sandbox, 403, "Permission denied.")


@case("", "call-fails", "Check the URL.", "call")
def _a_call_to_an_unreachable_server(sandbox: Sandbox) -> None:
    sandbox.flags["call"] = f"{NOWHERE}/"
