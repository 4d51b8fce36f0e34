"""Google's own client libraries accept the object as `credentials=` and send the right bearer token."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import google.auth.transport.requests
import google_auth_httplib2
import googleapiclient.discovery
import grpc
import httplib2
import pytest
import seams
from google.api_core.client_options import ClientOptions
from google.auth.transport.grpc import AuthMetadataPlugin
from google.cloud import bigquery, secretmanager, storage  # type: ignore[attr-defined]  # a namespace without types

from core.conftest import Make
from core.stand_in import ACCOUNT, FakeGoogle
from google_auth_botocore import Credentials


class Api:
    """A Google API that answers everything with the same document and records the bearer tokens."""

    def __init__(self) -> None:
        self.bearers: list[str | None] = []
        self.projects: list[str | None] = []
        self.rejected: set[str] = set()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                bearer = self.headers.get("authorization")
                api.bearers.append(bearer)
                api.projects.append(self.headers.get("x-goog-user-project"))
                body = json.dumps({"kind": "storage#bucket", "name": "b", "projects": []}).encode()
                self.send_response(401 if bearer in api.rejected else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Api:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(name="api")
def _api() -> Iterator[Api]:
    with Api() as api:
        yield api


@pytest.fixture(name="credentials")
def _credentials(make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """Redirect every transport of a library to the fake Google."""
    seams.use_own_transport(monkeypatch, request_)
    return make(ACCOUNT, project_id="my-project", quota_project_id="q")


@pytest.fixture(autouse=True)
def _every_transport(request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send token requests of the libraries' sessions to the fake Google, which is not a server."""

    def answer(_: Any, url: str, method: str = "GET", body: Any = None, headers: Any = None, **__: Any) -> Any:
        return request_(url, method, body, headers)

    monkeypatch.setattr(google.auth.transport.requests.Request, "__call__", answer)


def test_storage(credentials: Credentials, api: Api) -> None:
    client = storage.Client(credentials=credentials, client_options={"api_endpoint": api.url})
    assert client.project == "my-project"
    client.get_bucket("b")
    client.close()
    assert api.bearers == ["Bearer access-2"]
    assert api.projects == ["q"]


def test_bigquery(credentials: Credentials, api: Api) -> None:
    client = bigquery.Client(credentials=credentials, client_options={"api_endpoint": api.url})
    assert client.project == "my-project"
    list(client.list_projects())
    client.close()  # type: ignore[no-untyped-call]
    assert api.bearers == ["Bearer access-2"]


def test_storage_gets_a_new_token_after_a_401(credentials: Credentials, api: Api, request_: FakeGoogle) -> None:
    api.rejected = {"Bearer access-2"}
    client = storage.Client(credentials=credentials, client_options={"api_endpoint": api.url})
    client.get_bucket("b")
    client.close()
    assert api.bearers == ["Bearer access-2", "Bearer access-3"]
    assert request_.count("/token") == 1


def test_client_options_set_the_quota_project(credentials: Credentials, api: Api) -> None:
    options = ClientOptions(api_endpoint=api.url, quota_project_id="other")
    client = storage.Client(credentials=credentials, client_options=options)
    client.get_bucket("b")
    client.close()
    assert api.projects == ["other"]


def test_discovery_client_over_httplib2(credentials: Credentials, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "name": "x",
        "version": "v1",
        "rootUrl": f"{api.url}/",
        "servicePath": "",
        "baseUrl": f"{api.url}/",
        "auth": {"oauth2": {"scopes": {"https://www.googleapis.com/auth/drive": {"description": ""}}}},
        "methods": {"get": {"id": "x.get", "path": "x", "httpMethod": "GET", "response": {}}},
    }
    credentials.refresh(FakeGoogle())
    service = googleapiclient.discovery.build_from_document(document, credentials=credentials)
    scoped = service._http.credentials
    assert scoped.scopes == ("https://www.googleapis.com/auth/drive",)
    scoped.refresh(FakeGoogle())
    service.get().execute()
    service.close()
    assert api.bearers == [f"Bearer {scoped.token}"]


class _Secrets(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """A gRPC service that answers every call with an empty message and records the metadata."""

    def __init__(self) -> None:
        self.bearers: list[str] = []

    def service(self, details: Any) -> Any:
        found = {pair.key: pair.value for pair in details.invocation_metadata}
        self.bearers.append(found["authorization"])
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")


@pytest.fixture(name="grpc_server")
def _grpc_server() -> Iterator[tuple[str, _Secrets]]:
    service = _Secrets()
    with futures.ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, handlers=(service,))
        port = server.add_secure_port("localhost:0", grpc.local_server_credentials())
        server.start()
        yield f"localhost:{port}", service
        server.stop(None).wait(60)


def test_grpc(credentials: Credentials, request_: FakeGoogle, grpc_server: tuple[str, _Secrets]) -> None:
    """Twenty calls at once, each on a separate thread, cost one exchange."""
    target, service = grpc_server
    plugin = AuthMetadataPlugin(credentials, request_)
    both = grpc.composite_channel_credentials(grpc.local_channel_credentials(), grpc.metadata_call_credentials(plugin))
    with grpc.secure_channel(target, both) as channel:
        transport = secretmanager.SecretManagerServiceClient.get_transport_class("grpc")(channel=channel)
        client = secretmanager.SecretManagerServiceClient(transport=transport)
        with futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda n: client.get_secret(name=f"projects/p/secrets/s{n}"), range(20)))
    assert service.bearers == ["Bearer access-2"] * 20
    assert len(request_.calls) == 2


def test_gapic_client_accepts_the_object(credentials: Credentials) -> None:
    for transport in ("grpc", "rest"):
        client = secretmanager.SecretManagerServiceClient(credentials=credentials, transport=transport)
        assert client.universe_domain == "googleapis.com"
        client.transport.close()  # type: ignore[no-untyped-call]


def test_no_timeout_is_passed_to_httplib2(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A timeout would make httplib2 log a warning."""
    with Api() as api:
        http = httplib2.Http()
        credentials = make(token_url=f"{api.url}/v1/token")
        with pytest.raises(Exception, match="no lifetime in seconds"):
            credentials.refresh(google_auth_httplib2.Request(http))
        http.close()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
