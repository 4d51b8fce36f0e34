"""google-auth's own credentials, which call a function: https://googleapis.dev/python/google-auth/latest/reference/"""

from __future__ import annotations

from datetime import datetime

import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession

from consumers.google_clients.apis import HttpApi
from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


def test_recipe(sandbox: Sandbox, credentials: Credentials) -> None:
    """Requests share a token, which is replaced after its expiry and after a rejection."""
    own = execute("refresh_handler", credentials).own
    with HttpApi(sandbox.google) as api, AuthorizedSession(own) as session:
        api.replies["GET /thing"] = {}
        for _ in range(3):
            assert session.get(f"{api.url}/thing").status_code == 200
        assert (api.exchanges, own.token) == ((1, 1), credentials.token)
        own.expiry = datetime(2000, 1, 1)
        assert session.get(f"{api.url}/thing").status_code == 200
        api.revoke()
        assert session.get(f"{api.url}/thing").status_code == 200
        assert (api.exchanges[1], api.rejected) == (3, 1)


def test_an_aware_expiry_fails(credentials: Credentials) -> None:
    """Why the recipe does not return the result of `get_token()`. If this test fails, simplify the recipe."""
    own = execute("refresh_handler", credentials).own
    own.refresh_handler = lambda request, scopes: tuple(credentials.get_token())
    with pytest.raises((RefreshError, TypeError)):
        own.before_request(None, "GET", "https://example.com", {})
