"""Google's private keys: one for each service account and one for ID tokens. Real RSA keys, created on first use."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_YEAR = timedelta(days=365)


class SigningKey:
    """A 2048-bit RSA key and its public forms.

    Attributes:
        key_id: ID of the key, as published with it.
        certificate: the public key as a self-signed X.509 certificate in PEM.
        jwk: the public key as a JSON Web Key.
    """

    def __init__(self, common_name: str, now: datetime) -> None:
        """Create a key with a certificate that is valid from one year before `now` to ten years after."""
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._private.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = hashlib.sha1(der, usedforsecurity=False).hexdigest()  # as long as Google's
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _YEAR)
            .not_valid_after(now + 10 * _YEAR)
            .sign(self._private, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        numbers = public.public_numbers()
        self.jwk = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": _base64url_uint(numbers.n),
            "e": _base64url_uint(numbers.e),
        }

    def sign(self, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256."""
        return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature was created by `sign`."""
        try:
            self._private.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def _base64url_uint(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class KeyRing:
    """Signing keys by owner."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, SigningKey] = {}

    def key_for(self, owner: str) -> SigningKey:
        """Return the key of an owner. It is created on first use."""
        with self._lock:
            if owner not in self._keys:
                now = datetime.fromtimestamp(self._clock(), timezone.utc)
                self._keys[owner] = SigningKey(owner, now)
            return self._keys[owner]
