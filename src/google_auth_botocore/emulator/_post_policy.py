"""Uploads by HTML forms: a multipart form, and the signed policy document in it that says what the form may hold.

Source: https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from email.parser import BytesParser
from typing import Any

from google_auth_botocore.emulator._signed_urls import Signatures, from_hex
from google_auth_botocore.emulator._xml import XmlError, XmlRequest

_BAD_FORM = "The content of the form does not meet the conditions specified in the policy document."
_REQUIRED = ("key", "policy", "x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-signature")
# Fields that no condition has to name.
_FREE = {"policy", "x-goog-signature"}


@dataclass(frozen=True)
class Form:
    """What a form uploads.

    Attributes:
        account: the service account that signed its policy.
        fields: by lower-case name, without the file.
        content: the file.
    """

    account: str
    fields: Mapping[str, str]
    content: bytes


def checked(request: XmlRequest, signatures: Signatures, clock: Callable[[], float]) -> Form:
    """Gives what a form uploads, once its policy is found to be signed and kept.

    Raises:
        XmlError: it is not.
    """
    fields, content = _parsed(request)
    for name in _REQUIRED:
        if name not in fields:
            raise _bad(f"Missing {name}")
    account, _, _ = signatures.credential(dict(fields))
    signatures.check(account, fields["policy"], from_hex(fields["x-goog-signature"]))
    try:
        policy = json.loads(base64.b64decode(fields["policy"], validate=True))
        end = datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00"))
        conditions = [each for condition in policy["conditions"] for each in _as_lists(condition)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad("The policy document is not valid.") from error
    if clock() >= end.replace(tzinfo=end.tzinfo or timezone.utc).timestamp():
        raise _bad(f"Policy has expired. It expired at: {end.isoformat()}")
    _check_conditions(conditions, {**fields, "bucket": request.target[0]}, len(content))
    return Form(account, fields, content)


def _parsed(request: XmlRequest) -> tuple[dict[str, str], bytes]:
    kind = Message()
    kind["Content-Type"] = request.headers["content-type"]
    fields, content = {}, None
    # Not by the parser of mails, which would look into a file that is a mail.
    for part in (b"\r\n" + request.body).split(f"\r\n--{kind.get_boundary()}".encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = BytesParser().parsebytes(head, headersonly=True).get_param("name", header="content-disposition")
        if name == "file":
            content = value
        elif isinstance(name, str):
            fields[name.lower()] = value.decode(errors="replace")
    if content is None:
        raise XmlError(
            400, "InvalidArgument", "Invalid argument.", "POST requires exactly one file upload per request."
        )
    return fields, content


def _as_lists(condition: Any) -> list[tuple[str, str, Any]]:
    """Gives conditions as `(kind, field, value)`, or `("content-length-range", least, most)`."""
    if isinstance(condition, dict):
        return [("eq", f"${name}", value) for name, value in condition.items()]
    kind, first, second = condition
    return [(kind, *map(int, (first, second)))] if kind == "content-length-range" else [(kind, first, second)]


def _check_conditions(conditions: list[tuple[str, Any, Any]], fields: Mapping[str, str], size: int) -> None:
    named = set(_FREE) | {"bucket"}
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
            raise _bad(f"Failed condition: {json.dumps([kind, first, second])}")
    unnamed = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if unnamed:
        raise _bad(f"Policy did not reference these fields: {', '.join(unnamed)}")


def _bad(details: str) -> XmlError:
    return XmlError(400, "InvalidPolicyDocument", _BAD_FORM, details)
