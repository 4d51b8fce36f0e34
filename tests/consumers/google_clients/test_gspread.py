"""gspread, whose login refreshes the credentials with a session that itself uses the credentials."""

from __future__ import annotations

import gspread
from gspread.auth import READONLY_SCOPES

from consumers.google_clients.apis import HttpApi
from consumers.matrix.transports import SHEET, RedirectAdapter
from google_auth_botocore import Credentials


def test_login(credentials: Credentials, api: HttpApi) -> None:
    """That transport requests a header during the refresh. It gets none, and there is only one exchange."""
    api.replies["GET /v4/spreadsheets/it"] = SHEET
    client = gspread.authorize(credentials.with_scopes(READONLY_SCOPES))
    with client.http_client.session as session:
        session.mount("https://sheets.googleapis.com", RedirectAdapter(api.url))
        client.http_client.login()
        assert api.exchanges == (1, 1)
        assert client.open_by_key("it").title == "It"
        assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 1), 1, 0)
        api.revoke()
        assert client.open_by_key("it").title == "It", "the session still has the header from the login"
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 2), 2, 1)
    assert api.scopes == {tuple(READONLY_SCOPES)}
