"""Both clouds on one machine: an EC2 instance with a role, and Cloud Storage with a service account.

For tests and demonstrations. It requires the extra `google-auth-botocore[sandbox]`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import boto3
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined]  # a namespace without types

from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._google_hosts import IDENTITY_SERVICES, STORAGE
from google_auth_botocore.emulator._intercept import Interception
from google_auth_botocore.emulator._providers import AwsProvider
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator.aws.metadata import InstanceMetadata
from google_auth_botocore.emulator.aws.moto import Moto
from google_auth_botocore.emulator.storage import Storage

_ACCOUNT = "123456789012"
_ROLE = "gcp-copycat"
_SESSION = "i-0a1b2c3d4e5f60718"
_PROJECT = "my-project"


class Sandbox:
    """Google's identity services, an EC2 instance's metadata, S3 and Cloud Storage, with trust set up between them.

    Args:
        token_lifetime: lifetime of Google's tokens, in seconds.
        role: name of the instance's role.

    Attributes:
        google: the emulated identity services of Google.
        imds: the instance's metadata service, which issues the role's keys.
        aws: moto, with STS, IAM and S3.
        storage: Cloud Storage, which rejects requests without a valid token or signature.
        provider: the workload identity pool provider that trusts the account.
        service_account: e-mail address of the service account that the role may impersonate.
    """

    def __init__(self, *, token_lifetime: int = 3600, role: str = _ROLE) -> None:
        self.google: Emulator = Emulator()
        self.google.token_lifetime = token_lifetime
        self.google.max_access_token_lifetime = token_lifetime
        self.arn: str = f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role}/{_SESSION}"
        self.imds: InstanceMetadata = InstanceMetadata(lambda: self.google.aws_keys.issue(self.arn), role=role)
        self.aws: Moto = Moto()
        self.storage: Storage = Storage(
            self._check_access_token,
            self.google.check_signature,
            self.google._now,
            check_member=self.google.check_member,
        )
        self.google.aws_keys.add_lookup(self.aws.lookup)
        self.provider: AwsProvider = self.google.add_aws_provider(account_id=_ACCOUNT)
        self.service_account = f"{_ROLE}@{_PROJECT}.iam.gserviceaccount.com"
        self.google.add_service_account(self.service_account)
        self.google.grant(
            self.service_account,
            "roles/iam.workloadIdentityUser",
            self.provider.principal_set("aws_role", f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role}"),
        )
        self._running = contextlib.ExitStack()
        self._interception = Interception(self, lambda: self.google._server is not None, self._servers)

    def __enter__(self) -> Sandbox:
        """Start all servers."""
        with contextlib.ExitStack() as started:
            for server in (self.google, self.imds, self.aws, self.storage):
                started.enter_context(server)
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop all servers."""
        self._running.close()

    @contextlib.contextmanager
    def intercept(self) -> Iterator[Sandbox]:
        """Redirect this process's requests inside a `with` block, as `Emulator.intercept` does, for two more hosts.

        The hosts are storage.googleapis.com, and 169.254.169.254, the instance's metadata service. Requests to AWS's other
        services are unchanged: `environment()` has moto's endpoints.
        """
        with self._interception.block():
            yield self

    def _check_access_token(self, token: str) -> TokenInfo | None:
        return self.google.check_access_token(token)  # look the method up each time, because tests may replace it

    def _servers(self) -> dict[str, str]:
        return {
            **dict.fromkeys(IDENTITY_SERVICES, self.google.url),
            STORAGE: self.storage.url,
            "169.254.169.254": self.imds.url,
        }

    def environment(self) -> dict[str, str]:
        """Return the environment of a process on the instance: metadata and moto's endpoints, no keys, and no proxy."""
        no_proxy = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        return {**self.imds.environment(), **self.aws.environment(), **no_proxy}

    def credentials_arguments(self) -> dict[str, Any]:
        """Return the arguments of `google_auth_botocore.Credentials` for the application on the instance."""
        return {
            "audience": self.provider.audience,
            "service_account_email": self.service_account,
            "token_url": self.google.token_url,
            "iam_credentials_endpoint": self.google.iam_credentials_endpoint,
            "project_id": _PROJECT,
        }

    def storage_client(self) -> storage.Client:
        """Return a Cloud Storage client that needs no token, for tests to fill and inspect buckets."""
        options = {"api_endpoint": self.storage.open_url}
        return storage.Client(project=_PROJECT, credentials=AnonymousCredentials(), client_options=options)

    def s3_client(self) -> Any:
        """Return a client of moto's S3 with its own keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.aws.url,
            region_name=self.imds.region,
            aws_access_key_id="AKIATESTTESTTESTTEST",
            aws_secret_access_key="not-checked-by-moto",
        )
