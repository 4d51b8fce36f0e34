"""A bucket with a table, and the variables that point each library at the emulated Cloud Storage."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pandas as pd
import pytest
from adapters.token_checking_servers import TokenChecker
from google.cloud.storage_control_v2 import StorageLayout

from consumers.google_clients.apis import Certificate, GrpcApi
from google_auth_botocore.emulator.sandbox import Sandbox


@pytest.fixture(name="storage_control")
def _storage_control(sandbox: Sandbox, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[GrpcApi]:
    """Storage Control, which gcsfs calls over gRPC for the type of a bucket, at the address of the JSON API."""
    import gcsfs

    with GrpcApi(sandbox.google, certificate) as api:
        api.replies["GetStorageLayout"] = StorageLayout(location_type="region")
        monkeypatch.setattr(gcsfs.GCSFileSystem, "_grpc_location", api.target)
        yield api


@pytest.fixture(name="checker")
def _checker(sandbox: Sandbox) -> TokenChecker:
    return TokenChecker(sandbox.google)


@pytest.fixture(name="bucket")
def _bucket(sandbox: Sandbox, storage_control: GrpcApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the bucket."""
    import gcsfs

    table = io.BytesIO()
    pd.DataFrame({"x": [1, 2, 3]}).to_parquet(table)
    sandbox.storage_client().create_bucket("my-bucket").blob("table.parquet").upload_from_string(table.getvalue())
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", sandbox.storage.url)  # gcsfs, google-cloud-storage
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", sandbox.storage.url)  # pyarrow's GcsFileSystem
    yield "my-bucket"
    gcsfs.GCSFileSystem.clear_instance_cache()
