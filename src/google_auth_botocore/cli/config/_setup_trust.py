"""The trust policy of the AWS role: which service, or which principal, may assume it.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html and
https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html and
https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from google_auth_botocore.cli.config import _setup_partition as partitions

# The words for --trust, the service's name in its principal, and a description.
WORDS = {
    "ec2": ("ec2", "EC2 instances"),
    "ecs": ("ecs-tasks", "ECS tasks, also on Fargate or as AWS Batch jobs"),
    "lambda": ("lambda", "Lambda functions"),
    "eks": ("pods.eks", "EKS Pod Identity"),
}
# Services that never run a workload with the role, and what to do instead.
_NO_WORKLOADS = {
    "ecs": "An ECS task gets its role from ecs-tasks.amazonaws.com. Pass --trust ecs.",
    "eks": "A pod gets its role from pods.eks.amazonaws.com, or from the cluster's OIDC provider. Pass --trust eks, or the provider's ARN.",
    "eks-fargate-pods": "A pod on Fargate gets its role from the cluster's OIDC provider. Pass --trust with the provider's ARN.",
    "cognito-identity": "Cognito's trust policy names an identity pool. Create the role yourself, and pass --existing-role.",
    "sts": "AWS STS assumes no role itself. Pass --trust with the ARN of the principal that calls it.",
}
# Hosts of OIDC providers whose tokens are not for pods.
_NO_PODS = re.compile(
    r"(token\.actions\.githubusercontent\.com|(.+\.)?gitlab\.com|app\.terraform\.io|accounts\.google\.com|oidc\.circleci\.com"
    r"|agent\.buildkite\.com|api\.bitbucket\.org|(.+\.)?vercel\.com|cognito-idp\..+)(/.*)?"
)


class Trust(NamedTuple):
    """Who may assume the role.

    Attributes:
        principal: A word of `WORDS`, the principal of a service, an account id, or an ARN.
        account: Id of the AWS account with the role.
        partition: The partition of the account, or `account`.
        namespace: Kubernetes namespace of the pods.
        service_account: Kubernetes service account of the pods.
    """

    principal: str
    account: str
    partition: str
    namespace: str | None
    service_account: str | None

    @property
    def service(self) -> str | None:
        """The name of the AWS service, without a domain: `ecs-tasks`. None: the principal is not a service."""
        if self.principal.startswith("arn:") or self.principal.isdigit():
            return None
        if self.principal in WORDS:
            return WORDS[self.principal][0]
        return re.sub(r"\.amazonaws\.com(\.cn)?$", "", self.principal)

    @property
    def issuer(self) -> str | None:
        """The host and path of an OIDC provider. None: the principal is not one."""
        return self.principal.partition(":oidc-provider/")[2] or None

    def mistakes(self) -> Iterator[str]:
        """Yield a sentence for each value that does not fit the others."""
        pods = (self.namespace, self.service_account)
        if self.issuer is not None:
            if None in pods:
                yield (
                    "An OIDC provider vouches for every pod of its cluster. Pass --namespace and "
                    "--kubernetes-service-account, so that only the workload can assume the role."
                )
            if self.principal.split(":")[4] != self.account:
                yield f"The OIDC provider in --trust must be in the account of the role, {self.account}."
        elif pods.count(None) == 1:
            yield "--namespace and --kubernetes-service-account belong together. Pass both."
        elif None not in pods and self.service != "pods.eks":
            yield "--namespace and --kubernetes-service-account require --trust eks, or --trust with an OIDC provider."
        if self.service in _NO_WORKLOADS and self.principal not in WORDS:
            yield f"{self.principal} does not run workloads. {_NO_WORKLOADS[str(self.service)]}"
        if self.issuer is not None and _NO_PODS.fullmatch(self.issuer):
            yield f"The tokens of {self.issuer} are not for pods. Create the role yourself with conditions for them, and pass --existing-role."
        host = None if self.issuer is None else partitions.of_host(self.issuer.partition("/")[0])
        if host is not None and host != partitions.of_arn(self.principal):
            yield f"The OIDC provider {self.issuer} is in the partition {host}, and the ARN in --trust is not."
        found = partitions.of_principal(self.principal)
        if found is not None and self.partition not in (found, partitions.OF_ACCOUNT):
            yield f"The partition in --trust is {found}, and --partition is {self.partition}. They must be equal."

    def statement(self) -> dict[str, Any]:
        """Return the statement of the trust policy."""
        if self.issuer is not None:
            equal = {
                f"{self.issuer}:aud": "sts.amazonaws.com",
                f"{self.issuer}:sub": f"system:serviceaccount:{self.namespace}:{self.service_account}",
            }
            return _allow({"Federated": self.principal}, "sts:AssumeRoleWithWebIdentity", {"StringEquals": equal})
        if self.service is None:
            account = f"arn:{partitions.in_arns(self.partition)}:iam::{self.principal}:root"
            principal = account if self.principal.isdigit() else self.principal
            return _allow({"AWS": principal}, "sts:AssumeRole")
        principal = f"{self.service}.amazonaws.com" if self.principal in WORDS else self.principal
        if self.service == "ec2":  # the only one of these services with another principal in China
            principal = f"ec2.{partitions.dns_suffix(self.partition)}"
        return _allow({"Service": principal}, *self._terms())

    def _terms(self) -> tuple[str | list[str], dict[str, Any]]:
        """Return the actions and conditions that a service requires."""
        if self.service == "pods.eks":
            # The session's tags name the pod. Without sts:TagSession, EKS cannot assume the role.
            equal = {"aws:SourceAccount": self.account}
            if self.namespace is not None and self.service_account is not None:
                equal["aws:RequestTag/kubernetes-namespace"] = self.namespace
                equal["aws:RequestTag/kubernetes-service-account"] = self.service_account
            return ["sts:AssumeRole", "sts:TagSession"], {"StringEquals": equal}
        if self.service == "ecs-tasks":
            source = f"arn:{partitions.in_arns(self.partition)}:ecs:*:{self.account}:*"
            return "sts:AssumeRole", {
                "ArnLike": {"aws:SourceArn": source},
                "StringEquals": {"aws:SourceAccount": self.account},
            }
        if self.service == "rolesanywhere":
            # The session's tags and source identity are from the workload's certificate.
            anchors = f"arn:{partitions.in_arns(self.partition)}:rolesanywhere:*:{self.account}:trust-anchor/*"
            actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
            return actions, {"ArnLike": {"aws:SourceArn": anchors}}
        return "sts:AssumeRole", {}


def _allow(
    principal: dict[str, str], action: str | list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {**statement, "Condition": condition} if condition else statement
