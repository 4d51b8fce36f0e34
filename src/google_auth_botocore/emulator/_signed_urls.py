"""Signed URLs of Cloud Storage: whose signature it is, and whether it is good for this request and at this time.

Sources: https://cloud.google.com/storage/docs/authentication/signatures,
https://cloud.google.com/storage/docs/authentication/canonical-requests,
https://cloud.google.com/storage/docs/access-control/signed-urls-v2 and, that a URL for GET is good for HEAD,
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

from google_auth_botocore.emulator._xml import XmlError, XmlRequest

_ALGORITHM = "GOOG4-RSA-SHA256"
_CREDENTIAL = re.compile(r"([^/]+)/((\d{8})/[^/]+/storage/goog4_request)")
_WEEK = 604_800
_SKEW = 900
# Customers' keys are no part of what V2 signs.
_UNSIGNED_IN_V2 = {"x-goog-encryption-key", "x-goog-encryption-key-sha256"}


class Signatures:
    """Tells who signed.

    Args:
        check: whether a service account signed a message with a signature; None: there is no such account.
        clock: gives the time, in seconds since the epoch.
    """

    def __init__(self, check: Callable[[str, bytes, bytes], bool | None], clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock

    def of_url(self, request: XmlRequest) -> str | None:
        """Gives the service account that signed the URL; None: it is not signed.

        Raises:
            XmlError: it is signed, but not well, not for this request, or not for this time.
        """
        try:
            return self._of_url(request)
        except XmlError:
            if request.method != "HEAD":
                raise
        # What may be read may be looked at.
        return self._of_url(replace(request, method="GET"))

    def _of_url(self, request: XmlRequest) -> str | None:
        parameters = {name.lower(): value for name, value in request.parameters.items()}
        if "x-goog-signature" in parameters:
            return self._v4(request, parameters)
        if "signature" in parameters and "googleaccessid" in parameters:
            return self._v2(request, parameters)
        return None

    def _v4(self, request: XmlRequest, parameters: dict[str, str]) -> str:
        for required in ("algorithm", "credential", "date", "expires", "signedheaders"):
            if f"x-goog-{required}" not in parameters:
                malformed(f"X-Goog-{required.capitalize()}", "A required parameter is missing.")
        account, scope, when = self.credential(parameters)
        expires = parameters["x-goog-expires"]
        if not re.fullmatch(r"\d{1,6}", expires) or not 0 < int(expires) <= _WEEK:
            malformed("X-Goog-Expires", f"It must be a number of seconds from 1 to {_WEEK}.")
        self._check_time(when + timedelta(seconds=int(expires)), when)
        signed = parameters["x-goog-signedheaders"].split(";")
        canonical = canonical_request(request, signed)
        text = "\n".join((_ALGORITHM, parameters["x-goog-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()))
        self.check(account, text, from_hex(parameters["x-goog-signature"]), CanonicalRequest=canonical)
        return account

    def _v2(self, request: XmlRequest, parameters: dict[str, str]) -> str:
        account, expires = parameters["googleaccessid"], parameters.get("expires", "")
        if not re.fullmatch(r"\d{1,12}", expires):
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
                *(f"{name}:{_folded(headers[name])}" for name in extensions),
                request.resource,
            )
        )
        try:
            signature = base64.b64decode(parameters["signature"], validate=True)
        except ValueError:
            malformed("signature", "Signature was not base64 encoded")
        self.check(account, text, signature)
        return account

    def credential(self, parameters: dict[str, str]) -> tuple[str, str, datetime]:
        """Reads `x-goog-algorithm`, `x-goog-credential` and `x-goog-date`: the account, the scope and the time.

        Raises:
            XmlError: one of them has not the form that it must have.
        """
        if parameters["x-goog-algorithm"] != _ALGORITHM:
            malformed("X-Goog-Algorithm", f"The emulator knows {_ALGORITHM} alone.")
        credential = _CREDENTIAL.fullmatch(parameters["x-goog-credential"])
        if credential is None:
            malformed("X-Goog-Credential", "It must be ACCOUNT/YYYYMMDD/LOCATION/storage/goog4_request.")
        date = parameters["x-goog-date"]
        try:
            when = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            malformed("X-Goog-Date", "It must be YYYYMMDD'T'HHMMSS'Z'.")
        if not date.startswith(credential[3]):
            malformed("X-Goog-Credential", "Its date is another one than that of X-Goog-Date.")
        return credential[1], credential[2], when

    def _check_time(self, end: datetime, start: datetime) -> None:
        now = self._clock()
        if now >= end.timestamp():
            details = f"The provided token has expired. Request signature expired at: {end.isoformat()}"
            raise XmlError(400, "ExpiredToken", "Invalid argument.", details)
        if now < start.timestamp() - _SKEW:
            details = "The difference between the request time and the server's time is too large."
            raise XmlError(403, "RequestTimeTooSkewed", "Access denied.", details)

    def check(self, account: str, text: str, signature: bytes, **seen: str) -> None:
        """Checks a signature of a text.

        Raises:
            XmlError: the account has not signed this text; what was *seen* on the way to it is told, too.
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
            raise XmlError(403, "SignatureDoesNotMatch", "Access denied.", details, StringToSign=text, **seen)


def canonical_request(request: XmlRequest, signed: list[str]) -> str:
    """Gives the canonical form of a request, of whose headers some are signed.

    Raises:
        XmlError: a header that must be signed is not, or one that is signed is not there.
    """
    headers = request.headers
    for name in signed:
        if name not in headers:
            malformed(name, "Header was included in signedheaders, but not in the request.")
    for name in headers:
        if name not in signed and (name == "host" or name.startswith(("x-goog-", "x-amz-"))):
            malformed(name, "Header was included in the request, but not in signedheaders.")
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
            *(f"{name}:{_folded(headers[name])}" for name in sorted(signed)),
            "",
            ";".join(signed),
            headers["x-goog-content-sha256"] if "x-goog-content-sha256" in signed else "UNSIGNED-PAYLOAD",
        )
    )


def from_hex(signature: str) -> bytes:
    """Reads a signature of V4."""
    try:
        return bytes.fromhex(signature)
    except ValueError:
        malformed("X-Goog-Signature", "It must be hexadecimal digits.")


def _folded(value: str) -> str:
    return " ".join(value.split())


def malformed(parameter: str, details: str) -> NoReturn:
    """Says that a part of a signature has not the form that it must have."""
    message = "Your request has a malformed header."
    raise XmlError(400, "MalformedSecurityHeader", message, details, ParameterName=parameter)
