"""A healthy workload in which one thing after another can go wrong, and what doctor prints for it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest
from emulator.workload import ROLE_ARN, Workload

from cli.conftest import Run
from cli.doctor.aws_sts import AwsSts
from google_auth_botocore import ConfigurationError, FederationError, IDTokenCredentials
from google_auth_botocore.cli import _credentials_flags
from google_auth_botocore.emulator import AwsKeys, Emulator, Fault

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PART = 16
NOWHERE = "http://127.0.0.1:1"  # a port without a server

Part = TypeVar("Part", bound=contextlib.AbstractContextManager[Any])


class Impatient:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self._waited = 0.0

    def time(self) -> float:
        return time.time() + self._waited

    def monotonic(self) -> float:
        return time.monotonic() + self._waited

    def sleep(self, seconds: float, /) -> None:
        self._waited += seconds


@dataclass
class Visit:
    """What doctor printed, in both forms."""

    code: int
    text: str
    document: dict[str, Any]

    @property
    def states(self) -> dict[str, str]:
        """The state of each step."""
        return {step["step"]: step["state"] for step in self.document["steps"]}

    def cause(self, name: str) -> dict[str, Any]:
        """Return the failure of this name, or else the warning."""
        found = [step for step in self.document["steps"] if "cause" in step and step["cause"]["id"] == name]
        found.sort(key=lambda step: bool(step["state"] != "failed"))
        return dict(found[0]["cause"])


@dataclass
class Sandbox:
    """A workload on AWS, and everything around it.

    Attributes:
        flags: Flags of doctor, by name.
        running: The parts that were started.
    """

    run: Run
    workload: Workload
    aws: AwsSts
    monkeypatch: pytest.MonkeyPatch
    home: Path
    running: contextlib.ExitStack
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def google(self) -> Emulator:
        return self.workload.google

    def start(self, part: Part) -> Part:
        """Start a part of the sandbox."""
        self.running.enter_context(part)
        return part

    def set(self, **variables: str) -> None:
        """Set variables of the environment."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def unset(self, *names: str) -> None:
        """Unset variables of the environment."""
        for name in names:
            self.monkeypatch.delenv(name, raising=False)

    def hold(self, keys: AwsKeys) -> None:
        """Put keys into the environment."""
        self.unset(*KEYS)
        self.set(AWS_ACCESS_KEY_ID=keys.access_key_id, AWS_SECRET_ACCESS_KEY=keys.secret_access_key)
        if keys.session_token is not None:
            self.set(AWS_SESSION_TOKEN=keys.session_token)

    def fault(self, path: str, status: int | None, body: Any = None, **more: Any) -> None:
        """Let every request to a path fail."""
        self.google.fail(path, Fault(status, times=None, body=body, **more))

    def administer(self) -> None:
        """Give doctor an administrator's token."""
        self.set(**self.google.gcloud_environment())

    def bind(self, *members: str, role: str = "roles/iam.workloadIdentityUser") -> None:
        """Replace the policy of the service account by these members."""
        self.set_policy(f"projects/-/serviceAccounts/{self.workload.account.email}", role, *members)

    def set_policy(self, resource: str, role: str, *members: str) -> None:
        reply = self.workload.session.post(
            f"{self.google.url}/v1/{resource}:setIamPolicy",
            json={"policy": {"bindings": [{"role": role, "members": list(members)}]} if members else {}},
            headers={"Authorization": f"Bearer {self.google.administrator_token()}"},
        )
        assert reply.ok, reply.text

    def member(self, value: str, *, attribute: str = "aws_role", project: str = "123456789012") -> str:
        """Return a member as a user may have written it."""
        pool = f"projects/{project}/locations/global/workloadIdentityPools/aws-pool"
        return f"principalSet://iam.googleapis.com/{pool}/attribute.{attribute}/{value}"

    def visit(self, *more: str) -> Visit:
        """Run doctor once in each form, and check that both are ASCII and without secrets."""
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags.items()]
        shown, spoken = (self.run("doctor", *flags, *more, *form) for form in ([], ["--json"]))
        assert (shown.error, spoken.error) == ("", "")
        assert shown.code == spoken.code
        for text in (shown.out, spoken.out):
            assert text.isascii()
            whole = re.sub(r"\s", "", text)
            for secret in self.secrets():
                for part in _parts(secret):
                    assert part not in whole
        document = json.loads(spoken.out)
        assert document["exit_code"] == spoken.code
        return Visit(shown.code, shown.out, document)

    def error(self) -> FederationError | ConfigurationError | None:
        """Return the error that a program with the same arguments gets; None if it gets a token."""
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags.items()]
        options, _ = _credentials_flags.parent_parser().parse_known_args(flags)
        try:
            credentials = _credentials_flags.credentials(options)
            audience = self.flags.get("target-audience")
            wanted = credentials if audience is None else IDTokenCredentials(credentials, audience)
            wanted.refresh(None)
        except (FederationError, ConfigurationError) as error:
            return error
        return None

    def secrets(self) -> Iterator[str]:
        """Yield everything that must not be printed."""
        for keys in self.google.aws_keys._keys.values():
            yield from filter(None, (keys.secret_access_key, keys.session_token))
        yield from self.google._tokens._infos
        for call in self.google.calls:
            # doctor prints the rest of the proof: the host and the names of the headers.
            proof = unquote(call.form().get("subject_token", ""))
            yield from (part.partition('"')[0] for part in proof.split("Signature=")[1:])


def _parts(secret: str) -> set[str]:
    """Return the parts of a secret that reveal too much; a short secret as it is."""
    return {secret[start : start + _PART] for start in range(max(1, len(secret) - _PART + 1))}


def usual_flags(workload: Workload, aws: AwsSts) -> dict[str, str]:
    """Return the flags of a healthy workload."""
    google = workload.google
    return {
        "audience": workload.provider.audience,
        "service-account": workload.account.email,
        "token-url": google.token_url,
        "iam-credentials-endpoint": google.iam_credentials_endpoint,
        "oauth-token-url": google.oauth_token_url,
        "aws-sts-endpoint": aws.url,
        "project": "my-project",
    }


ROLE = ROLE_ARN
