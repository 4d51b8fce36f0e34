"""What is wrong with flags and files before anybody is asked."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from google_auth_botocore.cli._terraform_syntax import Block, Raw
from google_auth_botocore.cli.doctor import _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, said
from google_auth_botocore.cli.doctor._seen import Seen

_STEP = "configuration"
_FORM = "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"

_CREATE = (
    f"gcloud iam workload-identity-pools create-cred-config {_FORM.removeprefix('//iam.googleapis.com/')} "
    "--aws --enable-imdsv2 --service-account=EMAIL --output-file=config.json"
)


def _describe_project(seen: Seen) -> Mend:
    match = re.search(r"has the project id '([^']+)'", seen.said)
    name = match[1] if match else "PROJECT_ID"
    return Mend(
        ["Put the number in the place of the id."],
        gcloud=[f"gcloud projects describe {shlex.quote(name)} --format='value(projectNumber)'"],
        terraform=[
            Block("data", ["google_project", "this"], {"project_id": name}),
            Block("output", ["number"], {"value": Raw("data.google_project.this.number")}),
        ],
    )


def _list_providers(seen: Seen) -> Mend:
    match = re.search(r"projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+", seen.said)
    pool = match[0] if match else "projects/NUMBER/locations/global/workloadIdentityPools/POOL"
    return Mend(
        ["Add /providers/PROVIDER to the audience."],
        gcloud=[
            f"gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool={pool}",
        ],
        terraform=[_commands.AUDIENCE],
    )


def _with_https(seen: Seen) -> Iterator[str]:
    given = seen.options.audience
    path = seen.options.config or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if given is None and path:
        given = str(json.loads(Path(path).read_text(encoding="utf-8-sig")).get("audience"))
    if str(given).startswith("https:"):
        yield f"The audience is {given}; https: is taken off here, but other libraries send it."


CAUSES: tuple[Cause, ...] = (
    Cause(
        "no-identity-named",
        _STEP,
        "Nothing says which identity to look at.",
        said("No identity is named"),
        do(
            "Give --config FILE or --audience NAME.",
            gcloud=[_CREATE],
        ),
    ),
    Cause(
        "pool-for-provider",
        _STEP,
        "The audience is the name of a pool, where a provider in it belongs.",
        said("is a pool, not a provider"),
        _list_providers,
    ),
    Cause(
        "project-id-for-number",
        _STEP,
        "The audience has the project's id, where its number belongs.",
        said("where the project number belongs"),
        _describe_project,
    ),
    Cause(
        "audience-malformed",
        _STEP,
        "The audience is not the full name of a provider.",
        said("names no workload identity pool provider"),
        do(
            f"It looks like this: {_FORM}",
            gcloud=[
                (
                    "gcloud iam workload-identity-pools providers describe PROVIDER --location=global "
                    "--workload-identity-pool=POOL --format='value(name)'"
                )
            ],
            terraform=[_commands.AUDIENCE],
        ),
    ),
    Cause(
        "not-a-service-account",
        _STEP,
        "The service account's name can't be one.",
        said("neither a service account's e-mail"),
        do(gcloud=["gcloud iam service-accounts list --format='value(email)'"]),
    ),
    Cause(
        "file-of-another-kind",
        _STEP,
        "The file is not one for a workload on AWS.",
        lambda seen: [seen.said] if re.search("has the (type|environment_id) ", seen.said) else [],
        do("Write one that is, and name it by --config or GOOGLE_APPLICATION_CREDENTIALS.", gcloud=[_CREATE]),
    ),
    Cause(
        "foreign-endpoint",
        _STEP,
        "The file names an endpoint that is not the cloud's own, and would get the identity.",
        lambda seen: (
            [seen.said] if "is not an endpoint of Google's" in seen.said or "AWS STS endpoint" in seen.said else []
        ),
        do(
            "Write the file anew; give an endpoint of your own by --token-url or --iam-credentials-endpoint.",
            gcloud=[_CREATE],
        ),
    ),
    Cause(
        "no-service-account",
        _STEP,
        "An ID token, a lifetime, delegates and a subject need a service account, and none is given.",
        said("set service_account_email"),
        do("Give --service-account.", gcloud=["gcloud iam service-accounts list --format='value(email)'"]),
    ),
    Cause(
        "configuration-wrong",
        _STEP,
        "A flag or the file can't be right.",
        lambda seen: [seen.said] if seen.said else [],
        do("Mend what the message names."),
    ),
    Cause(
        "https-in-audience",
        _STEP,
        "The audience begins with https:.",
        _with_https,
        do("Write it from //iam.googleapis.com/ on."),
        fatal=False,
    ),
)
