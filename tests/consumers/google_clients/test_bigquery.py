"""BigQuery: queries, the Storage API, and pandas-gbq over them."""

from __future__ import annotations

from typing import Any

import pandas_gbq
import pyarrow as pa
import pytest
from google.cloud import bigquery, bigquery_storage  # type: ignore[attr-defined]  # a namespace without types

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi, HttpApi
from google_auth_botocore import Credentials

SCOPES = {"https://www.googleapis.com/auth/bigquery", CLOUD_PLATFORM}
JOB = {"projectId": "my-project", "jobId": "job", "location": "EU"}
RESULT = {
    "jobReference": JOB,
    "jobComplete": True,
    "schema": {"fields": [{"name": "answer", "type": "INTEGER"}]},
    "rows": [{"f": [{"v": "42"}]}],
    "totalRows": "1",
}


def test_query(credentials: Credentials, api: HttpApi) -> None:
    """The client takes its project from the object, too."""
    api.replies["POST /bigquery/v2/projects/my-project/queries"] = RESULT
    with bigquery.Client(credentials=credentials, client_options={"api_endpoint": api.url}) as client:
        assert [row.answer for row in client.query_and_wait("SELECT 42 AS answer")] == [42]
        api.revoke()
        assert [row.answer for row in client.query_and_wait("SELECT 42 AS answer")] == [42]
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 2), 2, 1)
    assert api.callers == {credentials.service_account_email}


@pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches:PendingDeprecationWarning")
def test_storage_api(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """Two streams of one read session, over one channel."""
    batch = pa.RecordBatch.from_pydict({"answer": [42]})
    types = bigquery_storage.types
    grpc_api.replies["CreateReadSession"] = types.ReadSession(
        arrow_schema={"serialized_schema": batch.schema.serialize().to_pybytes()},
        streams=[{"name": "1"}, {"name": "2"}],
        data_format=types.DataFormat.ARROW,
    )
    rows = {"serialized_record_batch": batch.serialize().to_pybytes()}
    grpc_api.replies["ReadRows"] = types.ReadRowsResponse(arrow_record_batch=rows, row_count=1)
    options = {"api_endpoint": grpc_api.target}
    with bigquery_storage.BigQueryReadClient(credentials=credentials, client_options=options) as client:
        session = client.create_read_session(parent="projects/my-project", read_session={"table": "t"})
        answers = [client.read_rows(stream.name).to_arrow(session).to_pydict() for stream in session.streams]
    assert answers == [{"answer": [42]}] * 2
    assert (grpc_api.exchanges, len(grpc_api.admitted), grpc_api.refused) == ((1, 1), 3, 0)
    assert grpc_api.callers == {credentials.service_account_email}
    [scopes] = grpc_api.scopes
    assert set(scopes) == SCOPES


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # Google's libraries warn each other
def test_pandas_gbq(credentials: Credentials, api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", api.url)
    monkeypatch.setattr(pandas_gbq, "context", pandas_gbq.gbq.Context())
    api.replies["POST /bigquery/v2/projects/my-project/queries"] = RESULT
    frame: Any = pandas_gbq.read_gbq("SELECT 42 AS answer", credentials=credentials, progress_bar_type=None)
    assert frame.to_dict("list") == {"answer": [42]}
    assert api.exchanges == (1, 1)
    assert api.callers == {credentials.service_account_email}
