"""pyarrow: with gcsfs, and its own GcsFileSystem with a token: https://arrow.apache.org/docs/python/filesystems.html"""

from __future__ import annotations

import pickle
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

TABLE = {"x": [1, 2, 3]}


def test_gcsfs(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    """It reads and writes with gcsfs, wrapped by pyarrow itself or by the caller."""
    done = execute("gcsfs", credentials)
    assert done.table.to_pydict() == TABLE
    filesystem = fs.PyFileSystem(fs.FSSpecHandler(done.files))
    pq.write_table(pa.table({"y": [4]}), f"{bucket}/new.parquet", filesystem=filesystem)
    assert pq.read_table(f"{bucket}/new.parquet", filesystem=filesystem).to_pydict() == {"y": [4]}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}


def test_gcsfs_refreshes_an_expired_token(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    filesystem = fs.PyFileSystem(fs.FSSpecHandler(execute("gcsfs", credentials).files))
    credentials.expiry = datetime(2000, 1, 1)
    assert pq.read_table(f"{bucket}/table.parquet", filesystem=filesystem).to_pydict() == TABLE
    assert len(sandbox.storage.tokens) == 2


def test_recipe(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    """A pickle of GcsFileSystem contains the token. A pickle of a file system over gcsfs does not."""
    done = execute("pyarrow", credentials)
    assert pq.read_table(f"{bucket}/table.parquet", filesystem=done.filesystem).to_pydict() == TABLE
    assert sandbox.storage.tokens == {done.value}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}
    assert done.value.encode() in pickle.dumps(done.filesystem)
    over_gcsfs = fs.PyFileSystem(fs.FSSpecHandler(execute("gcsfs", credentials).files))
    assert done.value.encode() not in pickle.dumps(over_gcsfs)
