"""Cloud Storage on loopback: buckets in memory that accept bearer tokens and signed URLs.

Reads behave as in Cloud Storage: paged listings in the order of UTF-8 bytes, without the checksums of objects that are
encrypted with a customer's key; ranges, generations and preconditions; requester pays; Google's error messages. Uploads
are handled by gcp-storage-emulator. `Storage.fail` simulates a server that is overloaded, does not reply, or sends
wrong data.

A request goes from `_storage_server` to `_storage_api` (JSON) or `_xml_api`, or is forwarded to gcp-storage-emulator and
completed by `_storage_writes`. All of them use the buckets in `_object_store`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import HTTPServer
from types import TracebackType
from typing import Any

from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import ObjectStore
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._storage_api import StorageApi, StorageRequest
from google_auth_botocore.emulator._storage_server import StorageServer, UpstreamHandler
from google_auth_botocore.emulator._storage_writes import complete_write
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator._xml import XmlRequest
from google_auth_botocore.emulator._xml_api import XmlApi

_SCOPES = {
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write", "devstorage.read_only")
}


class Storage:
    """Cloud Storage, served inside a `with` block. Objects are kept in memory.

    Args:
        check: returns what an access token stands for; None: unknown or expired.
        check_signature: returns whether a service account signed a message (arguments: account, message, signature);
            None: the account does not exist.
        clock: returns the time that decides whether a signed URL has expired, in seconds since the epoch.

    Attributes:
        principals: the caller of each request so far; None: the request was rejected.
        tokens: the access tokens accepted so far.
        downloads: the names of the objects whose content was requested so far.
        latency: seconds by which each reply is delayed, as over a network.
        user_projects: the projects to bill that requests so far have named.
        on_request: called before the reply to a request with a valid token. Its argument is the decoded method, path
            and query. It may change an object between two requests, for example.
    """

    def __init__(
        self,
        check: Callable[[str], TokenInfo | None],
        check_signature: Callable[[str, bytes, bytes], bool | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.principals: list[str | None] = []
        self.tokens: set[str] = set()
        self.downloads: list[str] = []
        self.latency: float = 0.0
        self.user_projects: list[str] = []
        self.on_request: Callable[[str], None] | None = None
        self._check = check
        self._signatures = Signatures(check_signature, clock)
        self._clock = clock
        self._faults = FaultScript()
        self._store = ObjectStore()
        self._api = StorageApi(self._store)
        self._upstream: HTTPServer | None = None
        self._servers: tuple[StorageServer, StorageServer] | None = None

    def __enter__(self) -> Storage:
        """Start the servers.

        Raises:
            RuntimeError: it is already running.
        """
        if self._servers is not None:
            raise RuntimeError("Cloud Storage is already running")
        # Not gcp-storage-emulator's own create_server: its server takes 0.5 s to stop and does not reveal its port.
        self._store.wipe()
        self._upstream = HTTPServer(("127.0.0.1", 0), partial(UpstreamHandler, self._store))
        threading.Thread(target=self._upstream.serve_forever, args=(0.02,), name="storage", daemon=True).start()
        upstream = f"127.0.0.1:{self._upstream.server_address[1]}"
        self._servers = (
            StorageServer(self, upstream, is_open=False),
            StorageServer(self, upstream, is_open=True),
        )
        for server in self._servers:
            server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the servers and close all connections."""
        servers, self._servers = self._servers, None
        upstream, self._upstream = self._upstream, None
        for server in servers or ():
            server.stop()
        if upstream is not None:
            upstream.shutdown()
            upstream.server_close()

    @property
    def url(self) -> str:
        """The URL for clients with a token: their `client_options={"api_endpoint": …}`."""
        if self._servers is None:
            raise RuntimeError("Cloud Storage is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._servers[0].port}"

    @property
    def open_url(self) -> str:
        """The URL that requires no token, for tests to fill and inspect buckets. Faults do not apply to it."""
        if self._servers is None:
            raise RuntimeError("Cloud Storage is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._servers[1].port}"

    def create_bucket(self, name: str, *, kms_key: str | None = None, requester_pays: bool = False) -> None:
        """Create a bucket, or change one.

        Args:
            name: its name.
            kms_key: its default Cloud KMS key, `projects/…/cryptoKeys/NAME`. As in Cloud Storage, listings omit the
                checksums of objects that are written from now on.
            requester_pays: whether each request must name a project to bill.
        """
        encryption = {"encryption": {"defaultKmsKeyName": kms_key}} if kms_key is not None else {}
        self._store.make_bucket(name, billing={"requesterPays": requester_pays}, **encryption)

    def put(self, bucket: str, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Create an object directly, without HTTP, and return its metadata. It replaces one with the same name.

        Args:
            bucket: the bucket.
            name: the name of the object.
            content: its content.
            fields: further fields of its metadata, as in the JSON API: `contentType`, `metadata`, a wrong `crc32c`. A
                field that is None is omitted: `md5Hash=None, componentCount=2` creates a composite object.
                `customerEncryption={"keySha256": …}` creates one whose content can be read only with its key.

        Raises:
            NotFound: the bucket does not exist.
        """
        return dict(self._store.put(bucket, name, content, **fields))

    def patch(self, bucket: str, name: str, **fields: Any) -> dict[str, Any]:
        """Change an object's metadata directly, without HTTP, and return it. Its metageneration increases.

        Raises:
            NotFound: the object does not exist.
        """
        return dict(self._store.change(bucket, name, fields))

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object directly, without HTTP.

        Raises:
            NotFound: the object does not exist.
        """
        self._store.delete_file(bucket, name)

    def deny(self, bucket: str, permission: str) -> None:
        """Deny every caller a permission on a bucket, such as `storage.objects.list` or `storage.objects.get`."""
        self._api.denied.add((bucket, permission))

    def fail(self, request: str, fault: Fault) -> None:
        """Apply a fault to the next requests that contain `request` or match it as a glob.

        Args:
            request: compared with the decoded method, path and query, such as `GET /storage/v1/b/B/o/N?alt=media`.
                `*alt=media*` matches every download, `GET */o[?]*` every listing.
            fault: the simulated failure.
        """
        self._faults.add(request, fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def next_fault(self, request: str) -> Fault | None:
        """Return the fault for this request, and count the request."""
        return self._faults.next(request)

    @property
    def page_size(self) -> int:
        """The maximum number of objects on a page of a listing, even if the request allows more."""
        return self._api.page_size

    @page_size.setter
    def page_size(self, maximum: int) -> None:
        self._api.page_size = maximum

    @property
    def refused(self) -> int:
        """The number of requests without a valid token or signature."""
        return self.principals.count(None)

    def caller(self, authorization: str | None) -> str | None:
        """Return the caller of a request with this Authorization header, and record it. None: reject the request."""
        scheme, _, value = (authorization or "").partition(" ")
        info = self._check(value) if scheme == "Bearer" else None
        allowed = info is not None and not _SCOPES.isdisjoint(info.scopes)
        principal = info.principal if info is not None and allowed else None
        self.principals.append(principal)
        if principal is not None:
            self.tokens.add(value)
        return principal

    def signed(self, request: XmlRequest) -> Response | None:
        """Return the reply to a request whose URL or form is signed; None: it is not signed."""
        result = self._xml_api().answer(request)
        if result is None:
            return None
        signer, response = result
        self.principals.append(signer)
        if signer is not None and request.method == "GET":
            self.downloads.append(request.target[1])
        return response

    def answer(self, request: StorageRequest) -> Response | None:
        """Return the reply of the JSON API; None: forward the request to gcp-storage-emulator.

        Raises:
            StorageError: the request is rejected.
        """
        return self._api.answer(request)

    def xml(self, request: XmlRequest) -> Response:
        """Return the reply of the XML API to a caller with a valid token.

        Raises:
            XmlError: the request is rejected.
        """
        return self._xml_api().serve(request)

    def _xml_api(self) -> XmlApi:
        return XmlApi(self._store, self.open_url, self._signatures, self._clock)

    def complete_write(self, request: StorageRequest, document: Any) -> Any:
        """Complete the result of a write that gcp-storage-emulator has served, and return the reply."""
        return complete_write(self._store, request, document)

    def resource(self, bucket: str, name: str) -> dict[str, Any] | None:
        """Return an object's metadata; None: the object does not exist."""
        return self._store.find(bucket, name)
