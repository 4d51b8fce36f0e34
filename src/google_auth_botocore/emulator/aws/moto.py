"""moto: AWS's STS, IAM and S3 on loopback. moto does not verify signatures; `lookup` lets the emulator verify them.

https://docs.getmoto.org/en/latest/docs/server_mode.html
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator.aws import _moto_keys


class Moto:
    """A moto server in this process, served on loopback inside a `with` block."""

    def __init__(self) -> None:
        self._server: ThreadedMotoServer | None = None

    def __enter__(self) -> Moto:
        """Start the server."""
        if self._server is not None:
            raise RuntimeError("moto is already running")
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # otherwise it prints a line for each request
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server and delete all data in it."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            for service in ("iam", "s3", "sts"):
                backends: Any = get_backend(service)
                backends.reset()

    @property
    def url(self) -> str:
        """The server's base URL: `http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("moto is not running: use it as a context manager")
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK at this server for IAM, S3 and STS only."""
        return {f"AWS_ENDPOINT_URL_{service}": self.url for service in ("IAM", "S3", "STS")}

    def lookup(self, access_key_id: str) -> AwsKeys | None:
        """Return the keys with this ID; None: moto has not issued them. For `Emulator.aws_keys.add_lookup`."""
        return _moto_keys.find(access_key_id)
