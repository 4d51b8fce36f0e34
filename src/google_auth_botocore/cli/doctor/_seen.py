"""All that doctor sees on the way of a token: what the table of causes looks at."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from google_auth_botocore import ConfigurationError, Credentials, FederationError
from google_auth_botocore.cli.doctor import _metadata
from google_auth_botocore.cli.doctor._administrator import Administrator
from google_auth_botocore.cli.doctor._recorder import Recorder, Reply

_ROLE = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<name>[^/]+)/.+")


class Source(NamedTuple):
    """One link of botocore's chain.

    Attributes:
        method: botocore's name for it.
        named: what it is, in words.
        stated_by: the variable, file or profile that says there is something; None: nothing does.
    """

    method: str
    named: str
    stated_by: str | None


class SignedRequest(NamedTuple):
    """What the Security Token Service is shown, without the keys.

    Attributes:
        url: of GetCallerIdentity.
        headers: as they are sent; they hold secrets.
        key_id: of the access key.
        temporary: whether it is the id of temporary keys.
        region: of the signature.
        signed: names of the signed headers.
    """

    url: str
    headers: dict[str, str]
    key_id: str
    temporary: bool
    region: str
    signed: tuple[str, ...]

    @property
    def has_session_token(self) -> bool:
        """Whether the keys came with one."""
        return "x-amz-security-token" in self.headers


class AwsRefusal(NamedTuple):
    """What AWS said no with."""

    code: str
    message: str


@dataclass
class Seen:
    """What was seen so far."""

    options: argparse.Namespace
    recorder: Recorder = field(default_factory=Recorder)
    credentials: Credentials = field(init=False)
    error: ConfigurationError | FederationError | None = None
    pending: FederationError | None = None
    sources: Sequence[Source] = ()
    winner: str | None = None
    expires: str | None = None
    request: SignedRequest | None = None
    arn: str | None = None
    aws: AwsRefusal | None = None
    principal: str | None = None
    called: Reply | None = None
    unreachable: str | None = None

    @property
    def audience(self) -> str:
        """Full name of the provider."""
        return str(self.credentials.info["audience"])

    @property
    def account(self) -> str | None:
        """The service account."""
        return self.credentials.service_account_email

    @property
    def said(self) -> str:
        """The words of the error, without its hint."""
        hint = getattr(self.error, "hint", None)
        return str(self.error or "").removesuffix(f" {hint}" if hint else "")

    @property
    def short(self) -> str:
        """The error in a few words, where its own are told elsewhere."""
        status = f"HTTP {self.status}" if self.status else None
        nothing = "no answer" if isinstance(self.error, FederationError) else "it can't be right"
        return ", ".join(filter(None, (status, self.reason))) or nothing

    @property
    def reason(self) -> str | None:
        """The code of the error."""
        return getattr(self.error, "reason", None)

    @property
    def status(self) -> int | None:
        """The HTTP status of the error."""
        return getattr(self.error, "status_code", None)

    @property
    def step(self) -> str | None:
        """Where the error says that the way ended."""
        return getattr(self.error, "step", None)

    @property
    def ahead(self) -> float | None:
        """By how many seconds the clocks of others are ahead of this machine's."""
        return next((each.ahead for each in reversed(self.recorder.replies) if each.ahead is not None), None)

    @property
    def role_arn(self) -> str | None:
        """The caller without its session, as the usual mapping has it in `attribute.aws_role`; a user's ARN as it is."""
        match = _ROLE.fullmatch(self.arn or "")
        if match is None:
            return self.arn
        return f"arn:{match['partition']}:sts::{match['account']}:assumed-role/{match['name']}"

    @cached_property
    def administrator(self) -> Administrator:
        """Who may read what the workload may not."""
        return Administrator(self.recorder)

    @cached_property
    def metadata(self) -> _metadata.Answer:
        """What instance metadata says to a plain question."""
        return _metadata.ask()

    @property
    def in_container(self) -> str | None:
        """The variable that says that this is a container of AWS's; the instance's role is somebody else's there."""
        names = ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI")
        return next((name for name in names if os.environ.get(name)), None)
