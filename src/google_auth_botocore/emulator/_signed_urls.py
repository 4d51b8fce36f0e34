"""Verify signed URLs of Cloud Storage.

Sources: https://cloud.google.com/storage/docs/authentication/signatures,
https://cloud.google.com/storage/docs/authentication/canonical-requests,
https://cloud.google.com/storage/docs/access-control/signed-urls-v2; that a URL for GET is also valid for HEAD:
https://cloud.google.com/dotnet/docs/reference/Google.Cloud.Storage.V1/latest/Google.Cloud.Storage.V1.UrlSigner.RequestTemplate
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import NoReturn
from urllib.parse import parse_qsl, quote

from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._xml import XmlError

_ALGORITHM = "GOOG4-RSA-SHA256"
_CREDENTIAL = re.compile(r"([^/]+)/(([0-9]{8})/[^/]+/storage/goog4_request)")
_WEEK = 604_800
_SKEW = 900
# V2 does not sign the headers with customers' encryption keys.
_UNSIGNED_IN_V2 = {"x-goog-encryption-key", "x-goog-encryption-key-sha256"}


class Signatures:
    """Verifies signatures of URLs and of forms.

    Args:
        check: returns whether a service account signed a message (arguments: account, message, signature); None: the
            account does not exist.
        clock: returns the time, in seconds since the epoch.
    """

    def __init__(self, check: Callable[[str, bytes, bytes], bool | None], clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock

    def signer_of_url(self, request: StorageRequest) -> str | None:
        """Return the service account that signed the URL; None: it is not signed.

        Raises:
            XmlError: the signature is malformed, invalid, expired, or for another request.
        """
        try:
            return self._find_signer(request)
        except XmlError:
            if request.method != "HEAD":
                raise
        # A URL for GET is also valid for HEAD.
        return self._find_signer(replace(request, method="GET"))

    def _find_signer(self, request: StorageRequest) -> str | None:
        parameters = {name.lower(): value for name, value in request.parameters.items()}
        if "x-goog-signature" in parameters:
            return self._v4(request, parameters)
        if "signature" in parameters and "googleaccessid" in parameters:
            return self._v2(request, parameters)
        return None

    def _v4(self, request: StorageRequest, parameters: dict[str, str]) -> str:
        for required in ("algorithm", "credential", "date", "expires", "signedheaders"):
            if f"x-goog-{required}" not in parameters:
                raise_malformed(f"X-Goog-{required.capitalize()}", "A required parameter is missing.")
        account, scope, when = self.credential(parameters)
        expires = parameters["x-goog-expires"]
        if not re.fullmatch(r"[0-9]{1,6}", expires) or not 0 < int(expires) <= _WEEK:
            raise_malformed("X-Goog-Expires", f"It must be a number of seconds from 1 to {_WEEK}.")
        self._check_time(when + timedelta(seconds=int(expires)), when)
        signed = parameters["x-goog-signedheaders"].split(";")
        canonical = canonical_request(request, signed)
        text = "\n".join((_ALGORITHM, parameters["x-goog-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()))
        self.check(account, text, from_hex(parameters["x-goog-signature"]), CanonicalRequest=canonical)
        return account

    def _v2(self, request: StorageRequest, parameters: dict[str, str]) -> str:
        account, expires = parameters["googleaccessid"], parameters.get("expires", "")
        if not re.fullmatch(r"[0-9]{1,12}", expires):
            raise XmlError(
                400, "InvalidArgument", "Invalid argument.", f"Expires parameter is not a valid long value: {expires}"
            )
        if self._clock() >= int(expires):
            raise XmlError(
                400,
                "ExpiredToken",
                "Invalid argument.",
                f"The provided token has expired. Request has expired: {expires}",
            )
        headers = request.headers
        extensions = sorted(n for n in headers if n.startswith("x-goog-") and n not in _UNSIGNED_IN_V2)
        text = "\n".join(
            (
                request.method,
                headers.get("content-md5", ""),
                headers.get("content-type", ""),
                expires,
                *(f"{name}:{_collapse_spaces(headers[name])}" for name in extensions),
                request.resource,
            )
        )
        try:
            signature = base64.b64decode(parameters["signature"], validate=True)
        except ValueError:
            raise_malformed("signature", "Signature was not base64 encoded")
        self.check(account, text, signature)
        return account

    def credential(self, parameters: dict[str, str]) -> tuple[str, str, datetime]:
        """Parse `x-goog-algorithm`, `x-goog-credential` and `x-goog-date`: the account, the scope and the time.

        Raises:
            XmlError: one of them is malformed.
        """
        if parameters["x-goog-algorithm"] != _ALGORITHM:
            raise_malformed("X-Goog-Algorithm", f"The emulator supports only {_ALGORITHM}.")
        credential = _CREDENTIAL.fullmatch(parameters["x-goog-credential"])
        if credential is None:
            raise_malformed("X-Goog-Credential", "It must be ACCOUNT/YYYYMMDD/LOCATION/storage/goog4_request.")
        date = parameters["x-goog-date"]
        try:
            when = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            raise_malformed("X-Goog-Date", "It must be YYYYMMDD'T'HHMMSS'Z'.")
        if not date.startswith(credential[3]):
            raise_malformed("X-Goog-Credential", "Its date differs from the date in X-Goog-Date.")
        return credential[1], credential[2], when

    def _check_time(self, expiry: datetime, start: datetime) -> None:
        now = self._clock()
        if now >= expiry.timestamp():
            details = f"The provided token has expired. Request signature expired at: {expiry.isoformat()}"
            raise XmlError(400, "ExpiredToken", "Invalid argument.", details)
        if now < start.timestamp() - _SKEW:
            details = "The difference between the request time and the server's time is too large."
            raise XmlError(403, "RequestTimeTooSkewed", "Access denied.", details)

    def check(self, account: str, text: str, signature: bytes, **elements: str) -> None:
        """Check a signature.

        Args:
            account: the service account.
            text: the string to sign.
            signature: the signature.
            elements: further elements of the error document.

        Raises:
            XmlError: the account has not signed this text.
        """
        verdict = self._check(account, text.encode(), signature)
        if verdict is None:
            details = "The User Id you provided does not exist in our records."
            raise XmlError(403, "InvalidAccessKeyId", "Access denied.", details)
        if not verdict:
            details = (
                "The request signature we calculated does not match the signature you provided."
                " Check your Google secret key and signing method."
            )
            raise XmlError(403, "SignatureDoesNotMatch", "Access denied.", details, StringToSign=text, **elements)


def canonical_request(request: StorageRequest, signed: list[str]) -> str:
    """Return the canonical form of a request with these signed headers.

    Raises:
        XmlError: a header that must be signed is not, or a signed header is missing.
    """
    headers = request.headers
    for name in signed:
        if name not in headers:
            raise_malformed(name, "Header was included in signedheaders, but not in the request.")
    for name in headers:
        if name not in signed and (name == "host" or name.startswith(("x-goog-", "x-amz-"))):
            raise_malformed(name, "Header was included in the request, but not in signedheaders.")
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = sorted(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in pairs
        if name.lower() != "x-goog-signature"
    )
    return "\n".join(
        (
            request.method,
            request.path,
            "&".join(query),
            *(f"{name}:{_collapse_spaces(headers[name])}" for name in sorted(signed)),
            "",
            ";".join(signed),
            headers["x-goog-content-sha256"] if "x-goog-content-sha256" in signed else "UNSIGNED-PAYLOAD",
        )
    )


def from_hex(signature: str) -> bytes:
    """Decode a V4 signature."""
    try:
        return bytes.fromhex(signature)
    except ValueError:
        raise_malformed("X-Goog-Signature", "It must be hexadecimal digits.")


def _collapse_spaces(value: str) -> str:
    return " ".join(value.split())


def raise_malformed(parameter: str, details: str) -> NoReturn:
    """Raise the error for a malformed part of a signature."""
    message = "Your request has a malformed header."
    raise XmlError(400, "MalformedSecurityHeader", message, details, ParameterName=parameter)
