"""google-auth's own HTTP transports, and clients that use them: google-api-python-client and gspread."""

from __future__ import annotations

from typing import Any

import google_auth_httplib2
import googleapiclient.discovery
import gspread
import httplib2
import requests
import urllib3
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.urllib3 import AuthorizedHttp

from consumers.matrix.harness import Consumer, Harness
from google_auth_botocore import Credentials

ANSWER = b'{"it": "works"}'
SHEET = {"properties": {"title": "It"}, "sheets": []}


class Requests(Consumer):
    name = "AuthorizedSession"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /thing"] = "application/json", ANSWER
        self._url = f"{harness.http.url}/thing"
        self._session = AuthorizedSession(credentials)

    def call(self) -> None:
        assert self._session.get(self._url).content == ANSWER

    def close(self) -> None:
        self._session.close()


class Urllib3(Consumer):
    name = "urllib3"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /thing"] = "application/json", ANSWER
        self._url = f"{harness.http.url}/thing"
        self._pool = urllib3.PoolManager()
        self._http = AuthorizedHttp(credentials, self._pool)

    def call(self) -> None:
        assert self._http.request("GET", self._url).data == ANSWER

    def close(self) -> None:
        self._pool.clear()


class Httplib2(Consumer):
    name = "httplib2"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /thing"] = "application/json", ANSWER
        self._url = f"{harness.http.url}/thing"
        self._http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())

    def call(self) -> None:
        assert self._http.request(self._url)[1] == ANSWER

    def close(self) -> None:
        self._http.close()


class Discovery(Consumer):
    name = "google-api-python-client"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /v4/spreadsheets/it"] = SHEET
        options = {"api_endpoint": harness.http.url}
        self._service = googleapiclient.discovery.build("sheets", "v4", credentials=credentials, client_options=options)

    def call(self) -> None:
        assert self._service.spreadsheets().get(spreadsheetId="it").execute() == SHEET

    def close(self) -> None:
        self._service.close()


class RedirectAdapter(requests.adapters.HTTPAdapter):
    """Sends requests for Google to another URL. gspread has no option for that."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = f"{self._url}{request.path_url}"
        return super().send(request, *args, **kwargs)


class Gspread(Consumer):
    name = "gspread"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /v4/spreadsheets/it"] = SHEET
        self._client = gspread.authorize(credentials)
        self._client.http_client.session.mount("https://sheets.googleapis.com", RedirectAdapter(harness.http.url))

    def call(self) -> None:
        assert self._client.open_by_key("it").title == "It"

    def close(self) -> None:
        self._client.http_client.session.close()
