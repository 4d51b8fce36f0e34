"""Preconditions of requests to Cloud Storage: by generation, metageneration, entity tag and time.

Source: https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._object_store import parse_timestamp
from google_auth_botocore.emulator._storage_request import StorageRequest

# The name of each condition: in the XML API and in HTTP, without its prefix.
_NUMBERS = ("generation-match", "generation-not-match", "metageneration-match", "metageneration-not-match")
_OF_HTTP = ("match", "none-match", "modified-since", "unmodified-since")
# An entity tag takes precedence over a time: https://www.rfc-editor.org/rfc/rfc9110#name-precedence-of-preconditions
_PRECEDENCE = {"match": "unmodified-since", "none-match": "modified-since"}
Conditions = Mapping[str, str]


def of_json(request: StorageRequest) -> Conditions:
    """Return the conditions of a request to the JSON API: parameters, and the headers of HTTP."""
    return {**_of_parameters(request.parameters, "if"), **_of_headers(request.headers, "if-", _OF_HTTP)}


def of_json_source(request: StorageRequest) -> Conditions:
    """Return the conditions for the source of a copy in the JSON API."""
    return _of_parameters(request.parameters, "ifSource")


def of_document(document: Any) -> Conditions:
    """Return the conditions for a source of a composition: `{"ifGenerationMatch": …}`."""
    if not isinstance(document, dict):
        return {}
    return _of_parameters({name: str(value) for name, value in document.items()}, "if")


def of_xml(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    """Return the conditions of a request to the XML API; with the prefix `x-goog-copy-source-`, the conditions for the source."""
    numbers = _of_headers(headers, f"{prefix or 'x-goog-'}if-", _NUMBERS)
    return {**numbers, **_of_headers(headers, f"{prefix}if-", _OF_HTTP)}


def check(conditions: Conditions, found: Mapping[str, Any] | None, *, reads: bool) -> None:
    """Check the conditions.

    Args:
        conditions: the conditions.
        found: the metadata of the object; None: it does not exist.
        reads: whether the request only reads. Then an unchanged object is `304 Not Modified`.

    Raises:
        StorageError: a condition is not met, or is malformed.
    """
    ignored = {_PRECEDENCE[name] for name in conditions.keys() & _PRECEDENCE.keys()}
    for name, value in conditions.items():
        if name in ignored:
            continue
        negative = name in {"generation-not-match", "metageneration-not-match", "none-match", "modified-since"}
        if not _holds(name, value, found):
            raise errors.condition_not_met(negative=negative and reads)


def _holds(name: str, value: str, found: Mapping[str, Any] | None) -> bool:
    if name in _NUMBERS:
        field = name.partition("-")[0]
        if not re.fullmatch(r"[0-9]{1,19}", value):
            raise errors.invalid(f"if-{name}", value)
        actual = int(found[field]) if found is not None else (0 if field == "generation" else None)
        return (actual == int(value)) == name.endswith(f"{field}-match")
    if name in {"match", "none-match"}:
        return _matches(value, found) == (name == "match")
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:  # HTTP: ignore a malformed date
        return True
    if found is None:
        return True
    changed = parse_timestamp(found["updated"]).replace(microsecond=0)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    return (changed > moment) == (name == "modified-since")


def _matches(value: str, found: Mapping[str, Any] | None) -> bool:
    """Return whether one of the entity tags is the object's, in the form of either API."""
    if found is None:
        return False
    tags = {each.strip().removeprefix("W/").strip('"') for each in value.split(",")}
    return "*" in tags or not tags.isdisjoint({found["etag"], entity_tag(found)})


def entity_tag(found: Mapping[str, Any]) -> str:
    """Return the entity tag in the XML API, without quotes: the MD5 in hexadecimal digits, if the object has one."""
    try:
        return base64.b64decode(found["md5Hash"], validate=True).hex()
    except (KeyError, ValueError):
        return str(found["etag"])


def _of_parameters(parameters: Mapping[str, str], prefix: str) -> Conditions:
    names = {f"{prefix}{''.join(map(str.capitalize, name.split('-')))}": name for name in _NUMBERS}
    return {name: parameters[parameter] for parameter, name in names.items() if parameter in parameters}


def _of_headers(headers: Mapping[str, str], prefix: str, names: tuple[str, ...]) -> Conditions:
    return {name: headers[f"{prefix}{name}"] for name in names if f"{prefix}{name}" in headers}
