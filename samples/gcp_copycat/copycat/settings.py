"""What is copied where and how: the settings of a run, as every worker gets them."""

from __future__ import annotations

from dataclasses import dataclass


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
        storage_endpoint: another endpoint than Google's Cloud Storage; None: Google's.
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
    storage_endpoint: str | None = None
