"""Requests that are rejected: from proxies, web pages and everything that is not a client of a metadata server."""

from __future__ import annotations

import socket

import pytest
from emulator.workload import Workload

from cli.serve.conftest import ACCOUNT, TOKEN, connect, exchange, get, rejected, request


class TestHeaders:
    @pytest.mark.parametrize("flavor", ["", "google", "AWS", "Google, Google", "Google\r\nMetadata-Flavor: Google"])
    @pytest.mark.parametrize("path", ["/", f"{ACCOUNT}/email", TOKEN])
    def test_a_request_without_metadata_flavor_is_rejected(self, port: int, path: str, flavor: str) -> None:
        plain = request(port, path).replace("Metadata-Flavor: Google\r\n", f"Metadata-Flavor: {flavor}\r\n")
        for text in (plain, plain.replace(f"Metadata-Flavor: {flavor}\r\n", "")):
            with connect(port) as connection:
                answer = exchange(connection, text)
            assert (answer.status, answer.body) == (403, "The request lacks the header Metadata-Flavor: Google.")

    @pytest.mark.parametrize(
        "name", ["X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X-Forwarded-Host", "Forwarded", "X-Real-IP"]
    )
    def test_a_forwarded_request_is_rejected(self, port: int, name: str) -> None:
        status, body = rejected(port, f"{name}: 127.0.0.1")
        assert status == 403
        assert name.title() in body

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1.evil.example:{port}",
            "localhost.evil.example:{port}",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.0.0.1:{port}@evil.example",
            "metadata.google.internal",
            "169.254.169.254",
            "",
            "127.0.0.1:{port}\r\nHost: evil.example",
            # Another user may own the same port of [::1], and a page from there would be same-origin.
            "localhost:{port}",
            "[::1]:{port}",
            "127.0.0.2:{port}",
        ],
    )
    def test_a_host_name_that_resolves_to_loopback_is_rejected(self, port: int, host: str) -> None:
        """DNS rebinding: the browser considers the page same-origin, so it may send any header, but Host is its own name."""
        status, body = rejected(port, "Host: " + host.format(port=port))
        assert status == 403
        assert "Host header" in body

    def test_a_request_without_a_host_is_rejected(self, port: int) -> None:
        with connect(port) as connection:
            answer = exchange(connection, f"GET {TOKEN} HTTP/1.0\r\nMetadata-Flavor: Google\r\n\r\n")
        assert answer.status == 403

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", ""])
    def test_a_web_page_is_rejected(self, port: int, origin: str) -> None:
        status, body = rejected(port, f"Origin: {origin}")
        assert status == 403
        assert "Origin" in body

    @pytest.mark.parametrize(
        "header",
        [
            "Sec-Fetch-Site: same-origin",
            "sec-fetch-mode: cors",
            "SEC-FETCH-DEST: empty",
            "Sec-Fetch-User: ?1",
            "Sec-Fetch-Anything: ",
            "Sec-GPC: 1",
            'Sec-CH-UA: "Chromium";v="156"',
            "Sec-Purpose: prefetch",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Referer: http://127.0.0.1:{port}/",
            "Referer: ",
            "Cookie: session=1",
            "DNT: 1",
            "Upgrade-Insecure-Requests: 1",
            "Service-Worker: script",
            # Safari before 16.4 and Firefox before 90, which do not send Sec-Fetch-* headers.
            "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/15.6 Safari/605.1.15",
            "user-agent: mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Firefox/78.0",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_headers_that_browsers_add_are_rejected(
        self, port: int, workload: Workload, header: str, method: str
    ) -> None:
        """The page is same-origin with the server, and sends Metadata-Flavor."""
        status, _ = rejected(port, header.format(port=port), method=method)
        assert status == 403
        assert workload.google.calls == []

    @pytest.mark.parametrize(
        "header",
        [
            "User-Agent: gcloud/528.0.0 command/gcloud.auth",
            "User-Agent: Go-http-client/1.1",
            "User-Agent: Java/21",
            "User-Agent: python-requests/2.32",
            "User-Agent: google-api-nodejs-client/10.0",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate, br",
            "Accept-Language: *",
            "Pragma: no-cache",
            "Upgrade: h2c",
            "X-Goog-Api-Client: gl-python/3.11 auth/2.40 auth-request-type/at cred-type/mds",
        ],
    )
    def test_headers_that_clients_add_are_accepted(self, port: int, header: str) -> None:
        assert get(port, TOKEN, header).status == 200

    def test_a_preflight_request_is_rejected(self, port: int) -> None:
        preflight = ("Origin: http://evil.example", "Access-Control-Request-Headers: metadata-flavor")
        assert rejected(port, *preflight, method="OPTIONS")[0] == 405

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"])
    def test_only_get_and_head_are_accepted(self, port: int, method: str) -> None:
        answer = get(port, TOKEN, method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")

    def test_the_answer_to_a_post_arrives_before_its_body_is_read(self, port: int) -> None:
        with connect(port) as connection:
            text = request(port, TOKEN, "Content-Length: 100000", method="POST")
            assert exchange(connection, text + "x" * 100_000).status == 405


class TestLoopback:
    def test_no_other_address_answers(self, port: int) -> None:
        """The rest of 127.0.0.0/8, ::1 and the host name are also addresses of this machine."""
        others = ["127.0.0.2", "::1", *{each[4][0] for each in socket.getaddrinfo(socket.gethostname(), port)}]
        for address in {other for other in others if other != "127.0.0.1"}:
            with pytest.raises(OSError, match=r"refused|unreachable|assign|not supported"):
                socket.create_connection((str(address), port), timeout=5)


class TestMalformed:
    @pytest.mark.parametrize(
        ("text", "status"),
        [
            ("GET\r\n\r\n", 400),
            ("GET / HTTP/2\r\n\r\n", 400),
            ("GET / x HTTP/1.1\r\n\r\n", 400),
            ("GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nMetadata-Flavor : Google\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
            ("\x16\x03\x01\x02\r\n\r\n", 400),
            (f"GET /{'x' * 100_000} HTTP/1.1\r\n\r\n", 431),
        ],
        ids=range(9),
    )
    def test_a_malformed_request_gets_an_error(self, port: int, text: str, status: int) -> None:
        with connect(port) as connection:
            assert exchange(connection, text).status == status
        assert get(port, "/").status == 200

    def test_a_client_that_disconnects_does_no_harm(self, port: int) -> None:
        for text in ("", "GET / HT", request(port, TOKEN)):
            with connect(port) as connection:
                connection.sendall(text.encode())
        assert get(port, "/").status == 200

    def test_a_body_is_never_parsed_as_a_request(self, port: int) -> None:
        inner = request(port, TOKEN)
        with connect(port) as connection:
            text = request(port, "/", f"Content-Length: {len(inner)}")
            assert exchange(connection, text + inner).headers["connection"] == "close"
            assert connection.recv(1) == b""

    def test_a_connection_serves_several_requests(self, port: int) -> None:
        with connect(port) as connection:
            assert [exchange(connection, request(port, path)).status for path in ("/", "/none", TOKEN)] == [
                200,
                404,
                200,
            ]
            last = exchange(connection, request(port, "/", "Connection: close"))
            assert last.headers["connection"] == "close"
            assert connection.recv(1) == b""
