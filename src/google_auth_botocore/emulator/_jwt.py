"""JSON Web Tokens: signed with RS256, verified with RS256 or ES256.

Source: https://datatracker.ietf.org/doc/html/rfc7515
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from google_auth_botocore.emulator import _json
from google_auth_botocore.emulator._signing_keys import SigningKey

_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}


class JwtError(ValueError):
    """A token is not a JWT, or its signature is invalid."""


def sign(payload: bytes, key: SigningKey) -> str:
    """Return a signed JWT with a payload that is already serialized."""
    header = json.dumps({"alg": "RS256", "kid": key.key_id, "typ": "JWT"}).encode()
    signed = f"{_encode(header)}.{_encode(payload)}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a token without verifying it.

    Raises:
        JwtError: it is not a JWT.
    """
    return _parts(token)[1]


def verify(token: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Verify a token's signature with a JSON Web Key Set, and return its claims. Times are not checked.

    Raises:
        JwtError: it is not a JWT, its algorithm is not supported, no key matches, or the signature is invalid.
    """
    header, payload, signature = _parts(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    key_type = _KEY_TYPES.get(str(algorithm))
    if key_type is None:
        raise JwtError(f"the algorithm {algorithm} is not supported")
    signed = token.rpartition(".")[0].encode()
    listed = jwks.get("keys")
    for key in listed if isinstance(listed, list) else ():
        matches = isinstance(key, dict) and key.get("kty") == key_type and key_id in (None, key.get("kid"))
        if matches and _verifies(signed, signature, key):
            return payload
    raise JwtError("no key of the issuer verifies its signature")


def _verifies(signed: bytes, signature: bytes, jwk: Mapping[str, str]) -> bool:
    try:
        if jwk["kty"] == "RSA":
            rsa_key = rsa.RSAPublicNumbers(_uint(jwk["e"]), _uint(jwk["n"])).public_key()
            rsa_key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            point = ec.EllipticCurvePublicNumbers(_uint(jwk["x"]), _uint(jwk["y"]), ec.SECP256R1())
            r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
            point.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, KeyError, TypeError, ValueError):  # the set may contain anything
        return False
    return True


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    try:
        header, payload, signature = (_decode(part) for part in token.split("."))
        parsed = _json.parse(header), _json.parse(payload)
    except ValueError as error:
        raise JwtError("not a JWT") from error
    if not all(isinstance(part, dict) for part in parsed):
        raise JwtError("not a JWT")
    return parsed[0], parsed[1], signature


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except binascii.Error as error:
        raise JwtError("not base64url") from error


def _uint(text: str) -> int:
    return int.from_bytes(_decode(text), "big")
