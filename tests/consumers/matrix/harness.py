"""The harness in which a library runs: both clouds, Google APIs, one fake clock, and events such as an outage."""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import threading
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest
import requests
from core.stand_in import FakeClock
from refresh.threads import Threads

from consumers.google_clients.apis import Certificate, GrpcApi, HttpApi
from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator, Fault, TokenInfo
from google_auth_botocore.emulator.sandbox import Sandbox


def _parquet(table: dict[str, list[int]]) -> bytes:
    content = io.BytesIO()
    pd.DataFrame(table).to_parquet(content)
    return content.getvalue()


LIFETIME = 3600
# The objects in Cloud Storage: a table, and more, so that a transfer has several requests.
TABLE = {"x": [1, 2, 3]}
TABLE_NAME = "table.parquet"
BUCKET = "my-bucket"
OBJECTS = {TABLE_NAME: _parquet(TABLE), "1": b"one", "2": b"two"}
_STEPS = ("/v1/token", ":generateAccessToken")


class TokenChecks:
    """Records the tokens that the APIs check, and revokes tokens. It intercepts the emulator's check of tokens.

    Args:
        account: the service account whose requests count. Threads of an earlier test may still send one for another.

    Attributes:
        accepted: the token of each accepted request, in order of arrival.
        rejected: the number of requests with a token that was accepted before and is now expired or revoked.
    """

    def __init__(self, account: str) -> None:
        self.accepted: list[str] = []
        self.rejected = 0
        self._account = account
        self._revoked: set[str] = set()

    def check(self, token: str, info: TokenInfo | None) -> TokenInfo | None:
        """Return what a token stands for; None: it is unknown, expired or revoked."""
        if info is None or token in self._revoked:
            self.rejected += token in self.accepted
            return None
        if info.principal == self._account:
            self.accepted.append(token)
        return info

    def revoke(self) -> None:
        """Revoke every token that was accepted."""
        self._revoked.update(self.accepted)


class Harness:
    """The environment of one library.

    Args:
        sandbox: both clouds.
        certificate: certificate of the APIs that require TLS.
        patch: patches for this harness, which are undone afterwards.
        name: name of its service account, which no other harness uses.

    Attributes:
        sandbox: see the argument.
        certificate: see the argument.
        patch: see the argument.
        clock: the fake clock of this package, of Google, and of the library between two attempts.
        tokens: the tokens that the APIs have checked.
        http: an API over HTTP.
        grpc: an API over gRPC.
        credentials: the credentials for the library.
        threads: holds background refreshes until `run` is called.
    """

    def __init__(self, sandbox: Sandbox, certificate: Certificate, patch: pytest.MonkeyPatch, name: str) -> None:
        self.sandbox, self.certificate, self.patch = sandbox, certificate, patch
        self.clock = FakeClock(now=time.time())
        self.threads = Threads(self.clock)
        self.threads.Lock = threading.Lock  # type: ignore[assignment,method-assign]  # in these tests, threads wait for each other
        google, role = sandbox.google, sandbox.arn.rpartition("/")[0]
        self._account = google.add_service_account(f"{name}@my-project.iam.gserviceaccount.com").email
        google.grant(self._account, "roles/iam.workloadIdentityUser", sandbox.provider.principal_set("aws_role", role))
        self.tokens = TokenChecks(self._account)
        check = Emulator.check_access_token
        patch.setattr(Emulator, "check_access_token", lambda it, token: self.tokens.check(token, check(it, token)))
        patch.setattr(google, "clock", self.clock.time)
        patch.setattr(Credentials, "_clock", self.clock)
        self.threads.install(patch)
        keys = google.aws_keys.issue(sandbox.arn, lifetime=86_400)
        patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        patch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        patch.setenv("AWS_REGION", "eu-central-1")
        self.use_fake_clock("google_auth_botocore._refresh.backoff.random")
        arguments = {**sandbox.credentials_arguments(), "service_account_email": self._account}
        self.credentials = Credentials(**arguments)
        self.http = HttpApi(google)
        self.grpc = GrpcApi(google, certificate)
        self._late = 0.0

    @property
    def exchanges(self) -> int:
        """The number of access tokens requested for the service account."""
        return self.sandbox.google.count(f"/{self._account}:generateAccessToken")

    def use_fake_clock(self, name: str) -> None:
        """Let a library wait between two attempts by the fake clock, and always for the maximum of a random time.

        Args:
            name: the attribute where it imports one of the modules `time`, `asyncio` and `random`.
        """
        modules = {
            "time": self.clock,
            "asyncio": SimpleNamespace(**{**vars(asyncio), "sleep": self.sleep}),
            "random": SimpleNamespace(**{**vars(random), "random": lambda: 1.0, "uniform": lambda _, high: high}),
        }
        self.patch.setattr(name, modules[name.rpartition(".")[2]])

    async def sleep(self, seconds: float) -> None:
        """Replace `asyncio.sleep`, by the fake clock."""
        self.clock.sleep(seconds)
        await asyncio.sleep(0)

    def set_clock_back(self, seconds: float) -> None:
        """Set the clock back until `catch_up`. Then a token issued now has a lifetime that is shorter by these seconds."""
        self.clock.now -= seconds
        self._late = seconds

    def catch_up(self) -> None:
        """Advance the clock by the seconds that it was set back."""
        self.clock.advance(self._late)
        self._late = 0.0

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Simulate an outage of Google's Security Token Service and IAM Credentials."""
        for step in _STEPS:
            self.sandbox.google.fail(step, Fault(503, times=None))
        try:
            yield
        finally:
            self.sandbox.google.clear_faults()

    def remove_binding(self) -> None:
        """Remove all permissions to impersonate the service account."""
        google = self.sandbox.google
        reply = requests.post(
            f"{google.url}/v1/projects/-/serviceAccounts/{self._account}:setIamPolicy",
            json={"policy": {}},
            headers={"Authorization": f"Bearer {google.administrator_token()}"},
            timeout=30,
        )
        assert reply.status_code == 200, reply.text


class Consumer:
    """A client library that uses our credentials. One client makes all calls.

    Args:
        credentials: the credentials for its client.
        harness: its environment.
    """

    # Its name in the table.
    name: ClassVar[str]
    # Seconds of real time for which it caches a token that expires after them. It accepts no token that has expired.
    keeps: ClassVar[float] = 0.0
    # The exception that its users catch if Google rejects a token; None: the class that it raises.
    caught: ClassVar[type[Exception] | None] = None
    # The scopes that it sets by default.
    scopes: ClassVar[Sequence[str] | None] = None
    # The attributes where it imports `time`, `asyncio` and `random`, with which it waits between two attempts.
    waits: ClassVar[tuple[str, ...]] = ()

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        raise NotImplementedError

    def call(self) -> None:
        """Make a call that requires a token, and check its result."""
        raise NotImplementedError

    def close(self) -> None:
        """Close everything."""
