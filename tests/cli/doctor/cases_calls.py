"""Failures of calls with a token."""

from __future__ import annotations

from cli.doctor.cases import (
    ACCOUNT,
    USER,
    call,
    case,
)
from cli.doctor.sandbox import NOWHERE, Sandbox


@case(
    "D1", "federated-token-refused", f"gcloud iam service-accounts add-iam-policy-binding EMAIL --role={USER}", "call"
)
def _an_api_that_takes_no_federated_token(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    call(sandbox, 401, "Request had invalid authentication credentials. Expected OAuth 2 access token")


@case("D2", "bucket-with-acls", "gcloud storage buckets update gs://photos --uniform-bucket-level-access", "call")
def _a_bucket_with_acls(sandbox: Sandbox) -> None:
    del sandbox.flags["service-account"]
    call(sandbox, 403, "Access denied.", path="/storage/v1/b/photos/o")


@case("D5", "wants-an-id-token", "gcloud run services add-iam-policy-binding SERVICE --role=roles/run.invoker", "call")
def _cloud_run(sandbox: Sandbox) -> None:
    call(sandbox, 401, "The access token could not be verified")


@case(
    "D6",
    "quota-project-missing",
    "gcloud projects add-iam-policy-binding PROJECT_ID --role=roles/serviceusage.serviceUsageConsumer",
    "call",
)
def _no_quota_project(sandbox: Sandbox) -> None:
    call(sandbox, 403, "Cloud Translation API has not been used in project 32555940559 before or it is disabled.")


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
    call(
        sandbox, 403, "Caller does not have required permission to use project payer. Grant serviceusage.services.use."
    )


@case("", "target-api-disabled", "gcloud services enable bigquery.googleapis.com --project=42", "call")
def _an_api_that_is_off(sandbox: Sandbox) -> None:
    text = "BigQuery API has not been used in project 42 before. Enable it by visiting https://x/apis/api/bigquery.googleapis.com/overview"
    call(sandbox, 403, text)


@case(
    "",
    "not-allowed",
    f"gcloud projects add-iam-policy-binding PROJECT_ID --role=ROLE --member=serviceAccount:{ACCOUNT}",
    "call",
)
def _a_call_that_is_not_allowed(sandbox: Sandbox) -> None:
    call(sandbox, 403, "Permission denied.")


@case("", "call-fails", "Check the URL.", "call")
def _a_call_to_nowhere(sandbox: Sandbox) -> None:
    sandbox.flags["call"] = f"{NOWHERE}/"
