"""The AWS keys that the emulator accepts, with which it verifies signatures."""

from __future__ import annotations

import random
import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

_ALPHABET = string.ascii_uppercase + "234567"  # the characters of AWS's identifiers


@dataclass(frozen=True)
class AwsKeys:
    """A set of AWS keys and the identity that they belong to.

    Attributes:
        access_key_id: `ASIA…` for temporary keys, `AKIA…` for an IAM user's.
        secret_access_key: signs requests; it is never sent.
        session_token: None for long-term keys.
        expiry: time of expiry, with a time zone; None for long-term keys.
        account: the AWS account, 12 digits.
        arn: the ARN that GetCallerIdentity returns.
        user_id: the `UserId` that GetCallerIdentity returns: `AROA…:session` for an assumed role, `AIDA…` for a user.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expiry: datetime | None
    account: str
    arn: str
    user_id: str


class AwsKeyRegistry:
    """Every set of AWS keys that the emulator accepts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: dict[str, AwsKeys] = {}
        self._lookups: list[Callable[[str], AwsKeys | None]] = []

    def issue(
        self,
        arn: str = "arn:aws:sts::123456789012:assumed-role/app/i-0abc",
        *,
        account: str | None = None,
        user_id: str | None = None,
        temporary: bool = True,
        lifetime: float = 3600,
    ) -> AwsKeys:
        """Create keys that the emulator accepts, as AWS would issue them.

        Args:
            arn: ARN of the identity, as returned by GetCallerIdentity: an `sts` ARN for an assumed role.
            account: the AWS account; None: the account in the ARN.
            user_id: the `UserId`; None: a realistic one, always the same for the same role or user.
            temporary: whether the keys have a session token and expire.
            lifetime: lifetime of temporary keys, in seconds from now on the emulator's clock.

        Raises:
            ValueError: the ARN is not one that GetCallerIdentity returns.
        """
        if not re.fullmatch(r"arn:[^:]+:(sts|iam)::[0-9]{12}:.+", arn):
            raise ValueError(f"{arn!r} is not the ARN of an AWS identity")
        if ":role/" in arn:
            raise ValueError(
                f"{arn!r} is a role. Pass the ARN of a session of it: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"
            )
        now = datetime.fromtimestamp(self._clock(), timezone.utc)
        keys = AwsKeys(
            access_key_id=("ASIA" if temporary else "AKIA") + _letters(secrets.SystemRandom()),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(240) if temporary else None,
            expiry=now + timedelta(seconds=lifetime) if temporary else None,
            account=account or arn.split(":")[4],
            arn=arn,
            user_id=user_id or _user_id(arn),
        )
        self.add(keys)
        return keys

    def add(self, keys: AwsKeys) -> None:
        """Accept keys that were created elsewhere."""
        self._keys[keys.access_key_id] = keys

    def known(self) -> list[AwsKeys]:
        """Return all keys that were issued or added here, the oldest first."""
        return list(self._keys.values())

    def add_lookup(self, lookup: Callable[[str], AwsKeys | None]) -> None:
        """Call `lookup` for every access key ID that is unknown here, for example to search moto's backends.

        Args:
            lookup: returns the keys with this ID; None: unknown.
        """
        self._lookups.append(lookup)

    def find(self, access_key_id: str) -> AwsKeys | None:
        """Return the keys with this ID; None: unknown."""
        known = self._keys.get(access_key_id)
        if known is not None:
            return known
        found = (lookup(access_key_id) for lookup in self._lookups)
        return next((keys for keys in found if keys is not None), None)


def _user_id(arn: str) -> str:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "root":
        return arn.split(":")[4]
    if kind == "assumed-role":
        role, _, session = name.partition("/")
        return f"AROA{_letters(random.Random(role))}:{session}"  # noqa: S311 - an identifier, not a secret
    return f"AIDA{_letters(random.Random(arn))}"  # noqa: S311 - an identifier, not a secret


def _letters(source: random.Random) -> str:
    return "".join(source.choices(_ALPHABET, k=16))
