"""Why there are no AWS keys, or none that can sign."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from google_auth_botocore.cli._terraform_syntax import Block, Raw
from google_auth_botocore.cli.doctor import _aws, _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, reason, said
from google_auth_botocore.cli.doctor._seen import Seen

_KEYS = "AWS keys"
_IDENTITY = "aws sts get-caller-identity"
_POLICY = (
    """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*"}]}"""
)
_TASK_DEFINITION = _commands.resource("aws_ecs_task_definition", task_role_arn=Raw("aws_iam_role.this.arn"))
_TRUST = _commands.inner(
    "statement",
    _commands.inner("principals", type="AWS", identifiers=["CALLER_ARN"]),
    actions=["sts:AssumeRole"],
)


def _without_session_token(seen: Seen) -> Iterator[str]:
    if seen.request is not None and seen.request.temporary and not seen.request.has_session_token:
        yield f"The access key id {seen.request.key_id[:4]}... is one of temporary keys, and no session token is signed."
        if os.environ.get("AWS_ACCESS_KEY_ID") and not os.environ.get("AWS_SESSION_TOKEN"):
            yield "AWS_ACCESS_KEY_ID is set, AWS_SESSION_TOKEN is not."


def _frozen(seen: Seen) -> Iterator[str]:
    """Temporary keys where nobody renews them."""
    # AWS Lambda puts them there itself, and they outlive the process.
    renewed = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if seen.request is not None and seen.request.has_session_token and seen.winner in _aws.AT_HAND and not renewed:
        rest = [each for each in seen.sources if each.stated_by and each.method not in _aws.AT_HAND]
        yield f"Temporary keys in {_named(seen)}: nobody renews them, and they end within hours."
        for each in rest:
            yield f"{each.named} (by {each.stated_by}) renews its own, but is not asked."


def _named(seen: Seen) -> str:
    return next((each.named for each in seen.sources if each.method == seen.winner), str(seen.winner))


CAUSES: tuple[Cause, ...] = (
    Cause(
        "no-aws-keys",
        _KEYS,
        "None of botocore's sources has keys.",
        reason("NoCredentialsError"),
        do(
            "Give the workload a role: an instance profile, a task role, IRSA or Pod Identity; or set AWS_PROFILE.",
            aws=["aws configure list", _IDENTITY],
            terraform=[
                _commands.resource("aws_iam_instance_profile", role=Raw("aws_iam_role.this.name")),
                _TASK_DEFINITION,
            ],
        ),
    ),
    Cause(
        "half-a-set-of-keys",
        _KEYS,
        "Of the access key id and the secret access key, one is missing.",
        lambda seen: (
            [seen.said] if seen.reason == "PartialCredentialsError" and "source_profile" not in seen.said else []
        ),
        do(
            "Set both, and AWS_SESSION_TOKEN for temporary keys; or unset all, for the next source to be asked.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"],
            aws=["aws configure list"],
        ),
    ),
    Cause(
        "white-space-in-a-key",
        _KEYS,
        "A key was copied with a blank or a line break.",
        reason("InvalidCredentials"),
        do("Set it again, without quotes and line breaks.", aws=["aws configure list"]),
    ),
    Cause(
        "profile-missing",
        _KEYS,
        "There is no such profile.",
        reason("ProfileNotFound"),
        do(aws=["aws configure list-profiles"], local=["unset AWS_PROFILE"]),
    ),
    Cause(
        "profile-incomplete",
        _KEYS,
        "The profile lacks a line.",
        lambda seen: [seen.said] if seen.reason in ("InvalidConfigError", "PartialCredentialsError") else [],
        do("Add to the profile what the message names.", aws=["aws configure list"]),
    ),
    Cause(
        "aws-file-broken",
        _KEYS,
        "A file of AWS's can't be parsed.",
        reason("ConfigParseError"),
        do("Mend the file that the message names.", local=["cat -A ~/.aws/config"]),
    ),
    Cause(
        "not-signed-in",
        _KEYS,
        "Nobody has signed in, or not for a long time.",
        lambda seen: (
            [seen.said]
            if re.match(r"(UnauthorizedSSO|SSOTokenLoad|TokenRetrieval|Login(Token|Refresh|Error))", seen.reason or "")
            else []
        ),
        do(aws=["aws sso login", "aws login"]),
    ),
    Cause(
        "role-not-assumable",
        _KEYS,
        "AWS does not let this identity assume the role.",
        lambda seen: [seen.said] if seen.reason == "AccessDenied" and "sts:AssumeRole" in seen.said else [],
        do(
            "Name the caller in the role's trust policy, and allow it sts:AssumeRole.",
            aws=[
                "aws iam update-assume-role-policy --role-name ROLE_NAME --policy-document file://trust.json",
                _IDENTITY,
            ],
            terraform=[Block("data", ["aws_iam_policy_document", "trust"], {}, [_TRUST])],
        ),
    ),
    Cause(
        "container-refuses",
        _KEYS,
        "The container's endpoint of credentials gives none.",
        lambda seen: (
            [seen.said]
            if seen.reason == "MetadataRetrievalError"
            or (seen.reason == "CredentialRetrievalError" and "container-role" in seen.said)
            else []
        ),
        do(
            "Check that the task or pod has a role, and that its authorization token is the one of now.",
            aws=[
                "aws ecs describe-task-definition --task-definition TASK --query taskDefinition.taskRoleArn",
                "aws eks list-pod-identity-associations --cluster-name CLUSTER",
            ],
            terraform=[_TASK_DEFINITION],
        ),
    ),
    Cause(
        "process-fails",
        _KEYS,
        "The profile's credential_process does not print what it should.",
        reason("CredentialRetrievalError", "JSONDecodeError", "KeyError"),
        do("Run it by hand.", aws=["aws configure get credential_process"]),
    ),
    Cause(
        "web-identity-refused",
        _KEYS,
        "AWS does not take the pod's token for the role.",
        reason("InvalidIdentityToken", "FileNotFoundError"),
        do(
            "The account must have the cluster's OIDC provider, and the role's trust policy name it.",
            local=["ls -l $AWS_WEB_IDENTITY_TOKEN_FILE"],
            aws=["aws iam list-open-id-connect-providers"],
            terraform=[
                _commands.resource(
                    "aws_iam_openid_connect_provider",
                    label="cluster",
                    url="ISSUER",
                    client_id_list=["sts.amazonaws.com"],
                )
            ],
        ),
    ),
    Cause(
        "jwt-not-allowed",
        _KEYS,
        "The role may not have AWS issue JWTs for it.",
        said("sts:GetWebIdentityToken"),
        do(
            aws=[
                f"aws iam put-role-policy --role-name ROLE_NAME --policy-name get-web-identity-token --policy-document '{_POLICY}'"
            ],
            terraform=[
                _commands.resource("aws_iam_role_policy", role="ROLE_NAME", policy=Raw(f"jsonencode({_POLICY})"))
            ],
        ),
    ),
    Cause(
        "outbound-identity-off",
        _KEYS,
        "The account does not issue JWTs: outbound web identity federation is off.",
        said("OutboundWebIdentityFederationDisabled"),
        do(
            aws=["aws iam enable-outbound-web-identity-federation"],
            terraform=[_commands.resource("aws_iam_outbound_web_identity_federation")],
        ),
    ),
    Cause(
        "keys-expired",
        _KEYS,
        "The keys have ended.",
        lambda seen: [seen.said] if seen.reason in ("RuntimeError", "ExpiredToken", "ExpiredTokenException") else [],
        do("Renew them at their source.", aws=[_IDENTITY]),
    ),
    Cause(
        "aws-side-fails",
        _KEYS,
        "botocore can't get the keys.",
        lambda seen: [seen.said] if seen.step == "aws" else [],
        lambda seen: Mend(
            [getattr(seen.error, "hint", None) or "Ask the source by hand."], aws=["aws configure list", _IDENTITY]
        ),
    ),
    Cause(
        "no-session-token",
        _KEYS,
        "The keys are temporary, and their session token is missing.",
        _without_session_token,
        do(
            "Set all three of a set of keys, or unset them for the next source to be asked.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"],
            aws=["aws configure export-credentials --format env"],
        ),
    ),
    Cause(
        "keys-frozen",
        _KEYS,
        "Temporary keys were copied to where nobody renews them: this works for some hours.",
        _frozen,
        do(
            "Let botocore find them at their source; to name it, set AWS_PROFILE.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"],
            aws=["aws configure list"],
        ),
        fatal=False,
    ),
)
