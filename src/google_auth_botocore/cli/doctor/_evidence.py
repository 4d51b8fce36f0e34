"""Everything that `doctor` finds out during its steps: the evidence for the table of failures."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from google_auth_botocore import ConfigurationError, Credentials, FederationError, _failures
from google_auth_botocore._failures import _evidence, _page
from google_auth_botocore._failures._evidence import Binding, Metadata, Source
from google_auth_botocore._failures._facts import Facts, Keys, argument
from google_auth_botocore._redaction import shown
from google_auth_botocore._settings import CLOUD_PLATFORM, DEFAULT_LIFETIME, JWT, Settings
from google_auth_botocore.cli.doctor import _metadata
from google_auth_botocore.cli.doctor._administrator import Administrator
from google_auth_botocore.cli.doctor._recorder import Recorder, Reply
from google_auth_botocore.cli.doctor._waiting import Waiting

_CONTAINER_VARIABLES = ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI")


class SignedRequest(NamedTuple):
    """The signed GetCallerIdentity request that is the subject token.

    Attributes:
        url: The URL.
        headers: The headers. They contain secrets.
        key_id: Id of the access key.
        temporary: Whether the keys are temporary.
        region: Region of the signature.
        signed: Names of the signed headers.
    """

    url: str
    headers: dict[str, str]
    key_id: str
    temporary: bool
    region: str
    signed: tuple[str, ...]

    @property
    def has_session_token(self) -> bool:
        """Whether the keys have a session token."""
        return "x-amz-security-token" in self.headers


class AwsRejection(NamedTuple):
    """The error with which AWS rejected a signature."""

    code: str
    message: str


class Evidence(_evidence.Evidence):
    """What the steps have found out so far.

    Args:
        options: The options of the command.
        waiting: Shows on a terminal what the steps wait for.

    Attributes:
        recorder: The transport of all requests.
        credentials: The credentials, once they are built.
        error: The error of the step that failed.
        pending: An error that the exchange step raised, but that belongs to a later step.
        key_source: botocore's name for the source that has the keys.
        source_silent: Whether a source of keys has not replied yet.
        expires: When the keys expire.
        request: The signed request. None if the subject token is a JWT.
        rejection: The error with which AWS rejected the signature.
        called: The reply to the call that --call requests.
    """

    credentials: Credentials

    def __init__(self, options: argparse.Namespace, waiting: Waiting | None = None) -> None:
        self.options = options
        self.waiting = waiting or Waiting(None)
        self.recorder = Recorder(waiting=self.waiting)
        self.error: ConfigurationError | FederationError | None = None
        self.pending: FederationError | None = None
        self.sources: Sequence[Source] = ()
        self.key_source: str | None = None
        self.source_silent = False
        self.expires: str | None = None
        self.request: SignedRequest | None = None
        self.rejection: AwsRejection | None = None
        self.called: Reply | None = None
        self.call_url = options.call
        self.target_audience = options.target_audience
        self.container = next((name for name in _CONTAINER_VARIABLES if os.environ.get(name)), None)

    @property
    def built(self) -> bool:
        """Whether the credentials could be built."""
        return hasattr(self, "credentials")

    @property
    def audience(self) -> str:
        """The full name of the provider."""
        return str(self.credentials.info["audience"])

    @property
    def service_account(self) -> str | None:
        """The service account to impersonate, if there is one."""
        return self.credentials.service_account_email

    @property
    def clock(self) -> float | None:
        """Seconds by which the servers' clocks are ahead of this machine's."""
        offsets = (each.clock_offset for each in reversed(self.recorder.replies))
        return next((offset for offset in offsets if offset is not None), None)

    @cached_property
    def administrator(self) -> Administrator:
        """Reads what the workload itself has no permission to read."""
        return Administrator(self.recorder)

    def facts(self, step: str, **more: Any) -> Facts:
        """Return the facts of a failure that doctor itself found."""
        facts = Facts(step, settings=self._settings(), keys=self._keys(), **more)
        return self._with_evidence(facts)

    def facts_of(self, error: ConfigurationError | FederationError) -> Facts:
        """Return the facts of an error, with this evidence."""
        if isinstance(error, ConfigurationError):
            return self._with_evidence(
                Facts("configuration", failure=error.failure, text=_page.without_link(str(error)))
            )
        found = _failures.facts_of(error)
        if found is None:
            found = Facts(error.step or "exchange", reason=error.reason, text=str(error), transient=error.retryable)
        return self._with_evidence(
            found._replace(
                settings=found.settings or self._settings(), keys=self._keys() if self.request else found.keys
            )
        )

    def _with_evidence(self, facts: Facts) -> Facts:
        self.has_administrator = self.administrator.has_token
        self.clock_offset = self.clock
        self.given_audience = self._given_audience()
        if self.request is not None:
            self.sts_url, self.sts_region = self.request.url, self.request.region
        if self.called is not None:
            self.reply = self.called.text
        if self.built:
            self.quota_project = self.credentials.quota_project_id
        profile, region = argument(self.options.profile), argument(self.options.region)
        return facts._replace(profile=profile, region=region, role=self._role(), evidence=self)

    def _settings(self) -> Settings | None:
        if not self.built:
            return None
        info, options = self.credentials.info, self.options
        return Settings(
            self.audience,
            self.service_account,
            tuple(self.credentials.scopes or [CLOUD_PLATFORM]),
            options.lifetime or DEFAULT_LIFETIME,
            tuple(options.delegates or ()),
            options.subject,
            str(info["subject_token_type"]),
        )

    def _keys(self) -> Keys:
        source = "assume-role" if self.options.assume_role else self.key_source
        if self.request is None:
            return Keys(source)
        return Keys(source, self.request.temporary, self.request.has_session_token)

    def _role(self) -> str | None:
        role = self.options.assume_role
        return role.get("RoleArn") if isinstance(role, dict) else role

    def _given_audience(self) -> str | None:
        given = self.options.audience
        path = self.options.config or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if given is None and hasattr(self.options, "config_info"):  # from standard input
            given = str(self.options.config_info.get("audience"))
        elif given is None and path:
            with suppress(OSError, ValueError, AttributeError):
                given = str(json.loads(Path(path).read_text(encoding="utf-8-sig")).get("audience"))
        return None if given is None else shown(given)

    @property
    def uses_jwt(self) -> bool:
        """Whether the subject token is a JWT from AWS."""
        return JWT in (self.options.subject_token_type, self.credentials.info["subject_token_type"])

    # Lookups for the table of failures. The result is None or empty if there is no administrator's token.

    def metadata(self) -> Metadata | None:
        """Return the reply of instance metadata. It is requested only once."""
        return self._metadata

    @cached_property
    def _metadata(self) -> Metadata | None:
        return None if self.options.offline else _metadata.request_metadata(in_container=self.container is not None)

    def pool(self) -> Mapping[str, Any] | None:
        """Return the pool, if the administrator may read it."""
        return self.administrator.pool(self.audience)

    def provider(self) -> Mapping[str, Any] | None:
        """Return the provider, if the administrator may read it."""
        return self.administrator.provider(self.audience)

    def account(self, name: str) -> Mapping[str, Any] | None:
        """Return the service account, if the administrator may read it."""
        return self.administrator.account(name)

    def bindings(self, account: str) -> Sequence[Binding] | None:
        """Return the bindings on the service account, if the administrator may read them."""
        return self.administrator.bindings(account)

    def project_bindings(self, account: str) -> Sequence[Binding]:
        """Return the bindings on the service account's project, if the administrator may read them."""
        return self.administrator.project_bindings(account)

    def accepted_in(self, region: str) -> bool:
        """Return whether Google issues a token for the same keys if the request is signed for another region."""
        arguments = {name: getattr(self.options, name) for name in ("profile", "assume_role")}
        token_url = self.credentials.info["token_url"]
        with suppress(FederationError):
            Credentials(self.audience, region=region, token_url=token_url, **arguments).refresh(self.recorder)
            return True
        return False
