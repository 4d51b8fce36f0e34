"""The sample bigquery_to_pandas.py."""

from __future__ import annotations

import pandas_gbq
import pytest
from samples.conftest import Run

from consumers.google_clients.apis import HttpApi
from google_auth_botocore.emulator.sandbox import Sandbox

REPLY = {
    "jobReference": {"projectId": "my-project", "jobId": "job", "location": "EU"},
    "jobComplete": True,
    "schema": {"fields": [{"name": "answer", "type": "INTEGER"}, {"name": "day", "type": "DATE"}]},
    "rows": [{"f": [{"v": "42"}, {"v": "2026-11-25"}]}, {"f": [{"v": None}, {"v": "2026-11-26"}]}],
    "totalRows": "2",
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # Google's libraries warn each other
def test_it_prints_the_frame(
    sandbox: Sandbox, run: Run, redirects: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pandas_gbq, "context", pandas_gbq.gbq.Context())
    with HttpApi(sandbox.google) as bigquery:
        redirects["https://bigquery.googleapis.com/"] = f"{bigquery.url}/"
        bigquery.replies["POST /bigquery/v2/projects/my-project/queries"] = REPLY

        printed = run("bigquery_to_pandas.py", "SELECT answer, day FROM days")

    assert [line.split() for line in printed.splitlines()] == [
        ["answer", "day"],
        ["42", "2026-11-25"],
        ["<NA>", "2026-11-26"],
    ]
    assert (bigquery.callers, bigquery.rejected) == ({sandbox.service_account}, 0)
