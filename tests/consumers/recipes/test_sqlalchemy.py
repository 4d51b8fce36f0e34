"""SQLAlchemy with BigQuery, whose dialect accepts a client: https://github.com/googleapis/python-bigquery-sqlalchemy"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy

from consumers.google_clients.apis import HttpApi
from consumers.matrix.cloud import QUERIES, RESULT
from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

DATASETS = "GET /bigquery/v2/projects/my-project/datasets"


@pytest.fixture(name="bigquery")
def _bigquery(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpApi]:
    with HttpApi(sandbox.google) as api:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", api.url)
        api.replies[QUERIES] = RESULT
        api.replies[DATASETS] = {"datasets": [{"datasetReference": {"projectId": "my-project", "datasetId": "sales"}}]}
        yield api


def test_recipe(credentials: Credentials, bigquery: HttpApi) -> None:
    done = execute("sqlalchemy", credentials)
    assert sqlalchemy.inspect(done.engine).get_schema_names() == ["sales"]
    bigquery.revoke()
    with done.engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 42 AS answer")).scalar() == 42
    done.engine.dispose()
    done.client.close()
    assert bigquery.callers == {credentials.service_account_email}
    assert (bigquery.exchanges, bigquery.rejected) == ((1, 2), 1)
