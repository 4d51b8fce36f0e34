"""A bucket with a table, and the variables that point each library at the emulated Cloud Storage."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pandas as pd
import pytest

from google_auth_botocore.emulator.sandbox import Sandbox


@pytest.fixture(name="bucket")
def _bucket(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the bucket."""
    import gcsfs

    table = io.BytesIO()
    pd.DataFrame({"x": [1, 2, 3]}).to_parquet(table)
    sandbox.storage_client().create_bucket("my-bucket").blob("table.parquet").upload_from_string(table.getvalue())
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", sandbox.storage.url)  # gcsfs, google-cloud-storage
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", sandbox.storage.url)  # pyarrow's GcsFileSystem
    yield "my-bucket"
    gcsfs.GCSFileSystem.clear_instance_cache()
