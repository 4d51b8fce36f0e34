"""The service accounts that exist."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_EMAIL = re.compile(r"[a-z0-9-]+@[a-z0-9.:-]+\.gserviceaccount\.com")


@dataclass(frozen=True)
class ServiceAccount:
    """A service account.

    Attributes:
        email: `NAME@PROJECT.iam.gserviceaccount.com`.
        unique_id: 21 digits, the same for the same e-mail address.
        lifetime_extension: whether the organisation lets its access tokens live up to 12 hours.
    """

    email: str
    unique_id: str
    lifetime_extension: bool

    @property
    def member(self) -> str:
        """Its name as an IAM member."""
        return f"serviceAccount:{self.email}"


class ServiceAccounts:
    """Service accounts by e-mail address and by unique id."""

    def __init__(self) -> None:
        self._accounts: dict[str, ServiceAccount] = {}

    def add(self, email: str, *, lifetime_extension: bool = False) -> ServiceAccount:
        """Makes a service account.

        Raises:
            ValueError: the address is not one of a service account.
        """
        if not _EMAIL.fullmatch(email):
            raise ValueError(f"{email!r} is not the e-mail address of a service account")
        digest = int.from_bytes(hashlib.sha256(email.encode()).digest(), "big")
        account = ServiceAccount(email, str(10**20 + digest % 10**20), lifetime_extension)
        self._accounts[account.email] = self._accounts[account.unique_id] = account
        return account

    def find(self, name: str) -> ServiceAccount | None:
        """Gives the account with this e-mail address or unique id."""
        return self._accounts.get(name)
