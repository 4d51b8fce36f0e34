"""The keys that moto has issued in this process, by its server or under `mock_aws`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timezone
from typing import Any

from moto.backends import get_backend

from google_auth_botocore.emulator._aws_keys import AwsKeys


def find(access_key_id: str) -> AwsKeys | None:
    """Return the keys with this ID; None: moto has not issued them."""
    for account, sts in _backends("sts"):
        role = sts.get_assumed_role_from_access_key(access_key_id)
        if role is not None:
            return AwsKeys(
                access_key_id=access_key_id,
                secret_access_key=role.secret_access_key,
                session_token=role.session_token,
                expiry=role.expiration.replace(tzinfo=timezone.utc),
                account=account,
                arn=role.arn,
                user_id=role.user_id,
            )
    for account, iam in _backends("iam"):
        user = iam.get_user_from_access_key_id(access_key_id)
        if user is not None:
            key = user.get_access_key_by_id(access_key_id)
            return AwsKeys(access_key_id, key.secret_access_key, None, None, account, user.arn, user.id)
    return None


def _backends(service: str) -> Iterator[tuple[str, Any]]:
    """Yield each account that has called the service, with each of its backends. Create no new backend."""
    every: Any = get_backend(service)  # type: ignore[call-overload]  # its argument is a Literal of all services
    for account, partitions in list(every.items()):
        for backend in list(partitions.values()):
            yield account, backend
