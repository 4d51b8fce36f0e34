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
        "endpoint-invalid",
        _STEP,
        never,
        "An endpoint or the universe domain is not in the form that the argument requires.",
        do(
            "Leave the argument out to use Google's own endpoint. For another one, pass an https URL, or an http URL on loopback. "
            "The universe domain is a host name without a scheme."
        ),
    ),
    Failure(
        "configuration-file-missing",
        _STEP,
        never,
        "There is no file at the path of the configuration.",
        do(
            "Correct the path in the code, in --config or in GOOGLE_APPLICATION_CREDENTIALS.",
            "Write the whole path: only a shell replaces ~ and variables such as $HOME.",
            gcloud=[_CREATE],
        ),
    ),
    Failure(
        "configuration-file-unreadable",
        _STEP,
        never,
        "The configuration cannot be read: its path is not that of a file, or its content is not a JSON object.",
        do(
            "Pass the path of a JSON file that the process may read, in UTF-8.",
            "The mapping of a configuration is for Credentials.from_info().",
            gcloud=[_CREATE],
        ),
    ),
    Failure(
        "output-not-writable",
        _STEP,
        never,
        "The command cannot write its output file.",
        do("Pass another path to --output. To replace a file that exists, add --force."),
    ),
    Failure(
        "port-unavailable",
        _STEP,
        never,
        "The command cannot listen on the port.",
        do("Pass another --port, or --port 0 for any free port."),
    ),
    Failure(
        "argument-of-wrong-type",
        _STEP,
        never,
        "An argument is empty, or has another type or form than the one it requires.",
        do(
            "Pass a value of the type that the message names.",
            "Text must not be empty: an environment variable that is not set is None in Python.",
        ),
    ),
    Failure(
        "list-expected",
        _STEP,
        never,
        "An argument must be a list of strings, with one name in each.",
        do("Pass a list, such as scopes=['https://www.googleapis.com/auth/devstorage.read_only']."),
    ),
    Failure(
        "lifetime-invalid",
        _STEP,
        never,
        "The lifetime is not a whole number of seconds, or is longer than Google allows.",
        do(
            "Pass a number without quotes, such as lifetime=3600 for an hour.",
            "Without an exception in the organization's policy, 3600 is the maximum. With it, 43200 is.",
        ),
    ),
    Failure(
        "session-wrong",
        _STEP,
        never,
        "The session is not a botocore or boto3 session, but for example a client, a resource, keys or a class.",
        do("Pass the session itself, such as session=boto3.Session(). For a profile, pass profile='NAME' instead."),
    ),
    Failure(
        "role-arn-malformed",
        _STEP,
        never,
        "The role to assume is not the ARN of a role.",
        do(
            "Pass an ARN of the form arn:aws:iam::123456789012:role/NAME.",
            aws=["aws iam list-roles --query 'Roles[].Arn'"],
        ),
    ),
    Failure(
        "region-malformed",
        _STEP,
        never,
        "The region does not have the form of an AWS region.",
        do(
            "Pass a region such as eu-central-1, or leave it out to use the AWS settings.",
            aws=["aws ec2 describe-regions --query 'Regions[].RegionName' --region us-east-1"],
        ),
    ),
    Failure(
        "jwt-required",
        _STEP,
        never,
        "Tags and a subject mode are claims of AWS's JWT, and the proof is a signed request.",
        do("Set subject_token_type to urn:ietf:params:oauth:token-type:jwt, or leave tags and subject_mode out."),
    ),
    Failure(
        "pickle-unreadable",
        _STEP,
        never,
        "Another version of this package wrote the pickle.",
        do("Install the same version of google-auth-botocore on both sides."),
    ),
    Failure(
        "google-auth-not-supported",
        _STEP,
        never,
        "install() does not support the installed version of google-auth.",
        do("Install another version of google-auth or of google-auth-botocore, or pass Credentials to the library."),
    ),
    Failure(
        "extra-missing",
        _STEP,
        never,
        "A library that an extra of this package installs is missing or too old.",
        do(
            "Install the package with the extra that the message names.",
            local=["pip install 'google-auth-botocore[EXTRA]'"],
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
