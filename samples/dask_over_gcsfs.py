"""Sums a column of a table in Cloud Storage with Dask: `python dask_over_gcsfs.py gs://my-bucket/table/ amount`.

Requires dask[dataframe,distributed] and gcsfs. GOOGLE_APPLICATION_CREDENTIALS names the file that
`google-auth-botocore config create` wrote. Dask sends only configuration to its workers. Each worker finds the AWS role of
its machine, and gets and refreshes its own tokens.

Time: 10 minutes. Cost: reads of Cloud Storage, and data that leaves Google Cloud.
"""

from __future__ import annotations

import sys

import dask.dataframe
from distributed import Client

from google_auth_botocore import default


def main(table: str, column: str) -> None:
    """Print the sum of the column."""
    credentials, project_id = default()
    files = {"token": credentials, "project": project_id}
    # This starts workers on this machine. For the workers of a cluster, use Client("tcp://scheduler:8786").
    with Client(n_workers=2, threads_per_worker=2, dashboard_address=":0"):
        print(dask.dataframe.read_parquet(table, storage_options=files)[column].sum().compute())


if __name__ == "__main__":
    main(*sys.argv[1:])
