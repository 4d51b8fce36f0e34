"""The certificate for `--tls`, and the throw-away certificate authority (CA) that signs it.

A client that trusts the CA accepts the emulator under Google's host names. The CA's private key is therefore never stored: it signs
one certificate and is discarded.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from google_auth_botocore.emulator import _x509

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_CA_NAME = "google-auth-botocore emulator CA"
_DAY = timedelta(days=1)
_LIFETIME = 365 * _DAY  # Apple's clients accept up to 825 days
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}")


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate with its private key, and the CA that signed it. All in PEM.

    Attributes:
        names: the host names and IP addresses that it is valid for.
        certificate: the server's certificate.
        private_key: the server's private key, PKCS #8.
        ca: the certificate of the CA, which clients have to trust.
        expiry: time of expiry, with a time zone.
    """

    names: tuple[str, ...]
    certificate: str
    private_key: str = field(repr=False)
    ca: str
    expiry: datetime

    def serves(self, names: Iterable[str]) -> bool:
        """Return whether it is valid for these names for at least another day."""
        return set(names) <= set(self.names) and datetime.now(timezone.utc) + _DAY < self.expiry


def create(names: Iterable[str]) -> ServerCertificate:
    """Create a CA and a certificate.

    Args:
        names: host names, also with a wildcard as their first label, and IP addresses.

    Raises:
        ValueError: a name is neither a host name nor an IP address.
    """
    names = tuple(dict.fromkeys(names))
    alternatives = [_alternative(name) for name in names]
    now = datetime.now(timezone.utc)  # not the emulator's clock: clients verify with their own
    start, expiry = now - _DAY, (now + _LIFETIME).replace(microsecond=0)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = (
        _x509.builder(_CA_NAME, _CA_NAME, ca_key.public_key(), start, expiry)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _x509.builder("google-auth-botocore emulator", _CA_NAME, key.public_key(), start, expiry)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return ServerCertificate(
        names,
        _x509.certificate_pem(certificate),
        _x509.private_key_pem(key),
        _x509.certificate_pem(ca),
        expiry,
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is neither a host name nor an IP address") from None
        return x509.DNSName(name)
