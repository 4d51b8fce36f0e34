"""The AWS keys that count as issued: what tells a real signature from a made-up one."""

from __future__ import annotations

import random
import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

_ALPHABET = string.ascii_uppercase + "234567"  # what AWS's identifiers are written in


@dataclass(frozen=True)
class AwsKeys:
    """A set of AWS keys and whose they are.

    Attributes:
        access_key_id: `ASIA…` for temporary keys, `AKIA…` for an IAM user's.
        secret_access_key: signs; never sent.
        session_token: None for long-term keys.
        expiry: aware; None for long-term keys.
        account: the 12 digits of the AWS account.
        arn: what GetCallerIdentity calls the holder.
        user_id: GetCallerIdentity's `UserId`: `AROA…:session` for an assumed role, `AIDA…` for a user.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expiry: datetime | None
    account: str
    arn: str
    user_id: str


class AwsKeyRegistry:
    """Every set of keys that AWS issued, as far as the emulator knows."""

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
        """Makes keys that the emulator accepts, as AWS would issue them.

        Args:
            arn: whose they are, as GetCallerIdentity names it: an `sts` ARN for an assumed role.
            account: None: the account in the ARN.
            user_id: None: one that AWS could have given, the same for the same role or user.
            temporary: whether the keys have a session token and an expiry.
            lifetime: of temporary keys, in seconds from now on the emulator's clock.

        Raises:
            ValueError: the ARN is none of a caller's.
        """
        if not re.fullmatch(r"arn:[^:]+:(sts|iam)::\d{12}:.+", arn):
            raise ValueError(f"{arn!r} is not the ARN of an AWS identity")
        if ":role/" in arn:
            raise ValueError(
                f"{arn!r} is a role, and who calls AWS is a session of one: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"
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
        """Lets keys that were made elsewhere count as issued."""
        self._keys[keys.access_key_id] = keys

    def add_lookup(self, lookup: Callable[[str], AwsKeys | None]) -> None:
        """Asks `lookup` for every access key id not known here: moto's backends, say. It gives None for "not mine"."""
        self._lookups.append(lookup)

    def find(self, access_key_id: str) -> AwsKeys | None:
        """Gives the keys with this id, None where nobody issued them."""
        known = self._keys.get(access_key_id)
        if known is not None:
            return known
        answers = (lookup(access_key_id) for lookup in self._lookups)
        return next((keys for keys in answers if keys is not None), None)


def _user_id(arn: str) -> str:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "root":
        return arn.split(":")[4]
    if kind == "assumed-role":
        role, _, session = name.partition("/")
        return f"AROA{_letters(random.Random(role))}:{session}"  # noqa: S311 - a name, no secret
    return f"AIDA{_letters(random.Random(arn))}"  # noqa: S311


def _letters(source: random.Random) -> str:
    return "".join(source.choices(_ALPHABET, k=16))
