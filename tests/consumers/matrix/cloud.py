"""Google's HTTP clients: Cloud Storage, BigQuery and pandas-gbq, Cloud SQL."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pandas_gbq
import pytest
from google.cloud import bigquery, storage  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.sql.connector import Connector, IPTypes  # type: ignore[attr-defined]  # as above
from google.cloud.sql.connector.exceptions import CloudSQLIPTypeError
from google.cloud.storage import transfer_manager

from consumers.google_clients.apis import Certificate
from consumers.matrix.harness import BUCKET, OBJECTS, Consumer, Harness
from google_auth_botocore import Credentials

QUERIES = "POST /bigquery/v2/projects/my-project/queries"
RESULT = {
    "jobReference": {"projectId": "my-project", "jobId": "job", "location": "EU"},
    "jobComplete": True,
    "schema": {"fields": [{"name": "answer", "type": "INTEGER"}]},
    "rows": [{"f": [{"v": "42"}]}],
    "totalRows": "1",
}
INSTANCE = "my-project:europe-west1:it"
PATH = "/sql/v1beta4/projects/my-project/instances/it"


class Storage(Consumer):
    name = "google-cloud-storage (JSON)"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        self._client = storage.Client(
            credentials=credentials, client_options={"api_endpoint": harness.sandbox.storage.url}
        )
        self._client._bucket_metadata_cache = None  # it would request the bucket in another thread, for traces

    def call(self) -> None:
        [name, *_] = OBJECTS
        assert self._client.bucket(BUCKET).blob(name).download_as_bytes() == OBJECTS[name]

    def close(self) -> None:
        self._client.close()


class TransferManager(Storage):
    """With threads, because a process would not use the fake clock. `tests/processes` tests it with processes.

    With one worker, because each of several workers would refresh the token after a 401.
    """

    name = "transfer_manager"

    def call(self) -> None:
        files = {name: io.BytesIO() for name in OBJECTS}
        pairs = [(self._client.bucket(BUCKET).blob(name), file) for name, file in files.items()]
        transfer_manager.download_many(pairs, worker_type=transfer_manager.THREAD, max_workers=1, raise_exception=True)
        assert {name: file.getvalue() for name, file in files.items()} == OBJECTS


class BigQuery(Consumer):
    name = "google-cloud-bigquery"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies[QUERIES] = RESULT
        self._client = bigquery.Client(credentials=credentials, client_options={"api_endpoint": harness.http.url})

    def call(self) -> None:
        assert [row.answer for row in self._client.query_and_wait("SELECT 42 AS answer")] == [42]

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # the library has no types here


class PandasGbq(Consumer):
    """It stores a client in its global `context`."""

    name = "pandas-gbq"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies[QUERIES] = RESULT
        harness.patch.setenv("BIGQUERY_EMULATOR_HOST", harness.http.url)
        harness.patch.setattr(pandas_gbq, "context", pandas_gbq.gbq.Context())
        self._credentials = credentials

    def call(self) -> None:
        frame: Any = pandas_gbq.read_gbq("SELECT 42 AS answer", credentials=self._credentials, progress_bar_type=None)
        assert frame.to_dict("list") == {"answer": [42]}


def sql_instance(certificate: Certificate) -> dict[str, Any]:
    """Return the API's replies for an instance with only a public address, and for a client certificate."""
    pem = {"cert": certificate.path.read_text()}
    return {
        f"GET {PATH}/connectSettings": {
            "region": "europe-west1",
            "databaseVersion": "POSTGRES_17",
            "ipAddresses": [{"type": "PRIMARY", "ipAddress": "127.0.0.1"}],
            "serverCaCert": pem,
        },
        f"POST {PATH}:generateEphemeralCert": {"ephemeralCert": pem},
    }


class CloudSql(Consumer):
    """There is no database, so connections fail: the instance lacks the requested type of address."""

    name = "Cloud SQL connector"
    scopes = ("https://www.googleapis.com/auth/sqlservice.admin",)

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies.update(sql_instance(harness.certificate))
        self._loop = asyncio.new_event_loop()
        self._connector = Connector(
            credentials=credentials,
            sqladmin_api_endpoint=harness.http.url,
            refresh_strategy="lazy",  # otherwise the third request within a minute has to wait
            loop=self._loop,
        )

    def call(self) -> None:
        with pytest.raises(CloudSQLIPTypeError):
            self._loop.run_until_complete(
                self._connector.connect_async(INSTANCE, "pg8000", ip_type=IPTypes.PRIVATE, user="it")
            )

    def close(self) -> None:
        self._loop.run_until_complete(self._connector.close_async())
        self._loop.close()
