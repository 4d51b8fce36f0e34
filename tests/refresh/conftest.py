"""Credentials and a fake Google, whose transport counts as thread-safe, like that of requests."""

from __future__ import annotations

import pytest
import seams
from core.conftest import _clock, _keys, _make, _request  # noqa: F401 - fixtures
from core.stand_in import FakeClock

from refresh.threads import Threads


@pytest.fixture(autouse=True)
def _thread_safe_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    seams.share_any_transport(monkeypatch)


@pytest.fixture(name="background")
def _background(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Threads:
    threads = Threads(clock)
    threads.install(monkeypatch)
    return threads
