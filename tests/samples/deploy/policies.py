"""Decides what IAM policies allow, as IAM does: an explicit deny wins, and an action that no statement allows is denied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

Policy = Mapping[str, Any]


def allows(
    action: str,
    resource: str,
    *,
    identity: Iterable[Policy],
    of_resource: Iterable[Policy] = (),
    principal: str = "",
    context: Mapping[str, str] | None = None,
) -> bool:
    """Return whether a principal may do this.

    Args:
        action: such as `s3:GetObject`.
        resource: ARN.
        identity: policies of the role.
        of_resource: policies of the resource, which name the principal.
        principal: ARN of the role.
        context: values of condition keys.
    """
    effects = {
        statement["Effect"]
        for policy, named in [*((each, False) for each in identity), *((each, True) for each in of_resource)]
        for statement in _list(policy["Statement"])
        if _applies(statement, action, resource, context or {})
        and (not named or principal in _list(statement["Principal"].get("AWS", ())))
    }
    return effects == {"Allow"}


def actions(policies: Iterable[Policy]) -> set[str]:
    """Return the actions that the policies allow."""
    return {
        action
        for policy in policies
        for statement in _list(policy["Statement"])
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
    }


def rendered(text: str, values: Mapping[str, str]) -> Policy:
    """Return a policy after Terraform's `templatefile` has filled in the values. Every value must be used."""
    names = set(re.findall(r"\$\{(\w+)\}", text))
    assert names == set(values)
    policy: Policy = json.loads(render(text, values))
    return policy


def render(template: str, values: Mapping[str, str]) -> str:
    """Return a template with these values, as Terraform renders it."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], template)


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if "NotAction" in statement:
        concerned = not any(_matches(each.lower(), action.lower()) for each in _list(statement["NotAction"]))
    else:
        concerned = any(_matches(each.lower(), action.lower()) for each in _list(statement["Action"]))
    return (
        concerned
        and any(_matches(each, resource) for each in _list(statement["Resource"]))
        and all(_holds(name, wanted, context) for name, wanted in statement.get("Condition", {}).items())
    )


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    assert operator in {"StringEquals", "ArnEquals", "ArnLike"}, operator
    return all(
        key in context
        and any(
            each == context[key] if operator == "StringEquals" else _matches(each, context[key]) for each in _list(v)
        )
        for key, v in wanted.items()
    )


def _matches(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
