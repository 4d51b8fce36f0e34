"""Verifies signed URLs of Cloud Storage twice, independently of this package and the emulator.

One verification follows Google's specification of a canonical request. The other uses botocore, whose Signature Version 4
differs from Google's only in names. https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def encoded(text: str, keep: bytes = b"") -> str:
    """Percent-encode text as the specification requires."""
    return "".join(chr(byte) if byte in UNRESERVED or byte in keep else f"%{byte:02X}" for byte in text.encode())


def by_hand(method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return the canonical request for signed headers and a URL without its signature."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    folded = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return "\n".join(
        [
            method,
            encoded(unquote(parts.path), keep=b"/"),
            "&".join(sorted(f"{encoded(name)}={encoded(value)}" for name, value in pairs)),
            *(f"{name}:{value}" for name, value in folded),
            "",
            ";".join(name for name, _ in folded),
            payload_of(headers),
        ]
    )


def by_botocore(method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return the same as `by_hand`, built by botocore."""
    auth = S3SigV4QueryAuth(ReadOnlyCredentials("", "", None), "s3", "auto")
    canonical: str = auth.canonical_request(AWSRequest(method, url, dict(headers)))
    return canonical.removesuffix("UNSIGNED-PAYLOAD") + payload_of(headers)


def payload_of(headers: Mapping[str, str]) -> str:
    return {name.lower(): value for name, value in headers.items()}.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")


def verify_v4(
    certificates: Mapping[str, str], account: str, method: str, url: str, headers: Mapping[str, str] = {}
) -> None:
    """Raise InvalidSignature unless one of the keys has signed the URL for this method and these headers."""
    unsigned, signature = url.split("&X-Goog-Signature=")
    parts = urlsplit(url)
    fields = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    email, _, scope = fields["X-Goog-Credential"].partition("/")
    assert email == account
    assert fields["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"
    assert scope == f"{fields['X-Goog-Date'][:8]}/auto/storage/goog4_request"
    signed = {"host": parts.netloc, **{name.lower(): value for name, value in headers.items()}}
    assert fields["X-Goog-SignedHeaders"] == ";".join(sorted(signed))
    for canonical in (by_hand, by_botocore):
        digest = hashlib.sha256(canonical(method, unsigned, signed).encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{fields['X-Goog-Date']}\n{scope}\n{digest}"
        verify(certificates, bytes.fromhex(signature), text.encode())


def verify_v2(certificates: Mapping[str, str], account: str, url: str, *before: str, extensions: str = "") -> None:
    """Verify a V2 URL: *before* are the method, MD5 and type, which precede the time; *extensions* are header lines.

    https://cloud.google.com/storage/docs/access-control/signed-urls-v2
    """
    parts = urlsplit(url)
    fields = dict(parse_qsl(parts.query, strict_parsing=True))
    assert fields["GoogleAccessId"] == account
    text = "\n".join([*before, fields["Expires"], extensions + parts.path])
    verify(certificates, base64.b64decode(fields["Signature"], validate=True), text.encode())


def verify(certificates: Mapping[str, str], signature: bytes, message: bytes) -> None:
    """Raise InvalidSignature unless one of the certificates' keys has created the signature."""
    for certificate in certificates.values():
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    raise InvalidSignature
