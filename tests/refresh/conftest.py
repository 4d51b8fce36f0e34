"""Credentials in front of a stand-in for Google, whose transport is as good for a second thread as requests is."""

from __future__ import annotations

import pytest
from core.conftest import _clock, _keys, _make, _request  # noqa: F401 - fixtures

from google_auth_botocore._google import transport

shareable = transport.shareable


@pytest.fixture(autouse=True)
def _good_for_a_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "shareable", lambda _: True)
