"""Where a library does its job: Google's side, the APIs behind it, one clock for all, and what can happen to a token."""

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


LIFE = 3600
# What lies in Cloud Storage: a table, and beside it what takes a transfer more than one request.
TABLE = {"x": [1, 2, 3]}
TABLE_NAME = "table.parquet"
BUCKET = "my-bucket"
OBJECTS = {TABLE_NAME: _parquet(TABLE), "1": b"one", "2": b"two"}
_STEPS = ("/v1/token", ":generateAccessToken")


class Doors:
    """What all APIs here let in. Each asks the emulator what a token stands for, and the emulator asks here.

    Args:
        account: whose requests count; some libraries' threads have a last one when their world is over.

    Attributes:
        admitted: the token of each request that was let in, in order of arrival.
        refused: how many requests came with one that was let in before, and is over by now.
    """

    def __init__(self, account: str) -> None:
        self.admitted: list[str] = []
        self.refused = 0
        self._account = account
        self._revoked: set[str] = set()

    def check(self, token: str, info: TokenInfo | None) -> TokenInfo | None:
        """What a token stands for, None for one that is over."""
        if info is None or token in self._revoked:
            self.refused += token in self.admitted
            return None
        if info.principal == self._account:
            self.admitted.append(token)
        return info

    def revoke(self) -> None:
        """Ends every token that was used, long before it expires."""
        self._revoked.update(self.admitted)


class World:
    """Everything around one library.

    Args:
        sandbox: both clouds.
        certificate: of the APIs that want TLS.
        patch: undone when the world ends.
        name: of a service account for it alone.

    Attributes:
        sandbox: see the argument.
        certificate: see the argument.
        patch: see the argument.
        clock: ours, Google's, and that of a library between two of its tries.
        doors: of every API.
        http: an API over HTTP.
        grpc: an API over gRPC.
        credentials: what the library is given.
        threads: where refreshes in the background stand until they are let go on.
    """

    def __init__(self, sandbox: Sandbox, certificate: Certificate, patch: pytest.MonkeyPatch, name: str) -> None:
        self.sandbox, self.certificate, self.patch = sandbox, certificate, patch
        self.clock = FakeClock(now=time.time())
        self.threads = Threads(self.clock)
        self.threads.Lock = threading.Lock  # type: ignore[assignment,method-assign]  # here threads wait for each other
        google, role = sandbox.google, sandbox.arn.rpartition("/")[0]
        self._account = google.add_service_account(f"{name}@my-project.iam.gserviceaccount.com").email
        google.grant(self._account, "roles/iam.workloadIdentityUser", sandbox.provider.principal_set("aws_role", role))
        self.doors = Doors(self._account)
        check = Emulator.check_access_token
        patch.setattr(Emulator, "check_access_token", lambda it, token: self.doors.check(token, check(it, token)))
        patch.setattr(google, "clock", self.clock.time)
        patch.setattr(sandbox.storage, "_check", google.check_access_token)
        patch.setattr(Credentials, "_clock", self.clock)
        self.threads.take_the_place(patch)
        keys = google.aws_keys.issue(sandbox.arn, lifetime=86_400)
        patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        patch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        patch.setenv("AWS_REGION", "eu-central-1")
        self.wait_by_the_clock("google_auth_botocore._google.sender.random")
        arguments = {**sandbox.credentials_arguments(), "service_account_email": self._account}
        self.credentials = Credentials(**arguments)
        self.http = HttpApi(google)
        self.grpc = GrpcApi(google, certificate)
        self._late = 0.0

    @property
    def exchanges(self) -> int:
        """How often Google was asked for a token of the service account."""
        return self.sandbox.google.count(f"/{self._account}:generateAccessToken")

    def wait_by_the_clock(self, name: str) -> None:
        """Lets a library that waits between two tries do so by the clock of this world, and always for the longest time.

        Args:
            name: where it keeps one of the modules `time`, `asyncio` and `random`.
        """
        modules = {
            "time": self.clock,
            "asyncio": SimpleNamespace(**{**vars(asyncio), "sleep": self.sleep}),
            "random": SimpleNamespace(**{**vars(random), "random": lambda: 1.0, "uniform": lambda _, high: high}),
        }
        self.patch.setattr(name, modules[name.rpartition(".")[2]])

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`, by the clock of this world."""
        self.clock.sleep(seconds)
        await asyncio.sleep(0)

    def run_late(self, seconds: float) -> None:
        """Lets the clock be late until `catch_up`, so that a token has as much less to live by the clock on the wall."""
        self.clock.now -= seconds
        self._late = seconds

    def catch_up(self) -> None:
        """Lets the time pass by which the clock is late."""
        self.clock.advance(self._late)
        self._late = 0.0

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Google's Security Token Service and IAM Credentials are down."""
        for step in _STEPS:
            self.sandbox.google.fail(step, Fault(503, times=None))
        try:
            yield
        finally:
            self.sandbox.google.clear_faults()

    def take_grant_away(self) -> None:
        """Nobody may impersonate the service account any more."""
        google = self.sandbox.google
        reply = requests.post(
            f"{google.url}/v1/projects/-/serviceAccounts/{self._account}:setIamPolicy",
            json={"policy": {}},
            headers={"Authorization": f"Bearer {google.administrator_token()}"},
            timeout=30,
        )
        assert reply.status_code == 200, reply.text


class Consumer:
    """A library that has credentials of ours. Its client lives from one job to the next.

    Args:
        credentials: what it is given.
        world: where it works.
    """

    # What the README calls it.
    name: ClassVar[str]
    # For how many seconds, by a clock that can't be reached, it keeps a token that ends then; it takes none that is over.
    keeps: ClassVar[float] = 0.0
    # What its users catch where Google refuses a token; None: the very class that it raises.
    caught: ClassVar[type[Exception] | None] = None
    # What it asks for where nobody has chosen scopes.
    scopes: ClassVar[Sequence[str] | None] = None
    # Where it waits between two tries: `time`, `asyncio` and `random`, as modules of its own see them.
    waits: ClassVar[tuple[str, ...]] = ()

    def __init__(self, credentials: Credentials, world: World) -> None:
        raise NotImplementedError

    def job(self) -> None:
        """Does something that takes a token, and sees that it came out right."""
        raise NotImplementedError

    def close(self) -> None:
        """Leaves nothing open."""
