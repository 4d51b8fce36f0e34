"""gspread: a session on the object, and a login that refreshes it with that same session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gspread
import pytest
import requests
from gspread.auth import READONLY_SCOPES

from consumers.google_clients.apis import HttpApi
from google_auth_botocore import Credentials


class Redirected(requests.adapters.HTTPAdapter):
    """What is for Google goes to an API of ours; gspread has no other way to name one."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = f"{self._url}{request.path_url}"
        return super().send(request, *args, **kwargs)


@pytest.fixture(name="client")
def _client(credentials: Credentials, api: HttpApi) -> Iterator[gspread.Client]:
    sheet = {"properties": {"sheetId": 0, "index": 0, "title": "Sheet1", "gridProperties": {}}}
    api.replies["GET /v4/spreadsheets/it"] = {"properties": {"title": "It"}, "sheets": [sheet]}
    cell = {"range": "Sheet1!A1", "majorDimension": "ROWS", "values": [["42"]]}
    api.replies["GET /v4/spreadsheets/it/values/%27Sheet1%27%21A1"] = cell
    client = gspread.authorize(credentials.with_scopes(READONLY_SCOPES))
    client.http_client.session.mount("https://sheets.googleapis.com", Redirected(api.url))
    with client.http_client.session:
        yield client


def test_read(client: gspread.Client, credentials: Credentials, api: HttpApi) -> None:
    sheet = client.open_by_key("it").sheet1
    assert sheet.acell("A1").value == "42"
    assert (api.exchanges, api.refused) == ((1, 1), 0)
    api.revoke()
    assert sheet.acell("A1").value == "42"
    assert (api.exchanges, api.refused) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {tuple(READONLY_SCOPES)}


def test_login(client: gspread.Client, credentials: Credentials, api: HttpApi) -> None:
    """The transport of this refresh asks the object for a header; it gets none, and Google is asked once."""
    client.http_client.login()
    assert api.exchanges == (1, 1)
    assert client.open_by_key("it").title == "It"
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 1), 1, 0)
    api.revoke()
    assert client.open_by_key("it").title == "It", "although the session keeps the header that the login gave it"
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 2), 2, 1)
