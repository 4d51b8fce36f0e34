"""The names that `config setup` and `config teardown` accept, with the rules of AWS and Google for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google_auth_botocore._redaction import quoted

_NAME = "[a-z][a-z0-9-]{4,28}[a-z0-9]"
_AWS_CHARACTERS = "[A-Za-z0-9+=,.@_-]"
_ARN = "arn:aws(-us-gov|-cn)?"
_POOL = (
    r"(?!gcp-)[a-z0-9-]{4,32}",
    "4 to 32 lower-case letters, digits and hyphens that do not start with gcp-",
)
_KUBERNETES = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

FORMS = {
    "aws_account": ("[0-9]{12}", "an AWS account id of 12 digits"),
    "aws_role": (
        rf"/?(?=.{{1,577}}$)({_AWS_CHARACTERS}+/)*{_AWS_CHARACTERS}{{1,64}}",
        "the name of an AWS role, with its path if it has one (/team/my-role), and not an ARN",
    ),
    "project": (rf"([a-z0-9.-]+:)?{_NAME}", "the id of a Google Cloud project"),
    "project_number": ("[0-9]+", "the project number that `gcloud projects describe PROJECT_ID` prints"),
    "pool": _POOL,
    "provider": _POOL,
    "service_account": (
        _NAME,
        "the e-mail address of a service account in the project, or the 6 to 30 characters before the @",
    ),
    "bucket": (
        "[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
        "the name of a Cloud Storage bucket: 3 or more characters, without gs://",
    ),
    "grant": (
        r"((projects|organizations)/[a-z0-9.:-]+/)?roles/(?!(owner|editor|viewer|admin|writer|reader)$)[A-Za-z0-9_.]+",
        "a role such as roles/bigquery.dataViewer, but not a basic role such as owner, editor or viewer, which grants access to everything",
    ),
    "s3_bucket": (
        "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of an S3 bucket: 3 to 63 characters, without s3://",
    ),
    "trust": (
        (
            rf"ec2|ecs|lambda|eks|[a-z0-9.-]+\.amazonaws\.com(\.cn)?|[0-9]{{12}}|{_ARN}:iam::[0-9]{{12}}:"
            rf"(root|(role|user)/({_AWS_CHARACTERS}+/)*{_AWS_CHARACTERS}{{1,64}}|oidc-provider/[A-Za-z0-9._/-]+)"
            rf"|{_ARN}:sts::[0-9]{{12}}:(assumed-role/{_AWS_CHARACTERS}+|federated-user)/{_AWS_CHARACTERS}{{1,64}}"
        ),
        (
            "ec2, ecs, lambda, eks, another AWS service such as glue.amazonaws.com, the ARN of an OIDC provider, an AWS account "
            "id, or the ARN of a principal that may assume the role; if the role needs another trust policy, create the role "
            "yourself and pass --existing-role"
        ),
    ),
    "namespace": (_KUBERNETES, "the name of a Kubernetes namespace"),
    "kubernetes_service_account": (
        rf"{_KUBERNETES}(\.{_KUBERNETES})*",
        "the name of a Kubernetes service account",
    ),
    "aws_region": ("[a-z]{2,4}(-[a-z]+)+-[0-9]", "an AWS region such as eu-central-1"),
    # The keys of AWS's tags may contain more, but an attribute is named after the tag.
    "tag": (
        r"[A-Za-z][A-Za-z0-9_-]{0,99}",
        "the key of a tag: up to 100 letters, digits, hyphens and underscores that start with a letter",
    ),
}


def mistakes(values: dict[str, str | tuple[str, ...] | None]) -> Iterator[str]:
    """Yield a sentence for each value that is invalid."""
    for name, (form, rule) in FORMS.items():
        for value in _each(values[name]):
            if not re.fullmatch(form, value):
                yield f"Invalid --{name.replace('_', '-')} {quoted(value)}: must be {rule}."


def account_domain(project: str) -> str:
    """Return the domain in the e-mail addresses of a project's service accounts."""
    domain = ".".join(reversed(project.split(":")))  # a domain-scoped project is example.com:my-project
    return f"{domain}.iam.gserviceaccount.com"


def _each(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value
