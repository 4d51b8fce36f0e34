"""Recognise a member of a binding that was meant to be this identity, but is not. Each function returns the reason, or None."""

from __future__ import annotations

import re

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import evidence, settings
from google_auth_botocore._failures._evidence import Binding
from google_auth_botocore._failures._facts import Facts

_OF_A_POOL = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/projects/([^/]+)/.*?/workloadIdentityPools/([^/]+)/(.*)"
)
_ASSUMED = re.compile(r"arn:aws[a-z-]*:sts::[0-9]+:assumed-role/(.+)")


def _may_mean(facts: Facts, arn: str) -> bool:
    """Return whether a wrong ARN may be meant as this identity's role. If the role is not known, it may."""
    own = _commands.role_arn(facts)
    account, _, path = arn.partition("::")[2].partition(":")
    if own is None:
        return True
    right, _, role = own.partition("::")[2].partition(":")
    return account == right and role.rpartition("/")[2] in path.split("/")


def _value(member: str) -> str:
    """Return the value of the attribute or of the subject."""
    match = _OF_A_POOL.fullmatch(member)
    return match[3].partition("/")[2] if match else ""


def correct(facts: Facts, binding: Binding) -> str | None:
    """Recognise this identity."""
    return "This is the identity" if binding.member in _commands.members(facts) else None


def the_account(facts: Facts, binding: Binding) -> str | None:
    """Recognise the service account itself."""
    own = f"serviceAccount:{settings(facts).service_account}"
    return "This is the service account itself" if binding.member == own else None


def by_project_id(facts: Facts, binding: Binding) -> str | None:
    """Recognise this identity with the project's id in place of its number."""
    match = _OF_A_POOL.fullmatch(binding.member)
    if match is None or match[1].isdigit():
        return None
    member = binding.member.replace(f"/projects/{match[1]}/", f"/projects/{_commands.number(facts)}/", 1)
    fits = member in _commands.members(facts) or _commands.role_arn(facts) is None
    return f"It has a project id, {match[1]}" if fits else None


def by_iam_arn(facts: Facts, binding: Binding) -> str | None:
    """Recognise the ARN of the IAM role instead of that of its session."""
    arn = _value(binding.member)
    wrong = not _commands.uses_jwt(facts) and re.match(r"arn:aws[a-z-]*:iam::[0-9]+:role/", arn)
    return "This is the ARN of the IAM role" if wrong and _may_mean(facts, arn) else None


def with_path(facts: Facts, binding: Binding) -> str | None:
    """Recognise the role with its path, or with a session."""
    arn = _value(binding.member)
    match = _ASSUMED.fullmatch(arn) if "/attribute.aws_role/" in binding.member else None
    return "It has a path or a session" if match and "/" in match[1] and _may_mean(facts, arn) else None


def by_letter_case(facts: Facts, binding: Binding) -> str | None:
    """Recognise this identity in another letter case."""
    same = {each.lower() for each in _commands.members(facts)} - {binding.member}
    return "The letter case differs" if binding.member.lower() in same else None


def not_mapped(facts: Facts, binding: Binding) -> str | None:
    """Recognise an attribute that the provider does not map."""
    match = re.search(r"/attribute\.([^/]+)/", binding.member)
    provider = evidence(facts).provider() if match else None
    mapping = (provider or {}).get("attributeMapping") or {"attribute.aws_role": ""}
    if match is None or provider is None or f"attribute.{match[1]}" in mapping:
        return None
    return f"The provider does not map attribute.{match[1]}"


def another(facts: Facts, binding: Binding) -> str | None:
    """Recognise another identity, if its member is one that can be compared."""
    match = _OF_A_POOL.fullmatch(binding.member)
    # The values of other attributes are not known for this identity.
    comparable = match is not None and match[3].startswith(("subject/", "attribute.aws_role/"))
    return "This is another identity" if comparable and _commands.role_arn(facts) is not None else None
