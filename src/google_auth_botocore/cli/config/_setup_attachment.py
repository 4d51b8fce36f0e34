"""How a workload gets the AWS role. `config setup` prints these commands as comments, because it does not know the workload.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html and
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google_auth_botocore.cli.config import _setup_partition as partitions
from google_auth_botocore.cli.config._setup_plan import Plan


class Attachment(NamedTuple):
    """How a workload gets the role.

    Attributes:
        explanation: One sentence.
        commands: Commands for the reader, who replaces the names.
        names: Words of the commands that only the reader knows.
    """

    explanation: str
    commands: Sequence[Sequence[str]] = ()
    names: Sequence[str] = ()


def attachment(plan: Plan) -> Attachment | None:
    """Return how a workload gets the role. None: the role exists, or its workload is not a program of one of these services."""
    trust = plan.trust_of_role
    if trust is None:
        return None
    if trust.issuer is not None:
        words = ["kubectl", "annotate", "serviceaccount", f"--namespace={trust.namespace}", str(trust.service_account)]
        return Attachment(
            "A pod gets the role from the annotation of its service account, when it starts.",
            [[*words, f"eks.amazonaws.com/role-arn={_arn(plan)}"]],
            _partition(plan),
        )
    if trust.service == "ecs-tasks":
        return Attachment("A task gets the role from its task definition: taskRoleArn is the role's ARN.")
    found = {"ec2": _of_instance, "lambda": _of_function, "pods.eks": _of_pod}.get(str(trust.service))
    return None if found is None else found(plan)


def _of_instance(plan: Plan) -> Attachment:
    profile = f"--instance-profile-name={plan.role_name}"
    return Attachment(
        "An instance gets the role through an instance profile.",
        [
            ["aws", "iam", "create-instance-profile", profile],
            ["aws", "iam", "add-role-to-instance-profile", profile, f"--role-name={plan.role_name}"],
            [
                *("aws", "ec2", "associate-iam-instance-profile", "--instance-id=INSTANCE_ID"),
                f"--iam-instance-profile=Name={plan.role_name}",
            ],
        ],
        ["INSTANCE_ID"],
    )


def _of_function(plan: Plan) -> Attachment:
    update = ["aws", "lambda", "update-function-configuration", "--function-name=FUNCTION", f"--role={_arn(plan)}"]
    return Attachment("A function gets the role as its execution role.", [update], ["FUNCTION", *_partition(plan)])


def _of_pod(plan: Plan) -> Attachment:
    pod = [] if plan.namespace else ["NAMESPACE", "SERVICE_ACCOUNT"]
    return Attachment(
        "A pod gets the role through an association of its service account with the role.",
        [
            [
                *("aws", "eks", "create-pod-identity-association", "--cluster-name=CLUSTER"),
                f"--namespace={plan.namespace or 'NAMESPACE'}",
                f"--service-account={plan.kubernetes_service_account or 'SERVICE_ACCOUNT'}",
                f"--role-arn={_arn(plan)}",
            ]
        ],
        ["CLUSTER", *pod, *_partition(plan)],
    )


def _arn(plan: Plan) -> str:
    # Not the printers' placeholder: the variable of a script does not exist where the reader pastes the command.
    partition = "PARTITION" if _partition(plan) else plan.partition
    return f"arn:{partition}:iam::{plan.aws_account}:role{plan.role_path or '/'}{plan.role_name}"


def _partition(plan: Plan) -> list[str]:
    """Return the name for the partition, if only the account knows it."""
    return ["PARTITION"] if plan.partition == partitions.OF_ACCOUNT else []
