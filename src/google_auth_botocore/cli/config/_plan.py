"""What `config setup` sets up: names and numbers, checked, and what follows from them.

https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._failures import _names
from google_auth_botocore._redaction import quoted

_NAME = "[a-z][a-z0-9-]{4,28}[a-z0-9]"
_FORMS = {
    "aws_account": (r"\d{12}", "an AWS account id, of 12 digits"),
    "aws_role": (r"[A-Za-z0-9+=,.@_-]{1,64}", "the name of an AWS role, without its path and its ARN"),
    "project": (rf"([a-z0-9.-]+:)?{_NAME}", "the id of a Google Cloud project"),
    "project_number": (r"\d+", "the number of the project: gcloud projects describe PROJECT_ID"),
    "pool": (
        r"(?!gcp-)[a-z0-9-]{4,32}",
        "4 to 32 lower-case letters, digits and hyphens, and must not start with gcp-",
    ),
    "provider": (
        r"(?!gcp-)[a-z0-9-]{4,32}",
        "4 to 32 lower-case letters, digits and hyphens, and must not start with gcp-",
    ),
    "service_account": (
        _NAME,
        "a service account of the project, by its e-mail address or the part before the @, of 6 to 30 characters",
    ),
    "bucket": (
        r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
        "the name of a Cloud Storage bucket, of 3 characters or more and without gs://",
    ),
    "grant": (
        r"((projects|organizations)/[a-z0-9.:-]+/)?roles/(?!(owner|editor|viewer)$)[A-Za-z0-9_.]+",
        "a role such as roles/bigquery.dataViewer, and none of owner, editor and viewer, which open everything",
    ),
    "s3_bucket": (
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of an S3 bucket, of 3 to 63 characters and without s3://",
    ),
    "trust": (
        r"[a-z0-9.-]+\.amazonaws\.com|arn:aws:(iam|sts)::\d{12}:[A-Za-z0-9+=,.@_/-]+",
        "an AWS service such as ecs-tasks.amazonaws.com, or the ARN of who may assume the role",
    ),
}
_SUBJECT_LIMIT = 127  # bytes, of google.subject
_SESSION_LIMIT = 64


def account_domain(project: str) -> str:
    """What stands after the @ in the addresses of a project's service accounts."""
    domain = ".".join(reversed(project.split(":")))  # of a project in a domain: example.com:my-project
    return f"{domain}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Plan:
    """Both clouds' names for one workload.

    Attributes:
        aws_account: The account that has the role.
        aws_role: Name of the role.
        project: Id of the project that has the pool and the service account.
        project_number: Its number.
        pool: Id of the workload identity pool.
        provider: Id of the provider in it.
        service_account: Id of the service account; None: direct resource access.
        bucket: Cloud Storage buckets that are read.
        grant: Roles on the project.
        s3_bucket: S3 buckets that are written.
        trust: Who may assume the AWS role: a service of AWS, or an ARN.
    """

    aws_account: str
    aws_role: str
    project: str
    project_number: str
    pool: str
    provider: str
    service_account: str | None
    bucket: tuple[str, ...]
    grant: tuple[str, ...]
    s3_bucket: tuple[str, ...]
    trust: str

    def __post_init__(self) -> None:
        """Checks each name by its owner's rules.

        Raises:
            ConfigurationError: Names every one that can't be right.
        """
        given = ((name, value) for name in _FORMS for value in _each(getattr(self, name)))
        wrong = [
            f"--{name.replace('_', '-')} must be {_FORMS[name][1]}, not {quoted(value)}."
            for name, value in given
            if not re.fullmatch(_FORMS[name][0], value)
        ]
        if wrong:
            raise ConfigurationError(" ".join(wrong))

    @property
    def apis(self) -> list[str]:
        """What has to be enabled."""
        names = ["iam", "sts"]
        if self.service_account is not None:
            names.append("iamcredentials")
        if self.grant:
            names.append("cloudresourcemanager")
        return [f"{name}.googleapis.com" for name in names]

    @property
    def email(self) -> str | None:
        """The service account's address."""
        if self.service_account is None:
            return None
        return f"{self.service_account}@{account_domain(self.project)}"

    @property
    def pool_name(self) -> str:
        """The pool's resource name."""
        return f"projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    @property
    def provider_name(self) -> str:
        """The provider's resource name."""
        return f"{self.pool_name}/providers/{self.provider}"

    @property
    def assumed_role(self) -> str:
        """The role as AWS STS names it, which is how Google sees it: without path and session."""
        return f"arn:aws:sts::{self.aws_account}:assumed-role/{self.aws_role}"

    @property
    def mapping(self) -> dict[str, str]:
        """Google's attributes by AWS's: its own default mapping, but for a subject that might be too long for it."""
        subject = "assertion.arn"
        if len(self.assumed_role) + 1 + _SESSION_LIMIT > _SUBJECT_LIMIT:
            subject = _names.SHORT_SUBJECT
        return {"google.subject": subject, "attribute.aws_role": _names.AWS_ROLE}

    @property
    def condition(self) -> str:
        """Lets the role in, and nobody else of the account."""
        return f"attribute.aws_role == '{self.assumed_role}'"

    @property
    def principal_set(self) -> str:
        """Every session of the role, as a member in IAM."""
        return f"principalSet://iam.googleapis.com/{self.pool_name}/attribute.aws_role/{self.assumed_role}"

    @property
    def member(self) -> str:
        """Who is granted access to what the workload uses."""
        return self.principal_set if self.email is None else f"serviceAccount:{self.email}"

    @property
    def trust_policy(self) -> dict[str, Any]:
        """Who may assume the AWS role."""
        who = {"AWS": self.trust} if self.trust.startswith("arn:") else {"Service": self.trust}
        return _policy({"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"})

    @property
    def role_policy(self) -> dict[str, Any] | None:
        """What the AWS role may do; None: nothing, which is enough for Google."""
        if not self.s3_bucket:
            return None
        arns = [f"arn:aws:s3:::{name}" for name in self.s3_bucket]
        return _policy(
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": arns},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{arn}/*" for arn in arns],
            },
        )

    @property
    def credentials(self) -> Credentials:
        """The credentials of the workload that all this is for."""
        return Credentials(self.provider_name, self.email)


def _each(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else given


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
