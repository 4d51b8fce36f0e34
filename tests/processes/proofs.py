"""Count the identities of a scheduler's worker processes: each proves its own once, however many copies it unpickles."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from google_auth_botocore import Credentials

if TYPE_CHECKING:  # each worker imports this module
    from google_auth_botocore.emulator.sandbox import Sandbox

PATIENCE = 60
TASKS = 100


class Proof(NamedTuple):
    """What a task reports: its process and the token that it used."""

    process: int
    token: str


def prove(credentials: Credentials, folder: str) -> Proof:
    """Return the token of a task, which waits until another process works on a task, too."""
    Path(folder, str(os.getpid())).touch()
    deadline = time.monotonic() + PATIENCE
    while len(os.listdir(folder)) < 2:  # noqa: PTH208 - no Path for each look
        assert time.monotonic() < deadline, "there is only one worker"
        time.sleep(0.001)
    return Proof(os.getpid(), credentials.get_token().value)


def use_environment(variables: dict[str, str]) -> None:
    """Set the environment of a worker whose parent is a fork server, which keeps the environment of the first test."""
    os.environ.update(variables)


class Fleet:
    """The credentials of a driver, and what the clouds see of it and of its workers.

    Args:
        sandbox: Both clouds. This process has the instance's environment.
        folder: A new folder, in which the workers of each run meet.

    Attributes:
        credentials: They have a token, which no worker may use.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        folder.mkdir()
        self.credentials = Credentials(**sandbox.credentials_arguments())
        self._token = self.credentials.get_token().value
        assert self._proofs() == (1, 1, 1)
        self._tokens: dict[int, str] = {}

    def meeting(self) -> str:
        """Return a new folder for the workers of one run."""
        folder = self._folder / f"run{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        return str(folder)

    def check(self, proofs: Iterable[Iterable[object]]) -> None:
        """Check that each process has used one token of its own since the start, and made one exchange for it."""
        made = [Proof(*proof) for proof in proofs]  # type: ignore[arg-type]  # some schedulers return lists or rows
        assert len(made) >= TASKS
        # Two, and the ones that a scheduler started again.
        assert 2 <= len({proof.process for proof in made}) <= 4
        for process, token in made:
            assert self._tokens.setdefault(process, token) == token
        assert os.getpid() not in self._tokens
        distinct = {self._token, *self._tokens.values()}
        assert len(distinct) == len(self._tokens) + 1
        assert self._proofs() == (len(distinct),) * 3

    def _proofs(self) -> tuple[int, int, int]:
        """Return how often an identity was proven: requests for AWS keys, federated tokens and access tokens."""
        google = self._sandbox.google
        return (
            self._sandbox.imds.count("security-credentials/gcp-copycat"),
            google.count("/v1/token"),
            google.count(":generateAccessToken"),
        )
