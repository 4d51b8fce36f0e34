"""The sample dask_over_gcsfs.py: two workers that read with gcsfs."""

from __future__ import annotations

import io

import pandas as pd

from consumers.samples.conftest import Started, path
from google_auth_botocore.emulator.sandbox import Sandbox


def test_workers_use_the_role_and_get_their_own_tokens(sandbox: Sandbox, start: Started) -> None:
    bucket = sandbox.storage_client().create_bucket("my-bucket")
    for number in range(8):
        table = io.BytesIO()
        pd.DataFrame({"amount": [number, 100]}).to_parquet(table)
        bucket.blob(f"table/{number}.parquet").upload_from_string(table.getvalue())

    printed = start(path("dask_over_gcsfs.py"), "gs://my-bucket/table/", "amount")

    assert printed == f"{sum(range(8)) + 800}\n"
    assert set(sandbox.storage.principals) == {sandbox.service_account}
    # The main process has listed the table, and at least one worker has read it.
    assert len(sandbox.storage.tokens) >= 2
