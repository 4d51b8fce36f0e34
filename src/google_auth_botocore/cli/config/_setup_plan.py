"""The plan of `config setup`: the names of all resources, validated, and the policies derived from them.

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
    "aws_account": (r"\d{12}", "an AWS account id of 12 digits"),
    "aws_role": (r"[A-Za-z0-9+=,.@_-]{1,64}", "the name of an AWS role, without path and not an ARN"),
    "project": (rf"([a-z0-9.-]+:)?{_NAME}", "the id of a Google Cloud project"),
    "project_number": (r"\d+", "the project number that `gcloud projects describe PROJECT_ID` prints"),
    "pool": (
        r"(?!gcp-)[a-z0-9-]{4,32}",
        "4 to 32 lower-case letters, digits and hyphens that do not start with gcp-",
    ),
    "provider": (
        r"(?!gcp-)[a-z0-9-]{4,32}",
        "4 to 32 lower-case letters, digits and hyphens that do not start with gcp-",
    ),
    "service_account": (
        _NAME,
        "the e-mail address of a service account in the project, or the 6 to 30 characters before the @",
    ),
    "bucket": (
        r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
        "the name of a Cloud Storage bucket: 3 or more characters, without gs://",
    ),
    "grant": (
        r"((projects|organizations)/[a-z0-9.:-]+/)?roles/(?!(owner|editor|viewer)$)[A-Za-z0-9_.]+",
        "a role such as roles/bigquery.dataViewer, but not owner, editor or viewer, which grant access to everything",
    ),
    "s3_bucket": (
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of an S3 bucket: 3 to 63 characters, without s3://",
    ),
    "trust": (
        r"[a-z0-9.-]+\.amazonaws\.com|arn:aws:(iam|sts)::\d{12}:[A-Za-z0-9+=,.@_/-]+",
        "an AWS service such as ecs-tasks.amazonaws.com, or the ARN of a principal that may assume the role",
    ),
}
# Google accepts 127 bytes in google.subject.
_SUBJECT_LIMIT = 127
# AWS accepts 64 characters in the name of a role session.
_SESSION_LIMIT = 64


def account_domain(project: str) -> str:
    """Return the domain in the e-mail addresses of a project's service accounts."""
    domain = ".".join(reversed(project.split(":")))  # a domain-scoped project is example.com:my-project
    return f"{domain}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Plan:
    """The names of the resources of one workload in both clouds.

    Attributes:
        aws_account: Id of the AWS account with the role.
        aws_role: Name of the role.
        project: Id of the project with the pool and the service account.
        project_number: Number of that project.
        pool: Id of the workload identity pool.
        provider: Id of the provider in it.
        service_account: Id of the service account, or None for direct resource access.
        bucket: Cloud Storage buckets that the workload reads.
        grant: Roles to grant on the project.
        s3_bucket: S3 buckets that the workload writes to.
        trust: The AWS service, or the ARN of the principal, that may assume the AWS role.
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
        """Check each name against the rules of AWS or Google.

        Raises:
            ConfigurationError: Some values are invalid. The message lists them all.
        """
        values = ((name, value) for name in _FORMS for value in _each(getattr(self, name)))
        mistakes = [
            f"Invalid --{name.replace('_', '-')} {quoted(value)}: must be {_FORMS[name][1]}."
            for name, value in values
            if not re.fullmatch(_FORMS[name][0], value)
        ]
        if mistakes:
            raise ConfigurationError("\n".join(mistakes))

    @property
    def apis(self) -> list[str]:
        """The APIs to enable."""
        names = ["iam", "sts"]
        if self.service_account is not None:
            names.append("iamcredentials")
        if self.grant:
            names.append("cloudresourcemanager")
        return [f"{name}.googleapis.com" for name in names]

    @property
    def email(self) -> str | None:
        """The e-mail address of the service account, if there is one."""
        if self.service_account is None:
            return None
        return f"{self.service_account}@{account_domain(self.project)}"

    @property
    def pool_name(self) -> str:
        """The resource name of the pool."""
        return f"projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    @property
    def provider_name(self) -> str:
        """The resource name of the provider."""
        return f"{self.pool_name}/providers/{self.provider}"

    @property
    def assumed_role(self) -> str:
        """The ARN that AWS STS reports to Google, without the session name. It never contains the role's path."""
        return f"arn:aws:sts::{self.aws_account}:assumed-role/{self.aws_role}"

    @property
    def mapping(self) -> dict[str, str]:
        """The attribute mapping: Google's default, but with a shorter subject if the default could exceed the limit."""
        subject = "assertion.arn"
        if len(self.assumed_role) + 1 + _SESSION_LIMIT > _SUBJECT_LIMIT:
            subject = _names.SHORT_SUBJECT
        return {"google.subject": subject, "attribute.aws_role": _names.AWS_ROLE}

    @property
    def condition(self) -> str:
        """The attribute condition: accept only this role of the account."""
        return f"attribute.aws_role == '{self.assumed_role}'"

    @property
    def principal_set(self) -> str:
        """The IAM member for all sessions of the role."""
        return f"principalSet://iam.googleapis.com/{self.pool_name}/attribute.aws_role/{self.assumed_role}"

    @property
    def member(self) -> str:
        """The IAM member to grant access to."""
        return self.principal_set if self.email is None else f"serviceAccount:{self.email}"

    @property
    def trust_policy(self) -> dict[str, Any]:
        """The trust policy of the AWS role."""
        principal = {"AWS": self.trust} if self.trust.startswith("arn:") else {"Service": self.trust}
        return _policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})

    @property
    def role_policy(self) -> dict[str, Any] | None:
        """The permissions policy of the AWS role. None if it needs none: federation itself needs no AWS permission."""
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
        """The credentials that the workload will use."""
        return Credentials(self.provider_name, self.email)


def _each(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
