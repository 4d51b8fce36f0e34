"""google-cloud-logging: entries over gRPC and over HTTP, and handlers for Python's `logging`.

Before the first entry of a process, the library writes one about itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import logging as cloud_logging  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.logging_v2.handlers import CloudLoggingHandler
from google.cloud.logging_v2.handlers.transports import SyncTransport
from google.cloud.logging_v2.types import WriteLogEntriesRequest, WriteLogEntriesResponse

from consumers.google_clients.apis import GrpcApi, HttpApi
from google_auth_botocore import Credentials


class _NoRecursion(logging.Filter):
    """Drops records that the handler's own request creates, which would lead to endless requests."""

    def __init__(self) -> None:
        super().__init__()
        self._sending = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self._sending, "now", False)

    def emit(self, handler: logging.Handler, record: logging.LogRecord) -> None:
        self._sending.now = True
        try:
            type(handler).emit(handler, record)
        finally:
            self._sending.now = False


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_root_handler_that_sends_each_record_at_once(
    credentials: Credentials, grpc_api: GrpcApi, api: HttpApi, kind: str, level: int
) -> None:
    """The first record needs a token, and the exchange logs, too. Every request has a token, and there is no deadlock."""
    written: list[str] = []

    def by_grpc(requests: Iterator[bytes]) -> Iterator[WriteLogEntriesResponse]:
        for request in map(WriteLogEntriesRequest.deserialize, requests):
            written.extend(entry.text_payload for entry in request.entries if entry.text_payload)
        yield WriteLogEntriesResponse()

    def by_http(body: bytes) -> dict[str, str]:
        written.extend(entry["textPayload"] for entry in json.loads(body)["entries"] if "textPayload" in entry)
        return {}

    grpc_api.replies["WriteLogEntries"], api.replies["POST /v2/entries:write"] = by_grpc, by_http
    used: Any = grpc_api if kind == "grpc" else api
    options = {"api_endpoint": grpc_api.target if kind == "grpc" else api.url}
    client = cloud_logging.Client(credentials=credentials, client_options=options, _use_grpc=kind == "grpc")
    handler, no_recursion = CloudLoggingHandler(client, transport=SyncTransport), _NoRecursion()
    handler.addFilter(no_recursion)
    emit = handler.emit
    handler.emit = lambda record: no_recursion.emit(handler, record)  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        logging.getLogger("application").info("it works")
        logging.getLogger("application").info("it still works")
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.emit = emit  # type: ignore[method-assign]
        handler.close()
        client.close()
    assert [line for line in written if line.startswith("it ")] == ["it works", "it still works"]
    assert (used.exchanges, used.rejected) == ((1, 1), 0)


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """The handler's thread performs the exchange."""
    written: list[str] = []

    def write(requests: Iterator[bytes]) -> Iterator[WriteLogEntriesResponse]:
        for request in map(WriteLogEntriesRequest.deserialize, requests):
            written.extend(entry.text_payload for entry in request.entries if entry.text_payload)
        yield WriteLogEntriesResponse()

    grpc_api.replies["WriteLogEntries"] = write
    options = {"api_endpoint": grpc_api.target}
    client = cloud_logging.Client(credentials=credentials, client_options=options)
    handler = CloudLoggingHandler(client)
    logger = logging.getLogger("application")
    logger.addHandler(handler)
    logger.warning("it works")
    logger.removeHandler(handler)
    handler.close()
    client.close()
    assert written == ["it works"]
    assert (grpc_api.exchanges, grpc_api.rejected) == ((1, 1), 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_http(credentials: Credentials, api: HttpApi) -> None:
    written: list[str] = []

    def write(body: bytes) -> dict[str, str]:
        written.extend(entry["textPayload"] for entry in json.loads(body)["entries"] if "textPayload" in entry)
        return {}

    api.replies["POST /v2/entries:write"] = write
    options = {"api_endpoint": api.url}
    client = cloud_logging.Client(credentials=credentials, client_options=options, _use_grpc=False)
    client.logger("it").log_text("it works")
    api.revoke()
    client.logger("it").log_text("it still works")
    client.close()
    assert written == ["it works", "it still works"]
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 2), 2, 1)
    assert api.callers == {credentials.service_account_email}
