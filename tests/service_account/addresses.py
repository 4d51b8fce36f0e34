"""Redirects Google's addresses to loopback, for libraries that hard-code them and credentials without an endpoint."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from samples.addresses import google_apis, redirected

from google_auth_botocore.emulator import Emulator


@pytest.fixture(name="google_hosts")
def _google_hosts(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Redirect Google's addresses to the emulator, for every caller of requests; return the list of hosts called so far."""
    addresses = google_apis(google)
    send = redirected(requests.adapters.HTTPAdapter.send, addresses)
    called: list[str] = []

    def recorded(
        self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **more: Any
    ) -> requests.Response:
        if str(request.url).startswith(tuple(addresses)):
            called.append(str(urlsplit(str(request.url)).hostname))
        return send(self, request, **more)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", recorded)
    return called
