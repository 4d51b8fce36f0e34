"""Service accounts."""

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
        unique_id: 21 digits, the same for the same e-mail address unless the account was deleted in between.
        lifetime_extension: whether the organization allows its access tokens a lifetime of up to 12 hours.
        display_name: its display name.
        description: its description.
        disabled: whether it is disabled. Then it gets no tokens; tokens already issued stay valid.
    """

    email: str
    unique_id: str
    lifetime_extension: bool
    display_name: str = ""
    description: str = ""
    disabled: bool = False

    @property
    def member(self) -> str:
        """Its name as an IAM member."""
        return f"serviceAccount:{self.email}"

    @property
    def project_id(self) -> str:
        """The ID of the project that it belongs to."""
        return self.email.partition("@")[2].partition(".")[0]


class ServiceAccounts:
    """Service accounts by e-mail address and by unique ID."""

    def __init__(self) -> None:
        self._accounts: dict[str, ServiceAccount] = {}
        self._deleted: dict[str, ServiceAccount] = {}

    def add(self, email: str, *, lifetime_extension: bool = False) -> ServiceAccount:
        """Create a service account.

        Raises:
            ValueError: the address is not a service account's.
        """
        if not _EMAIL.fullmatch(email):
            raise ValueError(f"{email!r} is not the e-mail address of a service account")
        earlier = sum(account.email == email for account in self._deleted.values())
        seed = f"{email}#{earlier}" if earlier else email
        digest = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")
        return self.put(ServiceAccount(email, str(10**20 + digest % 10**20), lifetime_extension))

    def put(self, account: ServiceAccount) -> ServiceAccount:
        """Add an account, or replace the one with the same e-mail address."""
        self._accounts[account.email] = self._accounts[account.unique_id] = account
        return account

    def find(self, name: str) -> ServiceAccount | None:
        """Return the account with this e-mail address or unique ID."""
        return self._accounts.get(name)

    def of_project(self, project_id: str) -> list[ServiceAccount]:
        """Return the accounts of a project."""
        return [
            account
            for name, account in list(self._accounts.items())
            if name == account.email and account.project_id == project_id
        ]

    def delete(self, account: ServiceAccount) -> None:
        """Delete an account."""
        for name in (account.email, account.unique_id):
            self._accounts.pop(name, None)
        self._deleted[account.unique_id] = account

    def undelete(self, unique_id: str) -> ServiceAccount | None:
        """Restore a deleted account. None: it was not deleted, or another account now has its e-mail address."""
        account = self._deleted.get(unique_id)
        if account is None or account.email in self._accounts:
            return None
        return self.put(self._deleted.pop(unique_id))
