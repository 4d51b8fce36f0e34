"""DuckDB, which accepts any fsspec file system: https://duckdb.org/docs/stable/guides/python/filesystems"""

from __future__ import annotations

from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


def test_gcsfs(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    """The recipe reads a table. Then a new table is written and found again with a glob."""
    done = execute("gcsfs", credentials)
    with done.database as database:
        assert done.rows == [(6,)]
        database.execute(f"COPY (SELECT 42 AS answer) TO 'gs://{bucket}/new/1.parquet'")
        assert database.execute(f"SELECT answer FROM 'gs://{bucket}/new/*.parquet'").fetchall() == [(42,)]
    assert set(sandbox.storage.principals) == {credentials.service_account_email}
    assert sandbox.google.count(":generateAccessToken") == 2  # one for Storage Control, with other scopes
