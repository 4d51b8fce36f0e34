"""`/healthz` tells probes whether there is a token."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone

import pytest
from adapters.conftest import PausedGoogle
from core.stand_in import FakeClock
from emulator.workload import Workload
from service_account.conftest import Make

from cli.serve.conftest import PATIENCE, TOKEN, Answer, connect, exchange, get, rejected, server
from google_auth_botocore.cli.serve import _health

# As a probe sends it: without the header of a metadata server.
NO_FLAVOR = "Metadata-Flavor: "


def probe(port: int, *more: str, method: str = "GET") -> Answer:
    lines = [f"{method} /healthz HTTP/1.1", f"Host: 127.0.0.1:{port}", "User-Agent: kube-probe/1.31", *more, "", ""]
    with connect(port) as connection:
        return exchange(connection, "\r\n".join(lines))


def ready(port: int) -> Answer:
    """Probe until the server is ready."""
    last = time.monotonic() + PATIENCE
    while (answer := probe(port)).status != 200:
        assert time.monotonic() < last, answer
    return answer


class TestReady:
    def test_it_says_when_the_token_expires_and_does_not_contain_the_token(self, port: int, workload: Workload) -> None:
        answer = ready(port)
        found = json.loads(answer.body)
        expiry = datetime.strptime(found.pop("expiry"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        assert 3000 < expiry.timestamp() - workload.google.clock() <= 3601
        assert found == {"ready": True}
        assert answer.headers["content-type"] == "application/json"
        assert get(port, TOKEN).token not in str(answer)

    def test_a_hundred_probes_make_one_exchange(self, port: int, workload: Workload) -> None:
        ready(port)
        for _ in range(100):
            assert probe(port).status == 200
        assert (workload.google.count("/v1/token"), workload.google.count("generateAccessToken")) == (1, 1)

    def test_a_probe_reports_the_token_that_clients_use(self, port: int, workload: Workload) -> None:
        get(port, TOKEN)
        assert probe(port).status == 200
        assert workload.google.count("generateAccessToken") == 1

    def test_an_expired_token_is_replaced(
        self, make: Make, workload: Workload, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_health, "_RETRY_DELAY", 0.0)
        with server(make(lifetime=600), clock=clock.time) as port:
            ready(port)
            clock.advance(601)
            ready(port)
        assert workload.google.count("generateAccessToken") == 2

    def test_head(self, port: int) -> None:
        ready(port)
        assert probe(port, method="HEAD").status == 200


class TestNotReady:
    def test_probes_are_answered_while_google_does_not_answer(self, port: int, paused: PausedGoogle) -> None:
        for _ in range(3):
            answer = probe(port)
            assert (answer.status, json.loads(answer.body)) == (
                503,
                {"ready": False, "reason": "The token exchange has not finished yet."},
            )
        paused.answer.set()
        ready(port)

    def test_a_failure_is_reported_and_not_repeated_for_each_probe(self, make: Make, workload: Workload) -> None:
        with server(make(service_account_email="nobody@p.iam.gserviceaccount.com")) as port:
            last = time.monotonic() + PATIENCE
            while "iam.serviceAccounts" not in (answer := probe(port)).body and time.monotonic() < last:
                pass
            calls = len(workload.google.calls)
            for _ in range(50):
                assert probe(port).status == 503
        assert json.loads(answer.body)["ready"] is False
        assert len(workload.google.calls) == calls

    def test_a_failure_is_tried_again_later(
        self, port: int, workload: Workload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_health, "_RETRY_DELAY", 0.0)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        assert probe(port).status == 503


class TestFilter:
    def test_only_this_path_needs_no_metadata_flavor(self, port: int) -> None:
        for path in (TOKEN, "/", "/healthz/", "/healthz/token", "/HEALTHZ", "//healthz"):
            status, body = rejected(port, NO_FLAVOR, path=path)
            assert (status, body) == (403, "The request lacks the header Metadata-Flavor: Google."), path

    @pytest.mark.parametrize(
        "header",
        [
            "Origin: http://a.example",
            "Sec-Fetch-Mode: no-cors",
            "User-Agent: Mozilla/5.0",
            "X-Forwarded-For: 10.0.0.1",
            "Host: localhost",
            "Host: 10.0.0.1:80",
        ],
    )
    def test_browsers_and_proxies_are_rejected(self, port: int, workload: Workload, header: str) -> None:
        assert rejected(port, header, NO_FLAVOR, path="/healthz")[0] == 403
        assert workload.google.calls == []

    def test_other_methods_are_rejected(self, port: int) -> None:
        assert rejected(port, method="POST", path="/healthz")[0] == 405
