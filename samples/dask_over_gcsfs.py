"""Adds up a column of a table in Cloud Storage, with Dask: `python dask_over_gcsfs.py gs://my-bucket/table/ amount`.

It needs dask[dataframe,distributed] and gcsfs, and GOOGLE_APPLICATION_CREDENTIALS, the file that
`google-auth-botocore config create` writes. What Dask sends to its workers is configuration alone: each of them finds the
AWS role where it runs, and renews tokens of its own for as long as it takes.
"""

from __future__ import annotations

import sys

import dask.dataframe
from distributed import Client

from google_auth_botocore import default


def main(table: str, column: str) -> None:
    """Prints the sum."""
    credentials, project_id = default()
    files = {"token": credentials, "project": project_id}
    # Processes on this machine; Client("tcp://scheduler:8786") for those of a cluster.
    with Client(n_workers=2, threads_per_worker=2, dashboard_address=None):
        print(dask.dataframe.read_parquet(table, storage_options=files)[column].sum().compute())


if __name__ == "__main__":
    main(*sys.argv[1:])
