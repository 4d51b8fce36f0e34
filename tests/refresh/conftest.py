"""Credentials and a fake Google, whose transport counts as thread-safe, like that of requests."""

from __future__ import annotations

import pytest
import seams
from core.conftest import _clock, _keys, _make, _request  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def _thread_safe_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    seams.share_any_transport(monkeypatch)
