"""Signed URLs and forms of Cloud Storage verified twice, so that neither their maker nor the emulator is its own witness.

Once by hand, from Google's specification of a canonical request, and once by botocore, whose Signature Version 4 differs from
Google's only in its names. https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def encoded(text: str, keep: bytes = b"") -> str:
    """Percent-encodes as the specification has it."""
    return "".join(chr(byte) if byte in UNRESERVED or byte in keep else f"%{byte:02X}" for byte in text.encode("utf-8"))


def by_hand(method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]) -> str:
    """The canonical request of a decoded path and query, and of the headers that are signed."""
    folded = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    lines = [method, encoded(path, b"/")]
    lines.append("&".join(f"{name}={value}" for name, value in sorted((encoded(n), encoded(v)) for n, v in query)))
    lines += [f"{name}:{folded[name]}" for name in sorted(folded)]
    lines += ["", ";".join(sorted(folded)), folded.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")]
    return "\n".join(lines)


def by_botocore(method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]) -> str:
    """The same, by AWS's implementation."""
    url = f"https://unused{encoded(path, b'/')}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote, safe='~')}"
    request = AWSRequest(method, url, dict(headers))
    payload = {name.lower(): value for name, value in headers.items()}.get("x-goog-content-sha256")
    if payload is not None:
        request.headers["X-Amz-Content-SHA256"] = payload
    auth = S3SigV4QueryAuth(ReadOnlyCredentials("", "", None), "s3", "auto")
    signed = auth.headers_to_sign(request)
    del signed["x-amz-content-sha256"]
    text = [method, path_of(request.url), auth.canonical_query_string(request), auth.canonical_headers(signed), ""]
    return "\n".join([*text, auth.signed_headers(signed), payload or "UNSIGNED-PAYLOAD"])


def path_of(url: str) -> str:
    return urlsplit(url).path


IMPLEMENTATIONS = {"by hand": by_hand, "botocore": by_botocore}


def verify_v4(
    certificates: Mapping[str, str], account: str, method: str, url: str, headers: Mapping[str, str] = {}
) -> None:
    """Raises InvalidSignature where the URL is not signed by one of the keys, for this method and with these headers."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    fields = dict(query)
    email, _, scope = fields["X-Goog-Credential"].partition("/")
    assert email == account
    assert fields["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"
    assert scope == f"{fields['X-Goog-Date'][:8]}/auto/storage/goog4_request"
    sent = {"host": parts.netloc, **{name.lower(): value for name, value in headers.items()}}
    signed = {name: sent[name] for name in fields["X-Goog-SignedHeaders"].split(";")}
    rest = [(name, value) for name, value in query if name != "X-Goog-Signature"]
    for canonical in IMPLEMENTATIONS.values():
        request = canonical(method, urllib.parse.unquote(parts.path), rest, signed)
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{fields['X-Goog-Date']}\n{scope}\n{digest}"
        verify(certificates, bytes.fromhex(fields["X-Goog-Signature"]), text.encode())


def verify_v2(certificates: Mapping[str, str], account: str, text: list[str], url: str) -> None:
    """The same for V2, whose text to sign is so simple that the test knows it, but for the time."""
    fields = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert fields["GoogleAccessId"] == account
    verify(
        certificates,
        base64.b64decode(fields["Signature"], validate=True),
        "\n".join(text).replace("EXPIRES", fields["Expires"]).encode(),
    )


def verify(certificates: Mapping[str, str], signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature where none of the keys on an x509 page has made the signature."""
    for certificate in certificates.values():
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    raise InvalidSignature
