"""A healthy workload in which a test can simulate a failure, and the report that doctor prints about it."""

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
# The output must not contain any part of a secret that has this many characters.
_PART_LENGTH = 16
NOWHERE = "http://127.0.0.1:1"  # a port without a server

Server = TypeVar("Server", bound=contextlib.AbstractContextManager[Any])


class SkippingClock:
    """A clock whose `sleep` returns at once and advances the clock."""

    def __init__(self) -> None:
        self._waited = 0.0

    def time(self) -> float:
        return time.time() + self._waited

    def monotonic(self) -> float:
        return time.monotonic() + self._waited

    def sleep(self, seconds: float, /) -> None:
        self._waited += seconds


@dataclass
class Report:
    """What doctor printed, as text and as JSON."""

    code: int
    text: str
    document: dict[str, Any]

    @property
    def states(self) -> dict[str, str]:
        """The state of each step."""
        return {step["step"]: step["state"] for step in self.document["steps"]}

    def cause(self, name: str) -> dict[str, Any]:
        """Return the failure with this id, or else the warning."""
        found = [step for step in self.document["steps"] if "cause" in step and step["cause"]["id"] == name]
        found.sort(key=lambda step: bool(step["state"] != "failed"))
        return dict(found[0]["cause"])


@dataclass
class Sandbox:
    """A workload on AWS, and the servers and settings around it.

    Attributes:
        flags: The flags to pass to doctor, by name.
        running: The servers that were started.
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

    def start(self, server: Server) -> Server:
        """Start a server that runs until the end of the test."""
        self.running.enter_context(server)
        return server

    def set(self, **variables: str) -> None:
        """Set environment variables."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def unset(self, *names: str) -> None:
        """Unset environment variables."""
        for name in names:
            self.monkeypatch.delenv(name, raising=False)

    def use_keys(self, keys: AwsKeys) -> None:
        """Set the keys in the environment."""
        self.unset(*KEYS)
        self.set(AWS_ACCESS_KEY_ID=keys.access_key_id, AWS_SECRET_ACCESS_KEY=keys.secret_access_key)
        if keys.session_token is not None:
            self.set(AWS_SESSION_TOKEN=keys.session_token)

    def fault(self, path: str, status: int | None, body: Any = None, **more: Any) -> None:
        """Make every request to a path fail."""
        self.google.fail(path, Fault(status, times=None, body=body, **more))

    def use_administrator_token(self) -> None:
        """Give doctor an administrator's token."""
        self.set(**self.google.gcloud_environment())

    def bind(self, *members: str, role: str = "roles/iam.workloadIdentityUser") -> None:
        """Replace the IAM policy of the service account with one that grants the role to these members."""
        self.set_policy(f"projects/-/serviceAccounts/{self.workload.account.email}", role, *members)

    def set_policy(self, resource: str, role: str, *members: str) -> None:
        reply = self.workload.session.post(
            f"{self.google.url}/v1/{resource}:setIamPolicy",
            json={"policy": {"bindings": [{"role": role, "members": list(members)}]} if members else {}},
            headers={"Authorization": f"Bearer {self.google.administrator_token()}"},
        )
        assert reply.ok, reply.text

    def member(self, value: str, *, attribute: str = "aws_role", project: str = "123456789012") -> str:
        """Return a principal set of the pool, with any attribute, value and project."""
        pool = f"projects/{project}/locations/global/workloadIdentityPools/aws-pool"
        return f"principalSet://iam.googleapis.com/{pool}/attribute.{attribute}/{value}"

    def diagnose(self, *more: str) -> Report:
        """Run doctor, with and without --json, and check that both outputs are ASCII and contain no secrets."""
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags.items()]
        as_text, as_json = (self.run("doctor", *flags, *more, *form) for form in ([], ["--json"]))
        assert (as_text.error, as_json.error) == ("", "")
        assert as_text.code == as_json.code
        for text in (as_text.out, as_json.out):
            assert text.isascii()
            whole = re.sub(r"\s", "", text)
            for secret in self.secrets():
                for part in _parts(secret):
                    assert part not in whole
        document = json.loads(as_json.out)
        assert document["exit_code"] == as_json.code
        return Report(as_text.code, as_text.out, document)

    def error(self) -> FederationError | ConfigurationError | None:
        """Return the error that a program with the same arguments gets, or None if it gets a token."""
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags.items()]
        parser = _credentials_flags.parent_parser()
        for own in ("--aws-sts-endpoint", "--call", "--target-audience"):  # flags of doctor
            parser.add_argument(own)
        options = parser.parse_args(flags)
        try:
            credentials = _credentials_flags.credentials(options)
            audience = self.flags.get("target-audience")
            (credentials if audience is None else IDTokenCredentials(credentials, audience)).refresh(None)
        except (FederationError, ConfigurationError) as error:
            return error
        return None

    def secrets(self) -> Iterator[str]:
        """Yield everything that must not be printed."""
        for keys in self.google.aws_keys._keys.values():
            yield from filter(None, (keys.secret_access_key, keys.session_token))
        yield from self.google._tokens._infos
        for call in self.google.calls:
            # Only the signature: doctor prints the host and the names of the headers.
            subject_token = unquote(call.form().get("subject_token", ""))
            yield from (part.partition('"')[0] for part in subject_token.split("Signature=")[1:])


def _parts(secret: str) -> set[str]:
    """Return all parts of a secret that have the forbidden length. A short secret is returned whole."""
    return {secret[start : start + _PART_LENGTH] for start in range(max(1, len(secret) - _PART_LENGTH + 1))}


def healthy_flags(workload: Workload, aws: AwsSts) -> dict[str, str]:
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
