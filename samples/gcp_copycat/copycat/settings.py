"""What is copied where, how and as whom: the settings of a run, as every worker gets them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta

from google_auth_botocore import Credentials

_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"


@dataclass(frozen=True)
class Settings:
    """The settings of a run. They hold no secrets and can be pickled.

    Attributes:
        source: bucket in Cloud Storage.
        destination: bucket in S3.
        prefix: the objects whose names begin with it are copied.
        destination_prefix: takes the place of *prefix* in S3.
        workers: objects copied at once, in all processes together.
        processes: worker processes.
        memory: bytes of content held at once, in all processes together.
        storage_class: S3 storage class of what is written; None: S3's default.
        kms_key_id: KMS key that S3 encrypts with; None: the bucket's default.
        expected_bucket_owner: AWS account that must own the destination; None: not checked.
        quota_project: Google Cloud project that pays for requests (`userProject`); None: the bucket's own.
        check_metadata: copy an object again if its metadata alone has changed.
        dry_run: compare, and copy nothing.
        audience: full name of the workload identity pool provider; empty: *config* has it.
        service_account: e-mail address of the service account to impersonate; None: none.
        config: external_account file; None: *audience* is used.
        storage_endpoint: another endpoint than Google's Cloud Storage; None: Google's.
        token_url: another endpoint than Google's Security Token Service; None: Google's.
        iam_credentials_endpoint: another endpoint than Google's IAM Credentials API; None: Google's.
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
        """Return the name in S3 of an object in Cloud Storage."""
        return self.destination_prefix + name.removeprefix(self.prefix)

    def credentials(self) -> Credentials:
        """Return this process's Google credentials. They are made once per process, from the AWS identity it has itself.

        Raises:
            ConfigurationError: The audience or the file is invalid.
        """
        return google_credentials(
            self.audience, self.config, self.service_account, self.token_url, self.iam_credentials_endpoint
        )


@dataclass(frozen=True)
class Options:
    """What the run alone needs, and no worker.

    Attributes:
        include: patterns of names, of which one must match; empty: every name does.
        exclude: patterns of names that are left out.
        max_age: leave out objects that were last updated longer ago.
        manifest: file, folder or s3:// URL for a JSON line per object.
        checkpoint: file or s3:// URL of the position from which a run goes on.
        deadline: seconds that the run may take.
        allow_empty: finding no object is a success.
        dask: address of a Dask scheduler whose workers copy.
        dask_workers: objects at once on all Dask workers together; None: 16 on each.
        log_format: `text` or `json`.
        log_level: lowest level that is logged.
        progress: show a progress bar on a terminal, and a line per minute elsewhere.
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
    """Return credentials that may read Cloud Storage. Every call with the same arguments returns the same object."""
    given = {
        "service_account_email": service_account,
        "token_url": token_url,
        "iam_credentials_endpoint": iam_credentials_endpoint,
    }
    options = {name: value for name, value in given.items() if value}
    if config:
        return Credentials.from_file(config, scopes=[_READ_ONLY], **options)
    return Credentials(audience, scopes=[_READ_ONLY], **options)
