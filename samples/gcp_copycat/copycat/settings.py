"""The settings of a run, which all workers receive, and the options that only the main process needs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google_auth_botocore import Credentials

_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"


@dataclass(frozen=True)
class Settings:
    """The settings of a run. They contain no secrets and can be pickled.

    Attributes:
        source: Cloud Storage bucket.
        destination: S3 bucket.
        prefix: only objects whose name begins with this are copied.
        destination_prefix: prefix that replaces *prefix* in S3.
        workers: number of objects copied concurrently, by all processes together.
        processes: number of worker processes.
        memory: bytes of content held in memory, by all processes together.
        storage_class: S3 storage class of the written objects. None: S3's default.
        kms_key_id: KMS key that S3 encrypts with. None: the bucket's default.
        expected_bucket_owner: AWS account that must own the destination. None: not checked.
        quota_project: Google Cloud project that pays for the requests (`userProject`). None: the bucket's project.
        check_metadata: whether to copy an object again if only its metadata has changed.
        dry_run: whether to compare only, and copy nothing.
        audience: full name of the workload identity pool provider. Empty: taken from *config*.
        service_account: email address of the service account to impersonate. None: no impersonation.
        config: external_account file. None: *audience* is used.
        storage_endpoint: endpoint of Cloud Storage. None: Google's.
        token_url: endpoint of the Security Token Service. None: Google's.
        iam_credentials_endpoint: endpoint of the IAM Credentials API. None: Google's.
    """

    source: str
    destination: str
    prefix: str = ""
    destination_prefix: str = ""
    workers: int = 16
    processes: int = 1
    memory: int = 256 << 20
    storage_class: str | None = None
    kms_key_id: str | None = None
    expected_bucket_owner: str | None = None
    quota_project: str | None = None
    check_metadata: bool = False
    dry_run: bool = False
    audience: str = ""
    service_account: str | None = None
    config: str | None = None
    storage_endpoint: str | None = None
    token_url: str | None = None
    iam_credentials_endpoint: str | None = None

    def key(self, name: str) -> str:
        """Return the key in S3 for the name of an object in Cloud Storage."""
        return self.destination_prefix + name.removeprefix(self.prefix)

    def credentials(self) -> Credentials:
        """Return the Google credentials of this process, from its own AWS identity. They are created once per process.

        Raises:
            ConfigurationError: The audience or the file is invalid.
        """
        return google_credentials(
            self.audience, self.config, self.service_account, self.token_url, self.iam_credentials_endpoint
        )


@dataclass(frozen=True)
class Options:
    """Options that only the main process needs.

    Attributes:
        include: glob patterns, one of which a name must match. Empty: every name matches.
        exclude: glob patterns of names that are not copied.
        max_age: objects that were last updated longer ago are not copied. None: no limit.
        manifest: file, folder or s3:// URL for a JSON line per object. None: no manifest.
        checkpoint: file or s3:// URL that stores the position where the next run continues. None: no checkpoint.
        deadline: time limit of the run in seconds. None: no limit.
        allow_empty: whether a run that finds no object succeeds.
        dask: address of a Dask scheduler, whose workers copy. None: copy on this machine.
        dask_workers: number of objects copied concurrently, by all Dask workers together. None: 16 by each.
        log_format: `text` or `json`.
        log_level: lowest level that is logged.
        progress: whether to show a progress bar on a terminal, or else a progress line per minute.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_age: timedelta | None = None
    manifest: str | None = None
    checkpoint: str | None = None
    deadline: float | None = None
    allow_empty: bool = False
    dask: str | None = None
    dask_workers: int | None = None
    log_format: str = "text"
    log_level: str = "info"
    progress: bool = True


@functools.lru_cache
def google_credentials(
    audience: str,
    config: str | None,
    service_account: str | None,
    token_url: str | None,
    iam_credentials_endpoint: str | None,
) -> Credentials:
    """Return credentials with read access to Cloud Storage. Calls with the same arguments return the same object."""
    optional = {
        "service_account_email": service_account,
        "token_url": token_url,
        "iam_credentials_endpoint": iam_credentials_endpoint,
    }
    options: dict[str, Any] = {name: value for name, value in optional.items() if value}
    if config:
        return Credentials.from_file(config, scopes=[_READ_ONLY], **options)
    return Credentials(audience, scopes=[_READ_ONLY], **options)
