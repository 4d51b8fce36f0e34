"""Access tokens: opaque to everyone, and known here until they expire."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from google_auth_botocore.emulator._settings import Settings


@dataclass(frozen=True)
class TokenInfo:
    """What an access token stands for.

    Attributes:
        principal: a `principal://` name, or the e-mail address of a service account or a user.
        scopes: what it may be used for.
        issued: aware, when it was made.
        expiry: aware, when it stops working.
        members: every name by which an IAM binding can mean the holder.
    """

    principal: str
    scopes: tuple[str, ...]
    issued: datetime
    expiry: datetime
    members: frozenset[str] = field(repr=False)


class Tokens:
    """Mints access tokens and knows them again."""

    def __init__(self, settings: Settings, suspends: Callable[[str], bool]) -> None:
        """Starts with none.

        Args:
            settings: has the clock.
            suspends: says whether a principal's tokens are good for nothing for the time being.
        """
        self._settings = settings
        self._suspends = suspends
        self._infos: dict[str, TokenInfo] = {}

    def mint(
        self, principal: str, members: Iterable[str], scopes: Iterable[str], lifetime: float
    ) -> tuple[str, TokenInfo]:
        """Makes a token that lives for `lifetime` seconds from now."""
        now = self._now()
        info = TokenInfo(principal, tuple(scopes), now, now + timedelta(seconds=lifetime), frozenset(members))
        value = f"ya29.{secrets.token_urlsafe(120)}"
        self._infos[value] = info
        return value, info

    def check(self, value: str) -> TokenInfo | None:
        """Gives what a token stands for; None where it is unknown, expired or suspended."""
        info = self._infos.get(value)
        if info is None or self._now() >= info.expiry or self._suspends(info.principal):
            return None
        return info

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._settings.clock(), timezone.utc)
