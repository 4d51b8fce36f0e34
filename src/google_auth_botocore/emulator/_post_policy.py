"""Uploads by HTML form: a multipart form with a signed policy document that restricts its fields.

Source: https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google_auth_botocore.emulator import _json
from google_auth_botocore.emulator._multipart import parts
from google_auth_botocore.emulator._object_store import parse_timestamp
from google_auth_botocore.emulator._signed_urls import Signatures, from_hex
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._xml import XmlError

_POLICY_MESSAGE = "The content of the form does not meet the conditions specified in the policy document."
_REQUIRED = ("key", "policy", "x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-signature")
# Fields that need no condition in the policy.
_UNLISTED = {"bucket", "policy", "x-goog-signature"}


@dataclass(frozen=True)
class Form:
    """A verified form.

    Attributes:
        account: the service account that signed its policy.
        fields: the fields by lower-case name, without the file.
        content: content of the file.
    """

    account: str
    fields: Mapping[str, str]
    content: bytes


def verify_form(request: StorageRequest, signatures: Signatures, clock: Callable[[], float]) -> Form:
    """Parse a form, and verify its policy's signature and conditions.

    Raises:
        XmlError: the form is malformed, its signature is invalid, or it violates its policy.
    """
    fields, content = _parse_form(request)
    for name in _REQUIRED:
        if name not in fields:
            raise _policy_error(f"Missing {name}")
    account, _, _ = signatures.credential(fields)
    signatures.check(account, fields["policy"], from_hex(fields["x-goog-signature"]))
    try:
        policy = _json.parse(base64.b64decode(fields["policy"], validate=True))
        expiry = parse_timestamp(policy["expiration"])
        conditions = [each for condition in policy["conditions"] for each in _as_tuples(condition)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _policy_error("The policy document is not valid.") from error
    if clock() >= expiry.timestamp():
        raise _policy_error(f"Policy has expired. It expired at: {expiry.isoformat()}")
    _check_conditions(conditions, {**fields, "bucket": request.target[0]}, len(content))
    return Form(account, fields, content)


def _parse_form(request: StorageRequest) -> tuple[dict[str, str], bytes]:
    fields, content = {}, None
    for part in parts(request.headers["content-type"], request.body):
        name = part.headers.get_param("name", header="content-disposition")
        if name == "file":
            content = part.content
        elif isinstance(name, str):
            fields[name.lower()] = part.content.decode(errors="replace")
    if content is None:
        raise XmlError(
            400, "InvalidArgument", "Invalid argument.", "POST requires exactly one file upload per request."
        )
    return fields, content


def _as_tuples(condition: Any) -> list[tuple[str, Any, Any]]:
    """Return conditions as `(kind, field, value)` or `("content-length-range", minimum, maximum)`."""
    if isinstance(condition, dict):
        return [("eq", f"${name}", value) for name, value in condition.items()]
    kind, first, second = condition
    return [(kind, int(first), int(second))] if kind == "content-length-range" else [(kind, first, second)]


def _check_conditions(conditions: list[tuple[str, Any, Any]], fields: Mapping[str, str], size: int) -> None:
    named = set(_UNLISTED)
    for kind, first, second in conditions:
        if kind == "content-length-range":
            if not first <= size <= second:
                code = "EntityTooSmall" if size < first else "EntityTooLarge"
                details = f"Content-length {size} is not from {first} to {second}."
                raise XmlError(400, code, "Invalid argument.", details)
            continue
        name = str(first)[1:].lower()
        named.add(name)
        value = fields.get(name, "")
        if not (value.startswith(str(second)) if kind == "starts-with" else value == second):
            raise _policy_error(f"Failed condition: {json.dumps([kind, first, second])}")
    unnamed = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if unnamed:
        raise _policy_error(f"Policy did not reference these fields: {', '.join(unnamed)}")


def _policy_error(details: str) -> XmlError:
    return XmlError(400, "InvalidPolicyDocument", _POLICY_MESSAGE, details)
