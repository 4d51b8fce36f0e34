"""Everything that an unmodified application needs in a test: `GoogleCloud`. The fixture `google_cloud` is one."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from google_auth_botocore import Credentials
from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._environment import aws_environment, find_moto_keys, google_environment
from google_auth_botocore.emulator._google_hosts import IDENTITY_SERVICES, STORAGE
from google_auth_botocore.emulator._intercept import redirected
from google_auth_botocore.emulator._providers import AUDIENCE, AwsProvider
from google_auth_botocore.emulator._service_accounts import ServiceAccount

if TYPE_CHECKING:
    from google_auth_botocore.emulator.storage import Storage

_PROVIDER = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"
_SESSION = "arn:aws:sts::123456789012:assumed-role/app/test"


class GoogleCloud:
    """Both clouds, as an unmodified application sees them, inside a `with` block in this process.

    - AWS: temporary keys of a role are in the environment. All other AWS settings are removed from it.
    - Google: requests to its identity services go to an emulator, and those to Cloud Storage too if the extra
      `google-auth-botocore[sandbox]` is installed; see `Emulator.intercept`.
    - GOOGLE_APPLICATION_CREDENTIALS names a configuration file with Google's own URLs, and GOOGLE_CLOUD_PROJECT is set.
      All other settings of Google's libraries are removed from the environment.

    With pytest, use the fixture `google_cloud`. Wrap this class in your own fixture for another scope or other settings::

        @pytest.fixture(scope="package")
        def cloud():
            with GoogleCloud(audience=settings.AUDIENCE, service_account_email=settings.SERVICE_ACCOUNT) as cloud:
                yield cloud

    Credentials that an application creates when it is imported keep their token. Other emulators do not know it, so if
    you use such credentials in several tests, use one `GoogleCloud` for all of them: `google_cloud_session`.

    Args:
        audience: the audience in the application's configuration: `//iam.googleapis.com/projects/NUMBER/locations/global`
            `/workloadIdentityPools/POOL/providers/PROVIDER`. Its provider trusts the AWS account of `aws_arn`.
        service_account_email: the service account that the AWS identity may impersonate. It has the roles Workload
            Identity User and Service Account Token Creator, the latter also on itself, so that it can sign. None: the
            application uses the federated token.
        project_id: the project; None: the service account's project, or `my-project`.
        aws_arn: ARN of the AWS identity, as GetCallerIdentity returns it: an `sts` ARN for an assumed role.
        region: the AWS region.
        buckets: names of buckets to create.
        emulator: a running emulator to use; None: start one.

    Attributes:
        emulator: the emulated identity services. It records requests and simulates failures.
        provider: the provider.
        service_account: the service account; None: the application uses the federated token.
        aws_keys: the keys in the environment.
        configuration_file: path of the configuration file.

    Raises:
        ValueError: an argument is invalid.
    """

    aws_keys: AwsKeys
    configuration_file: Path

    def __init__(
        self,
        *,
        audience: str = _PROVIDER,
        service_account_email: str | None = "app@my-project.iam.gserviceaccount.com",
        project_id: str | None = None,
        aws_arn: str = _SESSION,
        region: str = "us-east-1",
        buckets: Iterable[str] = (),
        emulator: Emulator | None = None,
    ) -> None:
        # It validates the audience and the service account as in the application, and makes no network call.
        self._info = Credentials(audience, service_account_email).info
        match = AUDIENCE.fullmatch(self._info["audience"])
        if match is None:
            raise ValueError(f"the audience {audience!r} is not a provider of a workload identity pool")
        self._is_mine = emulator is None
        self.emulator: Emulator = emulator or Emulator()
        self.emulator.aws_keys.add_lookup(find_moto_keys)
        self._storage = _storage(self.emulator)
        self._aws_arn, self._region, self._buckets = aws_arn, region, tuple(buckets)
        self.service_account: ServiceAccount | None = None
        if service_account_email is not None:
            self.service_account = self.emulator.add_service_account(service_account_email)
            project_id = project_id or self.service_account.project_id
        self.project_id: str = project_id or "my-project"
        self.emulator.add_project(self.project_id, match["number"])
        self.provider: AwsProvider = self.emulator.add_aws_provider(aws_arn.split(":")[4], *match.groups())
        self._grant_roles()
        self._running = contextlib.ExitStack()

    def _grant_roles(self) -> None:
        account = self.service_account
        if account is None:
            return
        # Google's default mapping: the role of a session, the ARN of a user.
        identity = self._aws_arn.rpartition("/")[0] if ":assumed-role/" in self._aws_arn else self._aws_arn
        member = self.provider.principal_set("aws_role", identity)
        self.emulator.grant(account.email, "roles/iam.workloadIdentityUser", member)
        self.emulator.grant(account.email, "roles/iam.serviceAccountTokenCreator", member)
        self.emulator.grant(account.email, "roles/iam.serviceAccountTokenCreator", account.member)

    @property
    def storage(self) -> Storage:
        """The emulated Cloud Storage, to create and inspect buckets and simulate failures.

        Raises:
            RuntimeError: the extra is not installed.
        """
        if self._storage is None:
            raise RuntimeError("Cloud Storage requires an extra: pip install 'google-auth-botocore[sandbox]'")
        return self._storage

    def __enter__(self) -> GoogleCloud:
        """Start the emulators, and set the environment.

        Raises:
            RuntimeError: it is already running.
        """
        with contextlib.ExitStack() as started:
            if self._is_mine:
                started.enter_context(self.emulator)
            servers = dict.fromkeys(IDENTITY_SERVICES, self.emulator.url)
            if self._storage is not None:
                started.enter_context(self._storage)
                servers[STORAGE] = self._storage.url
            for bucket in self._buckets:
                self.storage.create_bucket(bucket)
            directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="google-cloud-")))
            self.configuration_file = directory / "configuration.json"
            self.configuration_file.write_text(json.dumps(self._info), encoding="utf-8")
            self.aws_keys = started.enter_context(
                aws_environment(self.emulator, self._aws_arn, self._region, directory)
            )
            started.enter_context(google_environment(self.configuration_file, self.project_id))
            started.enter_context(redirected(servers))
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the environment, and stop the emulators."""
        self._running.close()


def _storage(emulator: Emulator) -> Storage | None:
    try:
        from google_auth_botocore.emulator.storage import Storage  # noqa: PLC0415 - its extra may be missing
    except ImportError:
        return None
    return Storage(
        emulator.check_access_token, emulator.check_signature, emulator._now, check_member=emulator.check_member
    )
