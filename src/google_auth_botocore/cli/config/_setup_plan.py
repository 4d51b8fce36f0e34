"""The plan of `config setup`: the names of all resources, validated, and the policies derived from them.

https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google_auth_botocore import ConfigurationError
from google_auth_botocore.cli.config import _setup_partition as partitions
from google_auth_botocore.cli.config import _setup_roles
from google_auth_botocore.cli.config._setup_identity import Jwt, SignedRequest, attribute
from google_auth_botocore.cli.config._setup_names import account_domain, mistakes
from google_auth_botocore.cli.config._setup_trust import Trust

# IAM Identity Center and AWS services create and change these roles.
_MANAGED = re.compile("AWSReservedSSO_.+|AWSServiceRoleFor.+")


@dataclass(frozen=True)
class Plan:
    """The names of the resources of one workload in both clouds.

    Attributes:
        aws_account: Id of the AWS account with the role.
        aws_role: Name of the role, with its path if it has one.
        partition: The AWS partition of the account, or `account`: the one of the account that runs the commands.
        aws_region: Region for Terraform's AWS provider. None: Terraform prompts for it.
        existing_role: Whether the role exists, and is left alone.
        trust: Who may assume the AWS role: a word, a service or an ARN. None: the role exists.
        namespace: Kubernetes namespace of the pods that may assume the role.
        kubernetes_service_account: Kubernetes service account of these pods.
        project: Id of the project with the pool and the service account.
        project_number: Number of that project.
        pool: Id of the workload identity pool.
        provider: Id of the provider in it.
        jwt: Whether the proof is a JWT from AWS, and not a signed request.
        tag: Keys of the tags in the JWT to map to attributes.
        service_account: Id of the service account, or None for direct resource access.
        bucket: Cloud Storage buckets that the workload reads.
        grant: Roles to grant: on the service account if they concern one, and on the project otherwise.
        s3_bucket: S3 buckets that the workload writes to.
    """

    aws_account: str
    aws_role: str
    partition: str
    aws_region: str | None
    existing_role: bool
    trust: str | None
    namespace: str | None
    kubernetes_service_account: str | None
    project: str
    project_number: str
    pool: str
    provider: str
    jwt: bool
    tag: tuple[str, ...]
    service_account: str | None
    bucket: tuple[str, ...]
    grant: tuple[str, ...]
    s3_bucket: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check each name against the rules of AWS or Google, and the names against each other.

        Raises:
            ConfigurationError: Some values are invalid. The message lists them all.
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        found = [*mistakes(values)] or [*self._conflicts()]
        if found:
            raise ConfigurationError("\n".join(found))

    def _conflicts(self) -> Iterator[str]:
        """Yield a sentence for each value that does not fit the others."""
        yield from self._conflicts_of_role()
        yield from self._conflicts_of_grants()
        named = None if self.aws_region is None else partitions.of_region(self.aws_region)
        if named is not None and self.partition not in (named, partitions.OF_ACCOUNT):
            yield f"The region {self.aws_region} is in the partition {named}, and the other flags name {self.partition}. They must be equal."
        if self.tag and not self.jwt:
            yield "--tag requires --proof jwt. A signed request has no tags."
        names = [attribute(tag) for tag in self.tag]
        if "aws_role" in names or len(set(names)) < len(names):
            yield f"The tags {', '.join(self.tag)} need different attributes, and none may be aws_role. The names are lower-case."

    def _conflicts_of_role(self) -> Iterator[str]:
        if self.trust_of_role is not None:
            yield from self.trust_of_role.mistakes()
            name = re.escape(self.role_name)
            of_role = (
                f"arn:[^:]+:(iam::{self.aws_account}:role/(.+/)?{name}|sts::{self.aws_account}:assumed-role/{name}/.+)"
            )
            if re.fullmatch(of_role, self.trust or ""):
                yield "--trust names the role itself, which does not exist yet when AWS checks the policy. Pass another principal."
            return
        for flag in ("trust", "s3_bucket", "namespace", "kubernetes_service_account"):
            if getattr(self, flag):
                yield f"--{flag.replace('_', '-')} would change the role {self.role_name}, which exists and is left alone. Omit the flag."

    def _conflicts_of_grants(self) -> Iterator[str]:
        if self.service_account is None:
            for role in self.account_grants:
                yield f"{role} is granted on a service account, and --direct uses none. Pass --service-account, or omit the role."
        for role in self.project_grants:
            owner = re.fullmatch("projects/(.+)/roles/.+", role)
            if owner and owner[1] not in (self.project, self.project_number):
                yield f"{role} is a role of another project. A project's custom roles can be granted on that project only."

    @property
    def leaves_role(self) -> bool:
        """Whether the role exists and must not be changed."""
        return self.existing_role or _MANAGED.fullmatch(self.role_name) is not None

    @property
    def role_name(self) -> str:
        """The name of the role, without its path."""
        return self.aws_role.rpartition("/")[2]

    @property
    def role_path(self) -> str | None:
        """The path of the role, between slashes, if it has one."""
        path = self.aws_role.rpartition("/")[0].strip("/")
        return f"/{path}/" if path else None

    @property
    def apis(self) -> list[str]:
        """The APIs to enable."""
        names = ["iam", "sts"]
        if self.service_account is not None:
            names.append("iamcredentials")
        if self.project_grants:
            names.append("cloudresourcemanager")
        return [f"{name}.googleapis.com" for name in names]

    @property
    def account_grants(self) -> list[str]:
        """The roles to grant on the service account."""
        return [role for role in self.grant if _setup_roles.on_account(role)]

    @property
    def project_grants(self) -> list[str]:
        """The roles to grant on the project."""
        return [role for role in self.grant if not _setup_roles.on_account(role)]

    @property
    def warnings(self) -> list[str]:
        """A sentence for each dangerous grant."""
        dangers = ((role, _setup_roles.danger(role)) for role in self.grant)
        return [f"{role} {danger}." for role, danger in dangers if danger is not None]

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
    def identity(self) -> SignedRequest | Jwt:
        """How Google sees the role."""
        if self.jwt:
            return Jwt(self.aws_account, self.partition, self.aws_role, self.tag)
        return SignedRequest(self.aws_account, self.partition, self.role_name)

    @property
    def condition(self) -> str:
        """The attribute condition: accept only this role of the account."""
        return f"attribute.aws_role == '{self.identity.role}'"

    @property
    def principal_set(self) -> str:
        """The IAM member for all sessions of the role."""
        return f"principalSet://iam.googleapis.com/{self.pool_name}/attribute.aws_role/{self.identity.role}"

    @property
    def member(self) -> str:
        """The IAM member to grant access to."""
        return self.principal_set if self.email is None else f"serviceAccount:{self.email}"

    @property
    def trust_of_role(self) -> Trust | None:
        """Who may assume the role. None: the role exists, and its trust policy is left alone."""
        if self.leaves_role:
            return None
        trust = self.trust or "ec2"
        return Trust(trust, self.aws_account, self.partition, self.namespace, self.kubernetes_service_account)

    @property
    def trust_policy(self) -> dict[str, Any] | None:
        """The trust policy of the AWS role. None: it is left alone."""
        return None if self.trust_of_role is None else _policy(self.trust_of_role.statement())

    @property
    def role_policies(self) -> dict[str, dict[str, Any]]:
        """The permissions policies of the AWS role by name. A signed request needs no AWS permission."""
        if self.trust_of_role is None:
            return {}
        policies: dict[str, dict[str, Any]] = {}
        if self.s3_bucket:
            policies["write-to-s3"] = self._s3_policy()
        if self.trust_of_role.service == "lambda":
            policies["write-log"] = self._log_policy()
        if self.jwt:
            policies["get-google-jwt"] = self._jwt_policy()
        return policies

    def _s3_policy(self) -> dict[str, Any]:
        arns = [f"arn:{partitions.in_arns(self.partition)}:s3:::{name}" for name in self.s3_bucket]
        return _policy(
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": arns},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{arn}/*" for arn in arns],
            },
        )

    def _log_policy(self) -> dict[str, Any]:
        logs = f"arn:{partitions.in_arns(self.partition)}:logs:*:{self.aws_account}"
        return _policy(
            {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": f"{logs}:*"},
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{logs}:log-group:/aws/lambda/*",
            },
        )

    def _jwt_policy(self) -> dict[str, Any]:
        """The permission to get JWTs for the provider only."""
        audience = f"https://iam.googleapis.com/{self.provider_name}"
        # A request can name several audiences. Each must be the provider.
        for_provider = {
            "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": audience},
            "Null": {"sts:IdentityTokenAudience": "false"},
        }
        actions = ["sts:GetWebIdentityToken", *(["sts:TagGetWebIdentityToken"] if self.tag else [])]
        return _policy({"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": for_provider})


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
