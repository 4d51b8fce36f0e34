"""AWS denies a permission: to assume a role, to issue a JWT, or to call AWS STS at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import in_profile
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Block, Failure, Raw, Remedy, Verdict, reason
from google_auth_botocore._failures._facts import Facts

_IDENTITY = "sts get-caller-identity"
_POLICY = (
    """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*"}]}"""
)
_DENIED = ("AccessDenied", "AccessDeniedException")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d+:role/(?:[\w+=,.@-]+/)*(?P<name>[\w+=,.@-]+)")
# AWS names the kind of policy that denies explicitly:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_EXPLICIT = re.compile(r"explicit deny in an? ([a-z -]+? policy|permissions boundary)", re.IGNORECASE)
_TRUST = _commands.inner(
    "statement",
    _commands.inner("principals", type="AWS", identifiers=["CALLER_ARN"]),
    actions=["sts:AssumeRole"],
)


def _denied(facts: Facts, action: str) -> bool:
    return (facts.aws_reason or facts.reason) in _DENIED and action in facts.text


def role_name(facts: Facts) -> str:
    """Return the name of the role that is assumed, or a placeholder."""
    setting = in_profile(facts, "role_arn")
    for text in (facts.role, setting.value if setting is not None else None, _assumed(facts)):
        match = _ROLE.search(text or "")
        if match is not None:
            return match["name"]
    return "ROLE_NAME"


def _assumed(facts: Facts) -> str | None:
    match = re.search(r"on resource: (\S+)", facts.text)
    return match[1] if match else None


def _caller_role(facts: Facts) -> str:
    """Return the name of the role that the caller has assumed, or a placeholder."""
    arn = evidence(facts).arn or facts.keys.assumed_role or facts.text
    match = re.search(r":assumed-role/([\w+=,.@-]+)", arn) or _ROLE.search(arn)
    return match[match.lastindex or 0] if match else "ROLE_NAME"


def _explicit(facts: Facts) -> Verdict:
    match = _EXPLICIT.search(facts.text) if (facts.aws_reason or facts.reason) in _DENIED else None
    return match is not None


def _find_deny(facts: Facts) -> Remedy:
    match = _EXPLICIT.search(facts.text)
    kind = match[1] if match else "policy"
    action = re.search(r"perform: (\S+)", facts.text)
    commands = {
        "service control policy": "organizations list-policies --filter SERVICE_CONTROL_POLICY",
        "resource control policy": "organizations list-policies --filter RESOURCE_CONTROL_POLICY",
        "permissions boundary": f"iam get-role --role-name {_caller_role(facts)} --query Role.PermissionsBoundary",
        "vpc endpoint policy": "ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,PolicyDocument]'",
    }
    command = commands.get(kind.lower(), f"iam list-attached-role-policies --role-name {_caller_role(facts)}")
    return Remedy(
        [
            f"Find the statement that denies {action[1] if action else 'the action'} in the {kind}, and except this identity from it."
        ],
        aws=[_commands.aws(facts, command)],
    )


def _trust_caller(facts: Facts) -> Remedy:
    role = role_name(facts)
    return Remedy(
        ["Name the calling identity in the role's trust policy, and allow it sts:AssumeRole."],
        aws=[
            _commands.aws(
                facts, f"iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument", region=False
            ),
            _commands.aws(
                facts,
                f"iam update-assume-role-policy --role-name {role} --policy-document file://trust.json",
                region=False,
            ),
            _commands.aws(facts, _IDENTITY),
        ],
        terraform=[Block("data", ["aws_iam_policy_document", "trust"], {}, [_TRUST])],
    )


def trust_web_identity(facts: Facts) -> Remedy:
    """Return how to let a role trust the cluster's OIDC provider."""
    return Remedy(
        [
            (
                "The role's account must have the cluster's OIDC provider, for the audience sts.amazonaws.com, and the role's trust "
                "policy must name it."
            )
        ],
        local=["ls -l $AWS_WEB_IDENTITY_TOKEN_FILE"],
        aws=[_commands.aws(facts, "iam list-open-id-connect-providers", region=False)],
        terraform=[
            _commands.resource(
                "aws_iam_openid_connect_provider",
                label="cluster",
                url="ISSUER",
                client_id_list=["sts.amazonaws.com"],
            )
        ],
        run=[_commands.aws(facts, "iam list-open-id-connect-providers", region=False)],
    )


def _allow_jwt(facts: Facts) -> Remedy:
    role = _caller_role(facts)
    allow = _commands.command(
        f"aws iam put-role-policy --role-name {role} --policy-name get-web-identity-token",
        "--policy-document",
        _POLICY,
    )
    return Remedy(
        ["Allow the role sts:GetWebIdentityToken."],
        aws=[allow],
        terraform=[_commands.resource("aws_iam_role_policy", role=role, policy=Raw(f"jsonencode({_POLICY})"))],
    )


def look_at_policies(facts: Facts, region: str) -> Remedy:
    """Return how to find a policy that denies sts:GetCallerIdentity."""
    lines: Sequence[str] = [
        "Look for a service control policy or a VPC endpoint policy that denies sts:GetCallerIdentity."
    ]
    return Remedy(
        lines,
        aws=[
            _commands.aws(
                facts, f"ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.{region}.sts"
            )
        ],
        terraform=[
            _commands.resource(
                "aws_vpc_endpoint",
                label="sts",
                policy=Raw("data.aws_iam_policy_document.allow_get_caller_identity.json"),
            )
        ],
    )


ENTRIES = (
    Failure(
        "outbound-identity-off",
        ("aws",),
        reason("OutboundWebIdentityFederationDisabledException", "OutboundWebIdentityFederationDisabled"),
        "The account does not issue JWTs: outbound web identity federation is off.",
        lambda facts: Remedy(
            ["Enable it for the account."],
            aws=[_commands.aws(facts, "iam enable-outbound-web-identity-federation", region=False)],
            terraform=[_commands.resource("aws_iam_outbound_web_identity_federation")],
        ),
    ),
    Failure(
        "explicit-deny",
        ("aws", "exchange"),
        _explicit,
        "A policy denies the action explicitly. No other policy can allow it.",
        _find_deny,
    ),
    Failure(
        "jwt-not-allowed",
        ("aws",),
        lambda facts: "sts:GetWebIdentityToken" in facts.text,
        "The role lacks permission to get JWTs from AWS.",
        _allow_jwt,
    ),
    Failure(
        "mfa-code-wrong",
        ("aws",),
        lambda facts: _denied(facts, "MultiFactorAuthentication"),
        "AWS rejected the MFA code.",
        lambda _: Remedy(["Enter the current code of the device in mfa_serial. Each code works once."]),
    ),
    Failure(
        "web-identity-not-trusted",
        ("aws",),
        lambda facts: _denied(facts, "sts:AssumeRoleWithWebIdentity"),
        "The role does not trust the pod's token: its trust policy lacks the OIDC provider, or its conditions on sub and aud differ.",
        trust_web_identity,
    ),
    Failure(
        "role-not-assumable",
        ("aws",),
        lambda facts: _denied(facts, "sts:AssumeRole") or _denied(facts, "sts:TagSession"),
        "AWS does not let this identity assume the role.",
        _trust_caller,
    ),
    Failure(
        "permission-denied-by-aws",
        ("aws",),
        lambda facts: facts.reason in _DENIED,
        "AWS denies this identity a permission that the source of the keys requires.",
        lambda facts: Remedy(
            ["Allow the calling identity what the message names."], aws=[_commands.aws(facts, _IDENTITY)]
        ),
    ),
)
