"""Credentials in front of a stand-in for Google, whose transport is as good for a second thread as requests is."""

from __future__ import annotations

import pytest
import seams
from core.conftest import _clock, _keys, _make, _request  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def _good_for_a_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seams.share_any_transport(monkeypatch)
