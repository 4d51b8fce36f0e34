"""What is wrong with an instance's metadata, and with who takes keys from it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from google_auth_botocore._redaction import shown
from google_auth_botocore.cli._terraform_syntax import Raw
from google_auth_botocore.cli.doctor import _commands, _metadata
from google_auth_botocore.cli.doctor._cause import Cause, do
from google_auth_botocore.cli.doctor._seen import Seen

_KEYS = "AWS keys"
_IDENTITY = "aws sts get-caller-identity"

_OPTIONS = "aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled"


def _metadata_answer(seen: Seen, *statuses: int | None) -> Iterator[str]:
    """Evidence: there are no keys, and metadata, which should have some, answers like this."""
    if seen.reason != "NoCredentialsError" or _metadata.disabled():
        return
    # Nobody answers on a machine that is none of AWS's, either.
    expected = seen.in_container or _metadata.expected()
    if seen.metadata.status in statuses and (expected or seen.metadata.status is not None):
        yield seen.said
        yield f"Instance metadata at {shown(_metadata.endpoint())}: {seen.metadata.asked}: {seen.metadata.text}"


def _instance_role(seen: Seen) -> Iterator[str]:
    """In a container, the instance's role is somebody else's."""
    if seen.winner == "iam-role" and seen.in_container:
        yield f"{seen.in_container} says that this is a container, but its keys are from instance metadata: the node's."
        yield f"AWS says: {seen.arn}"
    elif seen.winner == "iam-role" and os.environ.get("AWS_ROLE_ARN"):
        yield f"AWS_ROLE_ARN is {shown(os.environ['AWS_ROLE_ARN'])}, but without AWS_WEB_IDENTITY_TOKEN_FILE nobody assumes it."
        yield f"AWS says: {seen.arn}"


def wrong_role(step: str, *, fatal: bool) -> Cause:
    """The row of the node's role: it shows when it is used, and later where it has no rights."""
    return Cause(
        "role-of-the-instance",
        step,
        "The keys are of the instance's role, not of the container's own.",
        lambda seen: _instance_role(seen) if not fatal or seen.error is not None else [],
        do(
            "Give the pod or the task its own role, and keep containers from the instance's metadata (hop limit 1).",
            aws=[
                "aws eks create-pod-identity-association --cluster-name CLUSTER --namespace NAMESPACE --service-account NAME --role-arn ROLE_ARN",
                "aws ecs register-task-definition --task-role-arn ROLE_ARN --cli-input-json file://task.json",
                _IDENTITY,
            ],
            terraform=[
                _commands.resource(
                    "aws_eks_pod_identity_association",
                    cluster_name="CLUSTER",
                    namespace="NAMESPACE",
                    service_account="NAME",
                    role_arn="ROLE_ARN",
                )
            ],
        ),
        fatal=fatal,
    )


_METADATA_OPTIONS = _commands.inner(
    "metadata_options", http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=2
)
_TERRAFORM_METADATA = [_commands.resource("aws_instance", _METADATA_OPTIONS)]


CAUSES: tuple[Cause, ...] = (
    Cause(
        "instance-has-no-role",
        _KEYS,
        "The instance has no role: its metadata has no keys to give.",
        lambda seen: _metadata_answer(seen, 404),
        do(
            aws=[
                "aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE",
                _IDENTITY,
            ],
            terraform=[
                _commands.resource("aws_instance", iam_instance_profile=Raw("aws_iam_instance_profile.this.name"))
            ],
        ),
    ),
    Cause(
        "metadata-refused",
        _KEYS,
        "Instance metadata refuses the request: it is switched off, or wants another version of it.",
        lambda seen: _metadata_answer(seen, 400, 401, 403, 405),
        do(aws=[f"{_OPTIONS} --http-tokens required"], terraform=_TERRAFORM_METADATA),
    ),
    Cause(
        "metadata-unreachable",
        _KEYS,
        "Instance metadata can't be reached: a container behind a hop limit of 1, Fargate, which has none, or a firewall.",
        lambda seen: _metadata_answer(seen, None),
        do(
            "On Fargate and EKS, give the task or pod a role of its own instead.",
            aws=[f"{_OPTIONS} --http-put-response-hop-limit 2"],
            terraform=_TERRAFORM_METADATA,
        ),
    ),
    wrong_role("AWS caller", fatal=False),
)
