"""Google's own addresses on loopback: for libraries in which they are fixed, and for credentials that are given none."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from google_auth_botocore.emulator import Emulator

_GOOGLE = re.compile(r"https://((?:sts|iamcredentials|oauth2|www)\.googleapis\.com)(?=/)")


@pytest.fixture(name="google_hosts")
def _google_hosts(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Leads them to the emulator, as a name server of one's own would, whoever sends by requests.

    Gives the hosts that were asked so far, and whoever asked needs no change.
    """
    send = requests.adapters.HTTPAdapter.send
    asked: list[str] = []

    def led(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        match = _GOOGLE.match(str(request.url))
        if match is not None:
            asked.append(match[1])
            request = request.copy()
            request.url = google.url + str(request.url)[match.end() :]
        return send(self, request, **more)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", led)
    return asked
