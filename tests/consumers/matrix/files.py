"""gcsfs, and libraries that use it: DuckDB and Dask."""

from __future__ import annotations

from functools import partial
from typing import Any

import duckdb
import gcsfs
from distributed import Client
from google.cloud.storage_control_v2 import StorageLayout

from consumers.matrix.harness import BUCKET, OBJECTS, TABLE, TABLE_NAME, Consumer, Harness
from google_auth_botocore import Credentials


class Gcsfs(Consumer):
    name = "gcsfs"
    waits = ("gcsfs.retry.asyncio", "gcsfs.retry.random")

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.patch.setenv("STORAGE_EMULATOR_HOST", harness.sandbox.storage.url)
        # gcsfs calls Storage Control over gRPC for the bucket's type, at the address of the JSON API.
        harness.patch.setattr(gcsfs.GCSFileSystem, "_grpc_location", harness.grpc.target)
        harness.grpc.replies["GetStorageLayout"] = StorageLayout(location_type="region")
        self._files = gcsfs.GCSFileSystem(project="my-project", token=credentials)

    def call(self) -> None:
        [name, *_] = OBJECTS
        assert self._files.cat_file(f"{BUCKET}/{name}") == OBJECTS[name]

    def close(self) -> None:
        gcsfs.GCSFileSystem.clear_instance_cache()


class DuckDb(Gcsfs):
    name = "DuckDB over gcsfs"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        super().__init__(credentials, harness)
        # gcsfs's default prefetching may wait forever for a failed read. This table is too small to need it.
        harness.patch.setattr(self._files, "_open", partial(self._files._open, cache_type="readahead"))
        self._database = duckdb.connect()
        self._database.register_filesystem(self._files)

    def call(self) -> None:
        rows = self._database.execute(f"SELECT sum(x) FROM 'gs://{BUCKET}/{TABLE_NAME}'").fetchall()
        assert rows == [(sum(TABLE["x"]),)]

    def close(self) -> None:
        self._database.close()
        super().close()


class Dask(Gcsfs):
    """The worker is a thread, because another process would not use the fake clock. The file system is pickled all the same."""

    name = "Dask over gcsfs"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        super().__init__(credentials, harness)
        self._client: Any = Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0")

    def call(self) -> None:
        [name, *_] = OBJECTS
        read = self._client.submit(self._files.cat_file, f"{BUCKET}/{name}", pure=False)
        assert read.result(timeout=30) == OBJECTS[name]

    def close(self) -> None:
        self._client.close()
        super().close()
