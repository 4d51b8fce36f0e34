"""How a member of a binding was meant to be this identity, and is not: each gives the reason, or None."""

from __future__ import annotations

import re

from google_auth_botocore.cli.doctor import _commands, _google
from google_auth_botocore.cli.doctor._administrator import Binding
from google_auth_botocore.cli.doctor._seen import Seen

_OF_A_POOL = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/projects/([^/]+)/.*?/workloadIdentityPools/([^/]+)/(.*)"
)
_ASSUMED = re.compile(r"arn:aws[a-z-]*:sts::\d+:assumed-role/(.+)")


def _may_mean(seen: Seen, arn: str) -> bool:
    """Whether an ARN that is written wrong may mean this identity's role; so it may where that is not known."""
    account, _, path = arn.partition("::")[2].partition(":")
    if seen.role_arn is None:
        return True
    right, _, role = seen.role_arn.partition("::")[2].partition(":")
    return account == right and role.rpartition("/")[2] in path.split("/")


def _value(member: str) -> str:
    """What stands behind the attribute's name, or behind `subject`."""
    match = _OF_A_POOL.fullmatch(member)
    return match[3].partition("/")[2] if match else ""


def right(seen: Seen, binding: Binding) -> str | None:
    """It is this identity."""
    return "That is this identity" if binding.member in _google.members(seen) else None


def the_account(seen: Seen, binding: Binding) -> str | None:
    """It is the account itself."""
    return "That is the account itself" if binding.member == f"serviceAccount:{seen.account}" else None


def by_project_id(seen: Seen, binding: Binding) -> str | None:
    """It would be this identity with the project's number."""
    match = _OF_A_POOL.fullmatch(binding.member)
    if match is None or match[1].isdigit():
        return None
    right = binding.member.replace(f"/projects/{match[1]}/", f"/projects/{_commands.number(seen)}/", 1)
    return f"In it is a project's id, {match[1]}" if right in _google.members(seen) or seen.role_arn is None else None


def by_iam_arn(seen: Seen, binding: Binding) -> str | None:
    """It is the role's own ARN."""
    arn = _value(binding.member)
    wrong = seen.request is not None and re.match(r"arn:aws[a-z-]*:iam::\d+:role/", arn)
    return "That is the role's own ARN" if wrong and _may_mean(seen, arn) else None


def with_path(seen: Seen, binding: Binding) -> str | None:
    """It is the role with its path, or with a session."""
    arn = _value(binding.member)
    match = _ASSUMED.fullmatch(arn) if "/attribute.aws_role/" in binding.member else None
    return "There is a path or a session in it" if match and "/" in match[1] and _may_mean(seen, arn) else None


def by_letter_case(seen: Seen, binding: Binding) -> str | None:
    """It is this identity but for the case of letters."""
    same = {each.lower() for each in _google.members(seen)} - {binding.member}
    return "The case of letters differs" if binding.member.lower() in same else None


def not_mapped(seen: Seen, binding: Binding) -> str | None:
    """It goes by an attribute that the provider does not map."""
    match = re.search(r"/attribute\.([^/]+)/", binding.member)
    provider = seen.administrator.provider(seen.audience) if match else None
    mapping = (provider or {}).get("attributeMapping") or {"attribute.aws_role": ""}
    if match is None or provider is None or f"attribute.{match[1]}" in mapping:
        return None
    return f"The provider maps no attribute.{match[1]}"


def another(seen: Seen, binding: Binding) -> str | None:
    """It is another identity, as far as that can be told."""
    match = _OF_A_POOL.fullmatch(binding.member)
    # What other attributes say of this identity is not known.
    told = match is not None and seen.role_arn is not None and match[3].startswith(("subject/", "attribute.aws_role/"))
    return "That is somebody else" if told else None
