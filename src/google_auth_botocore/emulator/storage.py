"""Cloud Storage on loopback: buckets in memory, behind a check of bearer tokens and of signed URLs.

It reads as Cloud Storage does: listings in pages and in the order of bytes, without the checksums of objects that are
encrypted with a customer's key; ranges, generations and preconditions; requester pays; errors in Google's words. Uploads
are gcp-storage-emulator's. `Storage.fail` simulates a server that is overloaded, silent or wrong.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import HTTPServer
from types import TracebackType
from typing import Any

from gcp_storage_emulator.exceptions import NotFound

from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import ObjectStore
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._storage_api import StorageApi, StorageRequest
from google_auth_botocore.emulator._storage_gate import Behind, Gate
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator._xml import XmlRequest
from google_auth_botocore.emulator._xml_api import XmlApi

_SCOPES = {
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write", "devstorage.read_only")
}
# fmt: off
# The fields that the creator of a bucket may set: https://docs.cloud.google.com/storage/docs/json_api/v1/buckets
_BUCKET_FIELDS = frozenset({
    "acl", "autoclass", "billing", "cors", "defaultEventBasedHold", "defaultObjectAcl", "encryption",
    "hierarchicalNamespace", "iamConfiguration", "ipFilter", "labels", "lifecycle", "location", "logging",
    "objectRetention", "retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website",
})
# fmt: on


class Storage:
    """The service, while its context is open; objects are kept in memory.

    Args:
        check: gives what an access token stands for, None for one that is unknown or expired.
        check_signature: tells whether a service account has signed a message with a signature, None for one that
            does not exist.
        clock: gives the time at which signed URLs expire, in seconds since the epoch.

    Attributes:
        principals: whom each request so far spoke for; None: it was refused.
        tokens: the access tokens that were let in so far.
        downloads: the names of the objects whose content was asked for so far.
        latency: seconds that each answer takes longer, as over a network.
        user_projects: the projects that requests so far named as the one to bill.
        on_request: called before a request with a valid token is answered, with its method, path and query, decoded:
            to change an object between two requests, for example.
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
        self._behind: HTTPServer | None = None
        self._gates: tuple[Gate, Gate] | None = None

    def __enter__(self) -> Storage:
        """Starts it.

        Raises:
            RuntimeError: it is running already.
        """
        if self._gates is not None:
            raise RuntimeError("it is running already")
        # Not by gcp-storage-emulator's own starter, whose server takes half a second to stop and does not say where it is.
        self._store.wipe()
        self._behind = HTTPServer(("127.0.0.1", 0), partial(Behind, self._store))
        threading.Thread(target=self._behind.serve_forever, args=(0.02,), name="storage", daemon=True).start()
        behind = f"127.0.0.1:{self._behind.server_address[1]}"
        self._gates = (Gate(self, behind, is_open=False), Gate(self, behind, is_open=True))
        for gate in self._gates:
            gate.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops it and hangs up on its clients."""
        gates, self._gates = self._gates, None
        behind, self._behind = self._behind, None
        for gate in gates or ():
            gate.stop()
        if behind is not None:
            behind.shutdown()
            behind.server_close()

    @property
    def url(self) -> str:
        """Where a client with a token goes: its `client_options={"api_endpoint": …}`."""
        if self._gates is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._gates[0].port}"

    @property
    def open_url(self) -> str:
        """The address that requires no token: for filling buckets and for looking into them. No fault hits it."""
        if self._gates is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._gates[1].port}"

    def create_bucket(self, name: str, *, kms_key: str | None = None, requester_pays: bool = False) -> None:
        """Make a bucket, or change one.

        Args:
            name: its name.
            kms_key: its default Cloud KMS key, `projects/…/cryptoKeys/NAME`. Listings of objects that are written from
                now on have no checksums, as those of Cloud Storage.
            requester_pays: whether each request must name a project to bill.
        """
        encryption = {"encryption": {"defaultKmsKeyName": kms_key}} if kms_key is not None else {}
        self._store.make_bucket(name, billing={"requesterPays": requester_pays}, **encryption)

    def put(self, bucket: str, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Make an object without HTTP, in place of one of the same name, and return its metadata.

        Args:
            bucket: the bucket.
            name: the name of the object.
            content: what it holds.
            fields: further fields of its resource, as in the JSON API: `contentType`, `metadata`, a wrong `crc32c`. One
                that is None is absent: `md5Hash=None, componentCount=2` make a composite object, and
                `customerEncryption={"keySha256": …}` one that is read with its key only.

        Raises:
            NotFound: there is no such bucket.
        """
        return dict(self._store.put(bucket, name, content, **fields))

    def patch(self, bucket: str, name: str, **fields: Any) -> dict[str, Any]:
        """Change an object's metadata without HTTP, which gives it a new metageneration, and return it.

        Raises:
            NotFound: there is no such object.
        """
        return dict(self._store.change(bucket, name, fields))

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object without HTTP.

        Raises:
            NotFound: there is no such object.
        """
        self._store.delete_file(bucket, name)

    def deny(self, bucket: str, permission: str) -> None:
        """Take a permission in a bucket from every caller: `storage.objects.list`, `storage.objects.get`, …."""
        self._api.denied.add((bucket, permission))

    def fail(self, request: str, fault: Fault) -> None:
        """Let a fault hit the next requests that contain `request`, or match it as a glob.

        Args:
            request: compared with the method, the path and the query, decoded: `GET /storage/v1/b/B/o/N?alt=media`.
                `*alt=media*` is every download, `GET */o[?]*` every listing.
            fault: what happens.
        """
        self._faults.add(request, fault)

    def clear_faults(self) -> None:
        """End all faults."""
        self._faults.clear()

    def next_fault(self, request: str) -> Fault | None:
        """Return the fault that hits this request, which counts as one of its hits."""
        return self._faults.next(request)

    @property
    def page_size(self) -> int:
        """The most objects of one page of a listing, whatever the request allows."""
        return self._api.page_size

    @page_size.setter
    def page_size(self, most: int) -> None:
        self._api.page_size = most

    @property
    def refused(self) -> int:
        """How many requests had neither a token nor a signature, or one that is not valid."""
        return self.principals.count(None)

    def caller(self, authorization: str | None) -> str | None:
        """Whom a request speaks for, by its Authorization header; None: nobody that may come in."""
        scheme, _, value = (authorization or "").partition(" ")
        info = self._check(value) if scheme == "Bearer" else None
        allowed = info is not None and not _SCOPES.isdisjoint(info.scopes)
        principal = info.principal if info is not None and allowed else None
        self.principals.append(principal)
        if principal is not None:
            self.tokens.add(value)
        return principal

    def signed(self, request: XmlRequest) -> Response | None:
        """The answer to a request whose URL or form is signed; None: it is not."""
        answered = self._xml_api().answer(request)
        if answered is None:
            return None
        signer, response = answered
        self.principals.append(signer)
        if signer is not None and request.method == "GET":
            self.downloads.append(request.target[1])
        return response

    def answer(self, request: StorageRequest) -> Response | None:
        """Return the JSON API's reply; None: gcp-storage-emulator has one.

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

    def settle(self, request: StorageRequest, document: Any) -> Any:
        """Complete what gcp-storage-emulator made of a request that writes, and return the reply to it."""
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind == "storage#bucket" and request.method == "POST":  # of which it has kept nothing but the name
            return self._store.make_bucket(document["name"], **_bucket_fields(request.body))
        if kind != "storage#object" or request.method not in {"POST", "PUT"}:
            return document
        found = self.resource(document["bucket"], document["name"])
        if found is None or found["generation"] != document["generation"]:  # another request was faster
            return document
        if request.path.endswith("/compose"):
            found.pop("md5Hash", None)
            found["componentCount"] = len(_json(request.body).get("sourceObjects", ()))
        key = request.headers.get("x-goog-encryption-key-sha256")
        if key is not None:
            found["customerEncryption"] = {"encryptionAlgorithm": "AES256", "keySha256": key}
        return {**found, "mediaLink": document["mediaLink"]}

    def resource(self, bucket: str, name: str) -> dict[str, Any] | None:
        """An object's metadata; None: there is no such object."""
        try:
            found: dict[str, Any] = self._store.get_file_obj(bucket, name)
        except NotFound:
            return None
        return found


def _json(body: bytes) -> dict[str, Any]:
    document = json.loads(body or b"{}")
    return document if isinstance(document, dict) else {}


def _bucket_fields(body: bytes) -> dict[str, Any]:
    """Return the fields of a new bucket that its request sets."""
    return {name: value for name, value in _json(body).items() if name in _BUCKET_FIELDS and value is not None}
