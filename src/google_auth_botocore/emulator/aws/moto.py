"""moto, AWS's STS, IAM and S3 on loopback, and what keys it has issued: it checks no signature itself.

https://docs.getmoto.org/en/latest/docs/server_mode.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timezone
from types import TracebackType
from typing import Any

from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from google_auth_botocore.emulator._aws_keys import AwsKeys


class Moto:
    """A moto server in this process, served on loopback while its context is open."""

    def __init__(self) -> None:
        self._server: ThreadedMotoServer | None = None

    def __enter__(self) -> Moto:
        """Starts the server."""
        if self._server is not None:
            raise RuntimeError("it is running already")
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else each request is a line on the terminal
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the server and forgets everything in it."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            for service in ("iam", "s3", "sts"):
                backends: Any = get_backend(service)
                backends.reset()

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("it is not running: use it as a context manager")
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def environment(self) -> dict[str, str]:
        """What points an AWS SDK at it, service by service: instance metadata and the like are elsewhere."""
        return {f"AWS_ENDPOINT_URL_{service}": self.url for service in ("IAM", "S3", "STS")}

    def lookup(self, access_key_id: str) -> AwsKeys | None:
        """The keys with this id, if moto has issued them: for `Emulator.aws_keys.add_lookup`."""
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
    """Each account that somebody has called the service in, with its backend for each partition; none is made on the way."""
    every: Any = get_backend(service)  # type: ignore[call-overload]  # a literal of every service's name
    for account, partitions in list(every.items()):
        for backend in list(partitions.values()):
            yield account, backend
