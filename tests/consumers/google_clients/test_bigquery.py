"""BigQuery's Storage API."""

from __future__ import annotations

import pyarrow as pa
import pytest
from google.cloud import bigquery_storage  # type: ignore[attr-defined]  # a namespace without types

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi
from google_auth_botocore import Credentials

SCOPES = {"https://www.googleapis.com/auth/bigquery", CLOUD_PLATFORM}


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
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 3, 0)
    assert grpc_api.callers == {credentials.service_account_email}
    [scopes] = grpc_api.scopes
    assert set(scopes) == SCOPES
