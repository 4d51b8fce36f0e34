"""JSON Web Tokens written and verified by hand, so that the emulator is not its own witness."""

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
    """Gives the public half of a key as a JSON Web Key."""
    named = {} if key_id is None else {"kid": key_id}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        return {**named, "kty": "RSA", "n": encode(uint(public.n, 256)), "e": encode(uint(public.e, 3))}
    point, size = key.public_key().public_numbers(), key.curve.key_size // 8
    return {
        **named,
        "kty": "EC",
        "crv": f"P-{key.curve.key_size}",
        "x": encode(uint(point.x, size)),
        "y": encode(uint(point.y, size)),
    }


def sign(claims: Mapping[str, Any], key: Key, **header: Any) -> str:
    """Gives a JWT: RS256 with an RSA key, ES256 or ES384 with an elliptic one, whatever its header is made to say."""
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


def verified(token: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the claims of an RS256 token; cryptography's InvalidSignature is raised where the key it names did not sign it."""
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(decode(part)) for part in signed.split("."))
    assert header["alg"] == "RS256"
    [key] = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    public.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(claims, dict)
    return claims
