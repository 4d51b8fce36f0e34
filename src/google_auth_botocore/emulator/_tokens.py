"""Access tokens: opaque strings that the emulator issues and later recognizes."""

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
        scopes: its OAuth scopes.
        issued: time of issue, with a time zone.
        expiry: time of expiry, with a time zone.
        members: every member name with which an IAM binding can match the holder.
    """

    principal: str
    scopes: tuple[str, ...]
    issued: datetime
    expiry: datetime
    members: frozenset[str] = field(repr=False)


class Tokens:
    """Issues and checks access tokens."""

    def __init__(self, settings: Settings, is_suspended: Callable[[str], bool]) -> None:
        """Start without tokens.

        Args:
            settings: provides the clock.
            is_suspended: returns whether the tokens of a principal are currently rejected.
        """
        self._settings = settings
        self._is_suspended = is_suspended
        self._infos: dict[str, TokenInfo] = {}

    def issue(
        self, principal: str, members: Iterable[str], scopes: Iterable[str], lifetime: float
    ) -> tuple[str, TokenInfo]:
        """Create a token that is valid for `lifetime` seconds from now."""
        now = self._now()
        info = TokenInfo(principal, tuple(scopes), now, now + timedelta(seconds=lifetime), frozenset(members))
        value = f"ya29.{secrets.token_urlsafe(120)}"
        self._infos[value] = info
        return value, info

    def check(self, value: str) -> TokenInfo | None:
        """Return what a token stands for; None: it is unknown, expired or suspended."""
        info = self._infos.get(value)
        if info is None or self._now() >= info.expiry or self._is_suspended(info.principal):
            return None
        return info

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._settings.clock(), timezone.utc)
