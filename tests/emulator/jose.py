"""JSON Web Tokens, signed and verified independently of the emulator's code."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text: str) -> int:
    return int.from_bytes(decode(text), "big")


def uint(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def jwk(key: Key, key_id: str | None = None) -> dict[str, Any]:
    """Return the public key as a JSON Web Key."""
    kid = {} if key_id is None else {"kid": key_id}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        return {**kid, "kty": "RSA", "n": encode(uint(public.n, 256)), "e": encode(uint(public.e, 3))}
    point, size = key.public_key().public_numbers(), key.curve.key_size // 8
    return {
        **kid,
        "kty": "EC",
        "crv": f"P-{key.curve.key_size}",
        "x": encode(uint(point.x, size)),
        "y": encode(uint(point.y, size)),
    }


def sign(claims: Mapping[str, Any], key: Key, **header: Any) -> str:
    """Sign a JWT with RS256 for an RSA key, or ES256 or ES384 for an EC key, even if *header* names another algorithm."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else f"ES{key.curve.key_size}"
    signed = ".".join(
        encode(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT", **header}, claims)
    )
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        digest = {256: hashes.SHA256, 384: hashes.SHA384}[key.curve.key_size]()
        size = key.curve.key_size // 8
        signature = b"".join(uint(n, size) for n in decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(digest))))
    return f"{signed}.{encode(signature)}"


def verify(token: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Verify an RS256 token and return its claims. cryptography raises InvalidSignature if the signature is invalid."""
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(decode(part)) for part in signed.split("."))
    assert header["alg"] == "RS256"
    [key] = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    public.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(claims, dict)
    return claims
