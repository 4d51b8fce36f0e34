"""What a client sends about an object: its name, metadata, checksums and encryption key. Each is checked here, for both APIs.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects and
https://cloud.google.com/storage/docs/objects#naming
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._object_store import HASHES, WRITABLE, checksums
from google_auth_botocore.emulator._storage_request import StorageRequest

ENCRYPTION_KEY = "encryption-key-sha256"
_CHECKSUMS = dict.fromkeys(HASHES.values(), str)


def check_key(request: StorageRequest, metadata: Mapping[str, Any], prefix: str = "x-goog-") -> None:
    """Check that the request has the customer's key with which the content is encrypted, if any.

    Raises:
        StorageError: it does not have the key.
    """
    digest = metadata.get("customerEncryption", {}).get("keySha256")
    if digest is not None and request.headers.get(f"{prefix}{ENCRYPTION_KEY}") != digest:
        raise errors.wrong_key()


def check_name(request: StorageRequest, name: str) -> None:
    """Check the name of a new object. Tests, as the owner, may create an object that breaks the rules.

    Raises:
        StorageError: it breaks one of Cloud Storage's rules.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    reserved = name in {".", ".."} or name.startswith(".well-known/acme-challenge/")
    forbidden = size > 1024 or reserved or re.search("[\r\n]", name)
    if not size or (forbidden and request.principal is not None):
        raise errors.invalid("name", name.encode(errors="replace").decode())


def writable(request: StorageRequest, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of metadata that a client may set. Null removes a field. Tests, as the owner, may set checksums.

    Raises:
        StorageError: a value has the wrong type.
    """
    changes = request.principal is None and request.method == "PATCH"
    fields = checked(document, WRITABLE | _CHECKSUMS if changes else WRITABLE)
    if fields.get("metadata") is not None:
        fields["metadata"] = _texts(fields["metadata"])
    return fields


def checked(document: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """Return the fields of a document that have these names. Each is null or of its type.

    Raises:
        StorageError: a value has the wrong type.
    """
    fields = {name: document[name] for name in kinds if name in document}
    for name, value in fields.items():
        if value is not None and not isinstance(value, kinds[name]):
            raise errors.invalid(name, value)
    return fields


def _texts(metadata: dict[str, Any]) -> dict[str, str | None]:
    if not all(text is None or isinstance(text, (str, int, float)) for text in metadata.values()):
        raise errors.invalid("metadata", metadata)
    return {key: text if text is None else str(text) for key, text in metadata.items()}


def verified_checksums(content: bytes, expected: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums of a content, as fields of metadata.

    Raises:
        StorageError: they differ from the expected ones.
    """
    actual = checksums(content)
    for kind, field in HASHES.items():
        if expected.get(field, actual[field]) != actual[field]:
            raise errors.wrong_checksum(kind.upper(), expected[field], actual[field])
    return actual


def expected_checksums(headers: Mapping[str, str], document: Mapping[str, Any] = {}) -> dict[str, str]:
    """Return the checksums that a client has sent, as fields of metadata: in its headers or in the metadata."""
    expected = {field: value for field in HASHES.values() if isinstance(value := document.get(field), str)}
    if "content-md5" in headers:
        expected["md5Hash"] = headers["content-md5"].strip()
    for kind, value in re.findall(r"(\w+)=([^,\s]+)", headers.get("x-goog-hash", "")):
        if kind in HASHES:
            expected[HASHES[kind]] = value
    return expected
