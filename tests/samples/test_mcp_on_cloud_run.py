"""The sample mcp_on_cloud_run.py, with MCP's own server. Google's verifier checks the ID token of each request, as on Cloud Run."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from mcp import MCPError
from mcp.server.mcpserver import MCPServer
from service_account.services import Service

from google_auth_botocore import FederationError
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import Run


@contextlib.contextmanager
def running(service: Service) -> Iterator[str]:
    """Run an MCP server with one tool behind the service's check; yield its URL."""
    server = MCPServer("calculator")

    @server.tool()
    def add(a: int, b: int) -> str:
        return f"{a} + {b} = {a + b}"

    app: Any = server.streamable_http_app()

    async def checked(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            authorization = dict(scope["headers"]).get(b"authorization", b"").decode()
            if not await asyncio.to_thread(service.admits, authorization):
                await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body"})
                return
        await app(scope, receive, send)

    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    web = Server(uvicorn.Config(checked, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=web.run)
    thread.start()
    try:
        assert started.wait(60)
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}"
    finally:
        web.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(name="service")
def _service(sandbox: Sandbox) -> Service:
    return Service(sandbox.google.certs_url)


def test_the_server_sees_the_service_account(sandbox: Sandbox, service: Service, run: Run) -> None:
    before = sandbox.google.count(":generateIdToken")
    with running(service) as url:
        service.audience = url
        assert run("mcp_on_cloud_run.py", url, "add", "a=2", "b=3") == "2 + 3 = 5\n"
    assert set(service.callers) == {sandbox.service_account}
    assert sandbox.google.count(":generateIdToken") == before + 1


def test_a_rejected_request_is_sent_again_with_a_new_token(sandbox: Sandbox, service: Service, run: Run) -> None:
    before = sandbox.google.count(":generateIdToken")
    admits, answers = service.admits, iter([False])
    # The first request is rejected. The second token may be equal to the first: both may be issued in the same second.
    service.admits = lambda authorization: next(answers, True) and admits(authorization)  # type: ignore[method-assign]
    with running(service) as url:
        service.audience = url
        assert run("mcp_on_cloud_run.py", url, "add", "a=2", "b=3") == "2 + 3 = 5\n"
    assert sandbox.google.count(":generateIdToken") == before + 2


def test_a_token_for_another_service_is_rejected(service: Service, run: Run) -> None:
    """MCP's client does not show the status 401."""
    with running(service) as url:
        service.audience = "https://other-123456789012.europe-west1.run.app"
        with pytest.RaisesGroup(
            pytest.RaisesExc(MCPError, match="Server returned an error response"), flatten_subgroups=True
        ):
            run("mcp_on_cloud_run.py", url, "add", "a=2", "b=3")
    assert service.callers == []


def test_the_user_sees_why_google_issues_no_token(sandbox: Sandbox, service: Service, run: Run) -> None:
    sandbox.google.fail(
        "/v1/token", Fault(403, times=None, body={"error": "unauthorized_client", "error_description": "No."})
    )
    try:
        expected = pytest.RaisesExc(FederationError, match="unauthorized_client")
        with running(service) as url, pytest.RaisesGroup(expected, flatten_subgroups=True):
            run("mcp_on_cloud_run.py", url, "add", "a=2", "b=3")
    finally:
        sandbox.google.clear_faults()
