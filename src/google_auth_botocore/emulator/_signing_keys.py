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
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from google_auth_botocore.emulator import _x509

_YEAR = timedelta(days=365)


class SigningKey:
    """A 2048-bit RSA key and its public forms.

    Attributes:
        key_id: ID of the key, as published with it.
        certificate: the public key as a self-signed X.509 certificate in PEM.
        jwk: the public key as a JSON Web Key.
    """

    def __init__(self, private_key: rsa.RSAPrivateKey, certificate: str) -> None:
        self._private = private_key
        self.certificate = certificate
        public = private_key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = hashlib.sha1(der, usedforsecurity=False).hexdigest()  # as long as Google's
        numbers = public.public_numbers()
        self.jwk = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": _base64url_uint(numbers.n),
            "e": _base64url_uint(numbers.e),
        }

    @classmethod
    def create(cls, common_name: str, now: datetime) -> SigningKey:
        """Create a key with a certificate that is valid from one year before `now` to ten years after."""
        private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = _certificate(private_key, hashes.SHA256(), common_name, now)
        return cls(private_key, _x509.certificate_pem(certificate))

    @classmethod
    def from_pem(cls, private_key: str, certificate: str) -> SigningKey:
        """Load a key that was saved.

        Raises:
            ValueError: it is not an RSA key in PEM.
        """
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")  # noqa: TRY004 - the content is wrong
        return cls(key, certificate)

    @property
    def private_key(self) -> str:
        """The private key, PKCS #8 in PEM."""
        return _x509.private_key_pem(self._private)

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


def _certificate(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, algorithm: hashes.SHA256 | None, common_name: str, now: datetime
) -> x509.Certificate:
    start, end = now - _YEAR, now + 10 * _YEAR
    return _x509.builder(common_name, common_name, key.public_key(), start, end).sign(key, algorithm)


def _base64url_uint(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class KeyRing:
    """Signing keys by owner."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, SigningKey] = {}
        # cryptography keeps the class `datetime` of the first certificate, and rejects others. Within freezegun, the class is
        # freezegun's, so make one before a test sets the clock. This kind of key is created at once.
        _certificate(ed25519.Ed25519PrivateKey.generate(), None, "unused", datetime.now(timezone.utc))

    def key_for(self, owner: str) -> SigningKey:
        """Return the key of an owner. It is created on first use."""
        with self._lock:
            if owner not in self._keys:
                now = datetime.fromtimestamp(self._clock(), timezone.utc)
                self._keys[owner] = SigningKey.create(owner, now)
            return self._keys[owner]
