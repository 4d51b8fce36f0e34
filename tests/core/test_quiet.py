"""Being on the way to a token: what holds for a thread as long as it is, and no longer."""

from __future__ import annotations

import contextvars
import logging

import pytest

from core.conftest import Make
from core.stand_in import Answer, FakeGoogle, Sent


def test_whoever_logs_with_the_credentials_does_not_wait_for_himself(
    make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that sends what it is told to Cloud Logging, say; our own records are of that, too."""
    credentials = make()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            sent.append(record.getMessage())
            credentials.before_request(request_, "POST", "https://logging.googleapis.com", {})

    sent: list[str] = []
    logger, handler = logging.getLogger("google_auth_botocore"), Handler()
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.manager._clear_cache()  # type: ignore[attr-defined]  # what `setLevel` does, and a patch does not
    credentials.refresh(request_)
    assert sent
    assert request_.count("/token") == 1


def test_a_task_that_begins_meanwhile_and_outlasts_it_has_its_requests_authorized(
    make: Make, request_: FakeGoogle
) -> None:
    """As one of a transport's own event loop, which has a copy of the context."""
    credentials, contexts = make(), []

    def answer(sent: Sent) -> Answer:
        contexts.append(contextvars.copy_context())
        return request_._google(sent)

    request_.script.append(answer)
    credentials.refresh(request_)
    headers: dict[str, str] = {}
    contexts[0].run(credentials.before_request, request_, "GET", "https://x", headers)
    assert headers == {"authorization": f"Bearer {credentials.token}"}
