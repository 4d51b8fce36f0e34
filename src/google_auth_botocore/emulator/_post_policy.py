"""Uploads by HTML forms: a multipart form, and the signed policy document in it that says what the form may hold.

Source: https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
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
        conditions = list(policy["conditions"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad("The policy document is not valid.") from error
    if clock() >= end.replace(tzinfo=end.tzinfo or timezone.utc).timestamp():
        raise _bad(f"Policy has expired. It expired at: {end.isoformat()}")
    _check_conditions(conditions, {**fields, "bucket": request.target[0]}, len(content))
    return Form(account, fields, content)


def _parsed(request: XmlRequest) -> tuple[dict[str, str], bytes]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields, content = {}, None
    for part in BytesParser().parsebytes(head + request.body).walk():
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            if name == "file":
                content = value
            else:
                fields[name.lower()] = value.decode()
    if content is None:
        raise XmlError(
            400, "InvalidArgument", "Invalid argument.", "POST requires exactly one file upload per request."
        )
    return fields, content


def _check_conditions(conditions: list[Any], fields: Mapping[str, str], size: int) -> None:
    named = set(_FREE) | {"bucket"}
    for condition in conditions:
        each = (
            [["eq", f"${name}", value] for name, value in condition.items()]
            if isinstance(condition, dict)
            else [condition]
        )
        for kind, first, second in each:
            if kind == "content-length-range":
                if not int(first) <= size <= int(second):
                    code = "EntityTooSmall" if size < int(first) else "EntityTooLarge"
                    raise XmlError(
                        400, code, "Invalid argument.", f"Content-length {size} is not from {first} to {second}."
                    )
                continue
            name = str(first)[1:].lower()
            named.add(name)
            value = fields.get(name, "")
            if not (value.startswith(second) if kind == "starts-with" else value == second):
                raise _bad(f"Failed condition: {json.dumps(condition)}")
    unnamed = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if unnamed:
        raise _bad(f"Policy did not reference these fields: {', '.join(unnamed)}")


def _bad(details: str) -> XmlError:
    return XmlError(400, "InvalidPolicyDocument", _BAD_FORM, details)
