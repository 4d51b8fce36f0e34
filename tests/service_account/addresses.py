"""Google's own addresses on loopback: for libraries in which they are fixed, and for credentials that are given none."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from samples.addresses import google_apis, redirected

from google_auth_botocore.emulator import Emulator


@pytest.fixture(name="google_hosts")
def _google_hosts(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Leads them to the emulator, as your own name server would, for every caller of requests.

    Gives the hosts that were called so far; callers need no change.
    """
    addresses = google_apis(google)
    send = redirected(requests.adapters.HTTPAdapter.send, addresses)
    asked: list[str] = []

    def noted(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        if str(request.url).startswith(tuple(addresses)):
            asked.append(str(urlsplit(str(request.url)).hostname))
        return send(self, request, **more)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", noted)
    return asked
