"""The reports that sentry-sdk and stackprinter send of our errors and log records, with default settings."""

from __future__ import annotations

import functools
import json
import logging
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import unquote

import pytest
import sentry_sdk
import stackprinter

from core.conftest import Make
from core.frames import is_package_frame
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, wait_until
from google_auth_botocore import Credentials

SECRET_KEY, SESSION = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE+/=" * 8
FEDERATED, ACCESS = "ya29.federated-and-long", "ya29.access-and-long"
NO = Answer({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, 403)


@pytest.fixture(name="request_")
def _request(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeGoogle:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    return FakeGoogle({"AKID": SECRET_KEY}.__getitem__)


@pytest.fixture(name="sent")
def _sent() -> Iterator[list[Any]]:
    """The events that Sentry would have sent."""
    sent: list[Any] = []
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1:9/1",
        attach_stacktrace=True,
        before_send=lambda event, _: sent.append(event),
        include_local_variables=True,
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        yield sent
    client.close(timeout=0)


def _rejected(credentials: Credentials, request: FakeGoogle) -> None:
    request.script.extend([Answer({"access_token": FEDERATED, "expires_in": 3600}), NO])
    credentials.refresh(request)


def _unreachable(credentials: Credentials, request: FakeGoogle) -> None:
    request.script.extend([OSError("no")] * 100)
    credentials.get_token()


def _broken(credentials: Credentials, request: FakeGoogle) -> None:
    request.script.append(LookupError("no"))
    credentials.before_request(request, "GET", "https://x", {})


def _interrupted(credentials: Credentials, request: FakeGoogle, where: str, kind: type[BaseException]) -> None:
    """There is a token, and it is being written into the headers."""
    credentials.refresh(request)

    def strike(frame: FrameType, event: str, argument: Any) -> Any:
        if is_package_frame(frame) and frame.f_code.co_name == where:
            raise kind
        return None

    sys.settrace(strike)
    try:
        credentials.before_request(request, "GET", "https://x", {})
        credentials.get_token()
    finally:
        sys.settrace(None)


def _without_tests(traceback: TracebackType | None) -> TracebackType | None:
    """Keep the frames from the first one of the package. Frames of tests hold the secrets that they look for."""
    while traceback is not None and not is_package_frame(traceback.tb_frame):
        traceback = traceback.tb_next
    return traceback


FAILURES: dict[str, Callable[[Credentials, FakeGoogle], None]] = {
    "rejected": _rejected,
    "transport of a user's": _broken,
    "interrupted in apply": functools.partial(_interrupted, where="apply", kind=KeyboardInterrupt),
    "ended in expiry": functools.partial(_interrupted, where="expiry", kind=SystemExit),
    "ended in get": functools.partial(_interrupted, where="get", kind=SystemExit),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_report_of_an_error_has_a_secret(make: Make, request_: FakeGoogle, sent: list[Any], failure: str) -> None:
    credentials = make(ACCOUNT)
    with pytest.raises(BaseException) as caught:
        FAILURES[failure](credentials, request_)
    error = caught.value.with_traceback(_without_tests(caught.value.__traceback__))
    sentry_sdk.capture_exception(error)
    [event] = sent
    printed = stackprinter.format((type(error), error, error.__traceback__), show_vals="all", truncate_vals=10**6)
    reports = json.dumps(event, default=repr) + printed
    assert "google_auth_botocore" in reports
    token = credentials.token or "none"
    for secret in (SECRET_KEY, SESSION, FEDERATED, ACCESS, f"Bearer {token}"):
        assert secret not in unquote(unquote(reports))


def test_no_report_of_a_log_record_has_a_secret_in_its_stack(
    make: Make, request_: FakeGoogle, sent: list[Any], clock: FakeClock
) -> None:
    """Sentry attaches the stack of the code that logs, with its local variables."""
    stacks: list[str] = []

    class Reporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            frame: Any = sys._getframe()
            while frame is not None:
                if is_package_frame(frame):
                    stacks.append(json.dumps(dict(frame.f_locals), default=repr))
                frame = frame.f_back
            sentry_sdk.capture_message(record.getMessage(), level="error")

    root, handler = logging.getLogger(), Reporter()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        request_.script.extend([NO] * 10)
        clock.advance(3500)
        credentials.before_request(request_, "GET", "https://x", {})
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            credentials.refresh(request_)
        wait_until(lambda: any("could not be refreshed" in json.dumps(event, default=repr) for event in sent))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    reports = " ".join(stacks) + json.dumps(sent, default=repr)
    for secret in (SECRET_KEY, SESSION, "federated-1", credentials.token or "none"):
        assert secret not in unquote(unquote(reports))
