"""Invalid arguments and configuration files, which are found before any network call."""

from __future__ import annotations

import re
import shlex

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Block, Failure, Raw, Remedy, always, do, never
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._settings import AUDIENCE_FORM

_STEP = ("configuration",)
_FORM = AUDIENCE_FORM.replace("PROJECT_NUMBER", "NUMBER")
_POOL = re.compile(r"projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+")
_ANY_POOL = "projects/NUMBER/locations/global/workloadIdentityPools/POOL"

_CREATE = (
    f"gcloud iam workload-identity-pools create-cred-config {_FORM.removeprefix('//iam.googleapis.com/')} "
    "--aws --enable-imdsv2 --service-account=EMAIL --output-file=config.json"
)
_LIST_ACCOUNTS = "gcloud iam service-accounts list --format='value(email)'"


def _audience(facts: Facts) -> str:
    return evidence(facts).given_audience or ""


def _describe_project(facts: Facts) -> Remedy:
    match = re.search(r"projects/([^/\s]+)/", _audience(facts))
    name = match[1] if match else "PROJECT_ID"
    return Remedy(
        ["Replace the project id with the project number."],
        gcloud=[f"gcloud projects describe {shlex.quote(name)} --format='value(projectNumber)'"],
        terraform=[
            Block("data", ["google_project", "this"], {"project_id": name}),
            Block("output", ["number"], {"value": Raw("data.google_project.this.number")}),
        ],
    )


def _list_providers(facts: Facts) -> Remedy:
    match = _POOL.search(_audience(facts))
    return Remedy(
        ["Add /providers/PROVIDER to the audience."],
        gcloud=[_commands.list_providers(match[0] if match else _ANY_POOL)],
        terraform=[_commands.AUDIENCE_OUTPUT],
    )


ENTRIES = (
    Failure(
        "no-identity-named",
        _STEP,
        never,
        "There is no configuration file, and no audience is set.",
        do(
            "Pass --config FILE or --audience NAME. If you have no such file, the command writes one.", gcloud=[_CREATE]
        ),
    ),
    Failure(
        "pool-for-provider",
        _STEP,
        never,
        "The audience is the name of a pool. It must be the name of a provider in that pool.",
        _list_providers,
    ),
    Failure(
        "project-id-for-number",
        _STEP,
        never,
        "The audience contains the project id. It must contain the project number.",
        _describe_project,
    ),
    Failure(
        "audience-malformed",
        _STEP,
        never,
        "The audience is not the full name of a provider.",
        do(
            f"Write the audience as {_FORM}.",
            gcloud=[
                (
                    "gcloud iam workload-identity-pools providers describe PROVIDER --location=global "
                    "--workload-identity-pool=POOL --format='value(name)'"
                )
            ],
            terraform=[_commands.AUDIENCE_OUTPUT],
        ),
    ),
    Failure(
        "not-a-service-account",
        _STEP,
        never,
        "The name of the service account is invalid.",
        do("Pass the e-mail address of a service account.", gcloud=[_LIST_ACCOUNTS]),
    ),
    Failure(
        "file-of-another-kind",
        _STEP,
        never,
        "The file is not a configuration file for a workload on AWS.",
        do("Create one, and name it with --config or GOOGLE_APPLICATION_CREDENTIALS.", gcloud=[_CREATE]),
    ),
    Failure(
        "foreign-endpoint",
        _STEP,
        never,
        "The file names an endpoint that is not Google's or AWS's. It would receive the AWS identity.",
        do(
            "Create the file again. For your own endpoint, use --token-url or --iam-credentials-endpoint.",
            gcloud=[_CREATE],
        ),
    ),
    Failure(
        "no-service-account",
        _STEP,
        never,
        "An ID token, a lifetime, delegates and a subject require a service account, and none is set.",
        do("Pass --service-account.", gcloud=[_LIST_ACCOUNTS]),
    ),
    Failure(
        "profile-with-session",
        _STEP,
        never,
        "Both a profile and a session are set.",
        do("Pass profile= or session=, but not both."),
    ),
    Failure(
        "asynchronous-session",
        _STEP,
        never,
        "The session is an aiobotocore session. Its credentials can only be awaited.",
        do("Pass a botocore or boto3 session, or none."),
    ),
    Failure(
        "configuration-wrong",
        _STEP,
        always,
        "An argument, a flag or the file is invalid.",
        do("Correct the value that the message names."),
    ),
)
