"""AWS denies a permission: to assume a role, to issue a JWT, or to call AWS STS at all."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import in_profile, source_of_role, web_identity_file
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Block, Failure, Raw, Remedy, Verdict, reason
from google_auth_botocore._failures._facts import Facts, argument

_IDENTITY = "sts get-caller-identity"
_JWT = "sts:GetWebIdentityToken"
# AWS checks this action, too, if the JWT has tags.
_TAG_JWT = "sts:TagGetWebIdentityToken"
_DENIED = ("AccessDenied", "AccessDeniedException")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]+:role/(?:[\w+=,.@-]+/)*(?P<name>[\w+=,.@-]+)")
# A user's ARN has its path; that of a role's session does not.
_CALLER = re.compile(r":user/(?:\S*/)?(?P<user>[^/\s]+)|:assumed-role/(?P<role>[^/\s]+)")
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
    # AWS's own words come first: along a chain of profiles, the role that fails may be any of theirs.
    for text in (_assumed(facts), facts.role, setting.value if setting is not None else None):
        match = _ROLE.search(text or "")
        if match is not None:
            return match["name"]
    return "ROLE_NAME"


def as_caller(facts: Facts, words: str) -> str:
    """Return an aws command as the identity that may not assume the role. The profile with the role can run no command."""
    if facts.role is None:
        source = source_of_role(facts, _assumed(facts))
        facts = facts if source is None else facts._replace(profile=argument(source))
    return _commands.aws(facts, words, region=False)


def _assumed(facts: Facts) -> str | None:
    match = re.search(r"on resource: (\S+)", facts.text)
    return match[1] if match else None


class _Caller(NamedTuple):
    """The IAM role or user whose call AWS denies.

    Attributes:
        kind: `role` or `user`.
        name: Its name, or a placeholder.
    """

    kind: str
    name: str

    @property
    def flags(self) -> str:
        """The flag of aws iam that names it."""
        return f"--{self.kind}-name {self.name}"


def _caller(facts: Facts) -> _Caller:
    said = re.search(r"User: (\S+) is not authorized", facts.text)
    for arn in (said[1] if said else None, evidence(facts).arn, facts.keys.assumed_role):
        match = _CALLER.search(arn or "")
        if match is not None:
            return _Caller("user", match["user"]) if match["user"] else _Caller("role", match["role"])
    return _Caller("role", "ROLE_NAME")


def _explicit(facts: Facts) -> Verdict:
    match = _EXPLICIT.search(facts.text) if (facts.aws_reason or facts.reason) in _DENIED else None
    return match is not None


def _find_deny(facts: Facts) -> Remedy:
    match = _EXPLICIT.search(facts.text)
    kind = match[1] if match else "policy"
    action = re.search(r"perform: (\S+)", facts.text)
    caller = _caller(facts)
    commands = {
        "service control policy": "organizations list-policies --filter SERVICE_CONTROL_POLICY",
        "resource control policy": "organizations list-policies --filter RESOURCE_CONTROL_POLICY",
        "permissions boundary": f"iam get-{caller.kind} {caller.flags} --query {caller.kind.title()}.PermissionsBoundary",
        "vpc endpoint policy": "ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,PolicyDocument]'",
    }
    command = commands.get(kind.lower(), f"iam list-attached-{caller.kind}-policies {caller.flags}")
    return Remedy(
        [
            f"Find the statement that denies {action[1] if action else 'the action'} in the {kind}, and exempt this identity from it."
        ],
        aws=[_commands.aws(facts, command)],
    )


def _trust_caller(facts: Facts) -> Remedy:
    role = role_name(facts)
    return Remedy(
        ["Allow the calling identity sts:AssumeRole in the role's trust policy."],
        aws=[
            as_caller(facts, f"iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument"),
            as_caller(facts, f"iam update-assume-role-policy --role-name {role} --policy-document file://trust.json"),
            as_caller(facts, _IDENTITY),
        ],
        terraform=[Block("data", ["aws_iam_policy_document", "trust"], {}, [_TRUST])],
    )


def look_at_token(facts: Facts) -> list[str]:
    """Return the command that shows the file with the web identity token."""
    setting = web_identity_file(facts)
    return [] if setting is None else [_commands.command("ls -l", setting.value)]


def trust_web_identity(facts: Facts) -> Remedy:
    """Return how to make a role trust the cluster's OIDC provider."""
    # Without --profile: the profile that uses the token can run no command.
    return Remedy(
        [
            (
                "The role's account must have the cluster's OIDC provider, for the audience sts.amazonaws.com, and the role's trust "
                "policy must name it."
            )
        ],
        local=look_at_token(facts),
        aws=["aws iam list-open-id-connect-providers"],
        terraform=[
            _commands.resource(
                "aws_iam_openid_connect_provider",
                label="cluster",
                url="ISSUER",
                client_id_list=["sts.amazonaws.com"],
            )
        ],
        run=["aws iam list-open-id-connect-providers"],
    )


def _allow_jwt(facts: Facts) -> Remedy:
    caller = _caller(facts)
    actions = [_JWT, _TAG_JWT] if _TAG_JWT in facts.text else [_JWT]
    allowed = json.dumps(actions if len(actions) > 1 else _JWT, separators=(",", ":"))
    policy = f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{allowed},"Resource":"*"}}]}}'
    allow = _commands.aws(
        facts,
        f"iam put-{caller.kind}-policy {caller.flags} --policy-name get-web-identity-token",
        "--policy-document",
        policy,
        region=False,
    )
    attributes = {caller.kind: caller.name, "policy": Raw(f"jsonencode({policy})")}
    return Remedy(
        [f"Grant the {caller.kind} {' and '.join(actions)}."],
        aws=[allow],
        terraform=[_commands.resource(f"aws_iam_{caller.kind}_policy", **attributes)],
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
            ["Enable outbound web identity federation for the account."],
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
        lambda facts: _JWT in facts.text or _TAG_JWT in facts.text,
        "The role or user lacks permission to get JWTs from AWS.",
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
            ["Grant the calling identity the permission that the message names."], aws=[_commands.aws(facts, _IDENTITY)]
        ),
    ),
)
