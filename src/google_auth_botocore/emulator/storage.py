"""Cloud Storage on loopback: buckets in memory that accept bearer tokens and signed URLs.

Both of its APIs work as in Cloud Storage: JSON, for Google's libraries and tools, and XML, for clients such as object_store,
obstore and polars. Listings have pages in the order of UTF-8 bytes, without the checksums of objects that are encrypted
with a customer's key. Ranges, generations, preconditions, uploads in parts and requester pays work; so do Google's error
messages. pyarrow's own file system, `pyarrow.fs.GcsFileSystem`, must run in another process than this server, because it holds
Python's global lock while it waits for the size of a file. `Storage.fail` simulates a server that is overloaded, does not
reply, or sends wrong data. There are no ACLs, old generations or deleted objects to restore.

A request goes from `_storage_server` to `_storage_api` (JSON) or `_xml_api`. Both use the operations in `_storage_objects`,
which check permissions and preconditions and change the buckets in `_object_store`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import NotFoundError, ObjectStore
from google_auth_botocore.emulator._post_policy import Form
from google_auth_botocore.emulator._settings import system_time
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._storage_api import StorageApi
from google_auth_botocore.emulator._storage_authentication import Authentication, Caller, UnauthenticatedError
from google_auth_botocore.emulator._storage_batch import answer_batch
from google_auth_botocore.emulator._storage_buckets import is_name
from google_auth_botocore.emulator._storage_objects import Objects
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._storage_server import StorageServer
from google_auth_botocore.emulator._storage_uploads import Uploads
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator._xml import XmlError
from google_auth_botocore.emulator._xml_api import XmlApi

__all__ = ["NotFoundError", "Storage"]


class Storage:
    """Cloud Storage, served inside a `with` block. Objects are kept in memory.

    Args:
        check: returns what an access token stands for; None: unknown or expired.
        check_signature: returns whether a service account signed a message (arguments: account, message, signature);
            None: the account does not exist.
        clock: returns the time that decides whether a signed URL has expired, in seconds since the epoch.
        check_member: raises ValueError for a member of a bucket's policy that IAM would reject; None: all are accepted.

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
        clock: Callable[[], float] = system_time,
        *,
        check_member: Callable[[str], None] | None = None,
    ) -> None:
        self.principals: list[str | None] = []
        self.tokens: set[str] = set()
        self.downloads: list[str] = []
        self.latency: float = 0.0
        self.user_projects: list[str] = []
        self.on_request: Callable[[str], None] | None = None
        self._faults = FaultScript()
        self._store = ObjectStore()
        self._objects = Objects(self._store, check_member)
        uploads = Uploads(self._objects)
        self._authentication = Authentication(check, Signatures(check_signature, clock), uploads, clock)
        self._json = StorageApi(self._objects, uploads)
        self._xml = XmlApi(self._objects, uploads)
        self._servers: tuple[StorageServer, StorageServer] | None = None

    def __enter__(self) -> Storage:
        """Start the servers.

        Raises:
            RuntimeError: it is already running.
        """
        if self._servers is not None:
            raise RuntimeError("Cloud Storage is already running")
        self._store.clear()
        self._servers = (StorageServer(self, is_open=False), StorageServer(self, is_open=True))
        for server in self._servers:
            server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the servers and close all connections."""
        servers, self._servers = self._servers, None
        for server in servers or ():
            server.stop()

    @property
    def url(self) -> str:
        """The URL for clients with a token: their `client_options={"api_endpoint": …}`."""
        return self._url(0)

    @property
    def open_url(self) -> str:
        """The URL that requires no token, for tests to fill and inspect buckets. Faults do not apply to it."""
        return self._url(1)

    def _url(self, index: int) -> str:
        if self._servers is None:
            raise RuntimeError("Cloud Storage is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._servers[index].port}"

    def create_bucket(self, name: str, *, kms_key: str | None = None, requester_pays: bool = False) -> None:
        """Create a bucket, or change one.

        Args:
            name: its name.
            kms_key: its default Cloud KMS key, `projects/…/cryptoKeys/NAME`. As in Cloud Storage, listings omit the
                checksums of objects that are written from now on.
            requester_pays: whether each request must name a project to bill.

        Raises:
            ValueError: Cloud Storage does not accept the name.
        """
        if not is_name(name):
            raise ValueError(f"{name!r} is not the name of a bucket: use 3 to 63 of a-z, 0-9, '-', '_' and '.'")
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
            NotFoundError: the bucket does not exist.
        """
        return dict(self._store.put(bucket, name, content, **fields))

    def patch(self, bucket: str, name: str, **fields: Any) -> dict[str, Any]:
        """Change an object's metadata directly, without HTTP, and return it. Its metageneration increases.

        Raises:
            NotFoundError: the object does not exist.
        """
        return dict(self._store.change(bucket, name, fields))

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object directly, without HTTP.

        Raises:
            NotFoundError: the object does not exist.
        """
        self._store.delete(bucket, name)

    def deny(self, bucket: str, permission: str) -> None:
        """Deny every caller a permission on a bucket, such as `storage.objects.list` or `storage.objects.get`."""
        self._objects.denied.add((bucket, permission))

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
        return self._objects.page_size

    @page_size.setter
    def page_size(self, maximum: int) -> None:
        self._objects.page_size = maximum

    @property
    def refused(self) -> int:
        """The number of requests without a valid token or signature."""
        return self.principals.count(None)

    def caller(self, request: StorageRequest) -> Caller:
        """Return the sender of a request, and record it.

        Raises:
            UnauthenticatedError: the request has neither a valid token nor a signature.
            StorageError: the scopes of the token do not allow the request.
            XmlError: a signature is invalid.
        """
        try:
            caller = self._authentication.caller(request)
        except (UnauthenticatedError, errors.StorageError, XmlError):
            self.principals.append(None)
            raise
        self.principals.append(caller.principal)
        if caller.token is not None:
            self.tokens.add(caller.token)
        return caller

    def record(self, request: StorageRequest) -> None:
        """Record the object that an authenticated caller downloads, and the project to bill.

        Raises:
            StorageError: a name is not UTF-8.
        """
        if request.media is not None:
            self.downloads.append(request.media)
        if request.parameters.get("userProject"):
            self.user_projects.append(request.parameters["userProject"])

    def answer(self, request: StorageRequest, form: Form | None) -> Response:
        """Return the reply to a request of an authenticated caller.

        Raises:
            StorageError: the request is rejected.
            XmlError: the same, by the XML API.
        """
        if form is not None:
            return self._xml.post_form(request, form)
        if not request.is_json:
            return self._xml.answer(request)
        if request.path.startswith("/batch"):
            return answer_batch(request, self._json.answer)
        return self._json.answer(request)

    def resource(self, bucket: str, name: str) -> dict[str, Any] | None:
        """Return an object's metadata; None: the object does not exist."""
        found = self._store.find(bucket, name)
        return None if found is None else dict(found.metadata)
