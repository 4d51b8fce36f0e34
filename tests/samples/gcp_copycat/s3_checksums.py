"""The checksums and signatures of requests to S3, computed as S3 does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from urllib.parse import quote, unquote

import google_crc32c

from samples.gcp_copycat.s3_errors import S3Error

_STREAMED = re.compile(r"STREAMING-(?:UNSIGNED-PAYLOAD|AWS4-HMAC-SHA256-PAYLOAD)(?:-TRAILER)?")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/[\w-]+/s3/aws4_request), ?SignedHeaders=([^,]+), ?Signature=(\w{64})"
)


def _crc64nvme(content: bytes) -> bytes:
    checksums = import_module("awscrt.checksums")  # only for clients that let boto3 choose the checksum
    return int(checksums.crc64nvme(content)).to_bytes(8, "big")


ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "CRC32C": lambda content: google_crc32c.Checksum(content).digest(),
    "CRC64NVME": _crc64nvme,
    "SHA1": lambda content: hashlib.sha1(content).digest(),
    "SHA256": lambda content: hashlib.sha256(content).digest(),
}


def checksum(algorithm: str, content: bytes) -> str:
    """Return a checksum in base64."""
    return base64.b64encode(ALGORITHMS[algorithm](content)).decode()


def given(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the algorithm and the checksum in a request, or None if there is no checksum.

    Raises:
        S3Error: There are several checksums.
    """
    found = [
        (name, headers[f"x-amz-checksum-{name.lower()}"])
        for name in ALGORITHMS
        if f"x-amz-checksum-{name.lower()}" in headers
    ]
    if len(found) > 1:
        raise S3Error(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return found[0] if found else None


def verified(headers: Mapping[str, str], content: bytes) -> tuple[str, str] | None:
    """Return the algorithm and the checksum in a request, after checking them against its content.

    Raises:
        S3Error: The content does not match the checksum.
    """
    md5 = headers.get("content-md5")
    if md5 is not None and md5 != base64.b64encode(hashlib.md5(content).digest()).decode():
        raise S3Error("BadDigest", "Content-MD5")
    found = given(headers)
    if found is None:
        return None
    algorithm, value = found
    size = len(ALGORITHMS[algorithm](b""))
    try:
        well_formed = len(base64.b64decode(value, validate=True)) == size
    except ValueError:
        well_formed = False
    if not well_formed:
        raise S3Error("InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
    if value != checksum(algorithm, content):
        raise S3Error("BadDigest", algorithm)
    return found


def payload(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and the content of a request. Its body can be in signed chunks with a trailer.

    Raises:
        S3Error: The content does not have the hash or the length in the headers.
    """
    stated = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if _STREAMED.fullmatch(stated):
        content, trailer = _unchunked(body)
        if headers.get("x-amz-decoded-content-length") != str(len(content)):
            raise S3Error("InvalidRequest", "The body is not as long as x-amz-decoded-content-length says.")
        return {**headers, **trailer}, content
    if stated != "UNSIGNED-PAYLOAD" and stated != hashlib.sha256(body).hexdigest():
        raise S3Error("XAmzContentSHA256Mismatch")
    return dict(headers), body


def _unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    parts = []
    while True:
        head, _, body = body.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if not size:
            break
        parts.append(body[:size])
        body = body[size + 2 :]
    lines = [line.partition(":") for line in body.decode().split("\r\n") if ":" in line]
    return b"".join(parts), {name.lower(): value.strip() for name, _, value in lines}


def check_signature(
    method: str, path: str, query: str, headers: Mapping[str, str], secret: Callable[[str], str | None]
) -> None:
    """Check the signature of a request.

    Args:
        method: `PUT`, for example.
        path: percent-encoded.
        query: percent-encoded.
        headers: by lower-case name; values of a repeated one are joined by a comma.
        secret: returns the secret of an access key; None: the key is unknown.

    Raises:
        S3Error: The signature is missing or wrong.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    key = None if match is None else secret(match[1])
    if match is None or key is None:
        raise S3Error("AccessDenied")
    scope, signed = match[2], match[3].split(";")
    if any(name.startswith("x-amz-") and name not in signed for name in headers):
        raise S3Error("AccessDenied", "There were headers present in the request which were not signed")
    pairs = sorted(
        tuple(quote(unquote(part), safe="-_.~") for part in each.partition("=")[::2])
        for each in query.split("&")
        if each
    )
    request = "\n".join(
        [
            method,
            quote(unquote(path), safe="/-_.~"),
            "&".join("=".join(pair) for pair in pairs),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
            "",
            ";".join(signed),
            headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )
    digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    derived = f"AWS4{key}".encode()
    for each in [*scope.split("/"), text]:
        derived = hmac.new(derived, each.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(derived.hex(), match[4]):
        raise S3Error("SignatureDoesNotMatch")
