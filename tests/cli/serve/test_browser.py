"""A web page in a real browser gets no token, even if the browser considers it same-origin with the server."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import pytest
from emulator.workload import Workload

from cli.serve.browser import PAGE, AttackerServer, browsing, chromium, page
from cli.serve.conftest import PATIENCE, TOKEN, Serve, get

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium is installed: apt-get install chromium"),
]
ATTEMPTS = PAGE.count(": async () =>") + PAGE.count(": () => new Promise")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("::1", "localhost"), ("::1", "[::1]")],
    ids=["a tab left open", "a tab left open by name", "another user at ::1", "another user at ::1 by address"],
)
@pytest.mark.parametrize("path", [TOKEN, f"{TOKEN.rpartition('/')[0]}/identity?audience=x"], ids=["access", "id"])
def test_no_page_gets_a_token(
    serve: Serve, workload: Workload, tmp_path: Path, address: str, host: str, path: str
) -> None:
    """The page is loaded from another server on the port, which then exits, so that `serve` can use the port."""
    port = free_port()
    with contextlib.ExitStack() as running:
        attacker = running.enter_context(contextlib.closing(AttackerServer(port, path)))
        with page(address, port, attacker, path):
            running.enter_context(browsing(f"http://{host}:{port}/", tmp_path / "browser"))
            assert attacker.ready.wait(PATIENCE)
        with serve(f"--port={port}"):
            attacker.go.set()
            assert attacker.done.wait(2 * PATIENCE)
            assert workload.google.calls == []
            assert get(port, path).status == 200
    assert len(attacker.found) >= ATTEMPTS
    for name, text in attacker.found.items():
        assert not re.search(r"ya29|eyJ|access_token", text), (name, text)
