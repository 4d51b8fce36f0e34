"""gspread: a login that refreshes the object with the session that is on it."""

from __future__ import annotations

import gspread
from gspread.auth import READONLY_SCOPES

from consumers.google_clients.apis import HttpApi
from consumers.matrix.transports import SHEET, Redirected
from google_auth_botocore import Credentials


def test_login(credentials: Credentials, api: HttpApi) -> None:
    """The transport of this refresh asks the object for a header; it gets none, and Google is asked once."""
    api.replies["GET /v4/spreadsheets/it"] = SHEET
    client = gspread.authorize(credentials.with_scopes(READONLY_SCOPES))
    with client.http_client.session as session:
        session.mount("https://sheets.googleapis.com", Redirected(api.url))
        client.http_client.login()
        assert api.exchanges == (1, 1)
        assert client.open_by_key("it").title == "It"
        assert (api.exchanges, len(api.admitted), api.refused) == ((1, 1), 1, 0)
        api.revoke()
        assert client.open_by_key("it").title == "It", "although the session keeps the header that the login gave it"
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 2), 2, 1)
    assert api.scopes == {tuple(READONLY_SCOPES)}
