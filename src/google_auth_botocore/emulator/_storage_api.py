"""Cloud Storage's JSON API, as far as it reads: objects listed, described and downloaded.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.gcs_glob import gcs_glob_match

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import ObjectStore
from google_auth_botocore.emulator._partial_response import FieldsError, select
from google_auth_botocore.emulator._ranges import ranged
from google_auth_botocore.emulator._xml_api import DESCRIBED, identity, in_header, media_link

_BUCKET = re.compile(r"(?:/storage/v1)?/b/([^/]+)")
_LIST = re.compile(r"(?:/storage/v1)?/b/([^/]+)/o/?")
_OBJECT = re.compile(r"(?:(?:/download)?/storage/v1)?/b/([^/]+)/o/([^/]+)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what can be the name of a header
_MOST = 1000
# Cloud Storage rejects a selection of a field that does not exist.
_FIELDS = frozenset(
    re.findall(
        r"\w+",
        """
        kind nextPageToken prefixes items id selfLink mediaLink name bucket generation metageneration contentType
        storageClass size softDeleteTime hardDeleteTime md5Hash contentEncoding contentDisposition contentLanguage
        cacheControl metadata acl owner crc32c componentCount etag customerEncryption kmsKeyName temporaryHold
        eventBasedHold retentionExpirationTime retention timeCreated updated timeDeleted timeStorageClassUpdated
        customTime timeFinalized contexts restoreToken entity entityId encryptionAlgorithm keySha256
        """,
    )
)


@dataclass(frozen=True)
class StorageRequest:
    """A request to the JSON API.

    Attributes:
        method: `GET`, `PATCH`, ….
        path: percent-encoded, without the query.
        parameters: the decoded parameters of the query; of a repeated one, the last.
        headers: by lower-case name.
        body: as it was sent.
        url: the address of the service, as the client knows it.
        principal: the caller; None: the owner of the buckets, who needs no permission.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str
    principal: str | None

    @property
    def is_media(self) -> bool:
        """Whether it requests an object's content."""
        media = self.parameters.get("alt") == "media" or self.path.startswith("/download/")
        return media and self.method in {"GET", "HEAD"}

    @property
    def target(self) -> tuple[str, str] | None:
        """The bucket and the name of the object that it is about; None: it is not about one."""
        match = _OBJECT.fullmatch(self.path)
        return None if match is None else (unquote(match[1]), unquote(match[2]))


class StorageApi:
    """Answers requests that read, and those that change metadata.

    Args:
        store: the buckets and objects.

    Attributes:
        denied: pairs of a bucket and a permission that callers lack.
        page_size: the most objects of one page, whatever the request allows.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.denied: set[tuple[str, str]] = set()
        self.page_size = _MOST

    def answer(self, request: StorageRequest) -> Response | None:
        """Return the reply; None: the request is none of these.

        Raises:
            StorageError: the request is rejected.
        """
        if request.parameters.get("softDeleted") == "true":
            return None
        target, reads = request.target, request.method in {"GET", "HEAD"}
        if target is not None and reads:
            self._allow(request, target[0], "storage.objects.get")
            found = self._found(request, *target)
            return self._media(request, found) if request.is_media else self._document(request, _described(found))
        if target is not None and request.method in {"PATCH", "PUT"}:
            self._allow(request, target[0], "storage.objects.update")
            return self._changed(request, *target)
        if target is not None and request.method == "DELETE":
            self._allow(request, target[0], "storage.objects.delete")
            self._found(request, *target)
            self._store.delete_file(*target)
            return Response(status=204)
        listed, bucket = _LIST.fullmatch(request.path), _BUCKET.fullmatch(request.path)
        if listed is not None and reads:
            self._allow(request, unquote(listed[1]), "storage.objects.list")
            return self._document(request, self._page(unquote(listed[1]), request.parameters))
        if bucket is not None and reads:
            self._allow(request, unquote(bucket[1]), "storage.buckets.get")
            return Response(self._store.get_bucket(unquote(bucket[1])))
        return None

    def _allow(self, request: StorageRequest, bucket: str, permission: str) -> None:
        resource = self._store.get_bucket(bucket)
        if resource is None:
            raise errors.no_bucket()
        if request.principal is None:
            return
        project = request.parameters.get("userProject") or request.headers.get("x-goog-user-project")
        if (resource.get("billing") or {}).get("requesterPays") and not project:
            raise errors.no_user_project()
        for needed in (permission, *(["serviceusage.services.use"] if project else [])):
            if (bucket, needed) in self.denied:
                raise errors.forbidden(request.principal, needed)

    def _found(self, request: StorageRequest, bucket: str, name: str) -> dict[str, Any]:
        """Return an object's metadata, if it has the generation that the request is about and fits its conditions."""
        try:
            found: dict[str, Any] = self._store.get_file_obj(bucket, name)
        except NotFound:
            raise errors.no_object(bucket, name) from None
        asked = request.parameters
        if asked.get("generation", found["generation"]) != found["generation"]:
            raise errors.no_object(bucket, name)
        for kind in ("generation", "metageneration"):
            title = kind.title()
            if asked.get(f"if{title}Match", found[kind]) != found[kind]:
                raise errors.condition_not_met(negative=False)
            if asked.get(f"if{title}NotMatch") == found[kind]:
                raise errors.condition_not_met(negative=request.method in {"GET", "HEAD"})
        sealed = (found.get("customerEncryption") or {}).get("keySha256")
        if sealed is not None and request.headers.get("x-goog-encryption-key-sha256") != sealed:
            if request.is_media:
                raise errors.wrong_key()
            return {field: value for field, value in found.items() if field not in {"crc32c", "md5Hash"}}
        return found

    def _changed(self, request: StorageRequest, bucket: str, name: str) -> Response:
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            raise errors.StorageError(400, "parseError", "Parse Error") from None
        with self._store.lock:
            self._found(request, bucket, name)
            changed = self._store.change(bucket, name, fields, replace=request.method == "PUT")
        return self._document(request, _described(changed))

    def _document(self, request: StorageRequest, document: dict[str, Any]) -> Response:
        for each in document.get("items", ()) if document["kind"] == "storage#objects" else [document]:
            each["mediaLink"] = media_link(request.url, each)
            if request.parameters.get("projection") != "full":
                each.pop("acl", None)
        fields = request.parameters.get("fields")
        if fields:
            try:
                return Response(select(document, fields, _FIELDS))
            except FieldsError as error:
                where = {"locationType": "parameter", "location": "fields"}
                raise errors.StorageError(400, "invalidParameter", f"Invalid field selection {error}", where) from error
        return Response(document)

    def _page(self, bucket: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """Return one page of a listing."""
        prefix, delimiter, glob = asked.get("prefix", ""), asked.get("delimiter"), asked.get("matchGlob")
        first, end = asked.get("startOffset", "").encode(), asked.get("endOffset", "").encode()
        after = _position(asked["pageToken"]) if asked.get("pageToken") else b""
        most = asked.get("maxResults", str(_MOST))
        if not most.isdecimal():
            raise errors.invalid("maxResults", most)
        room = max(1, min(int(most) or _MOST, _MOST, self.page_size))
        entries: dict[bytes, dict[str, Any] | None] = {}  # a prefix has no resource
        for name, each in self._store.listed(bucket, prefix):
            if name < first or (end and name >= end) or (glob and not gcs_glob_match(glob, each["name"])):
                continue
            rest = each["name"][len(prefix) :]
            head, found, tail = rest.partition(delimiter) if delimiter else (rest, "", "")
            folder = f"{prefix}{head}{delimiter}".encode() if found else None
            if folder is not None:
                entries.setdefault(folder, None)
            if folder is None or (not tail and asked.get("includeTrailingDelimiter") == "true"):
                entries[name] = each
        names = [name for name in sorted(entries) if name > after]
        page: dict[str, Any] = {"kind": "storage#objects"}
        if len(names) > room:
            page["nextPageToken"] = base64.urlsafe_b64encode(b"\n" + names[room - 1]).decode()
        shown = [(name, entries[name]) for name in names[:room]]
        items = [_as_listed(each) for _, each in shown if each is not None]
        prefixes = [name.decode() for name, each in shown if each is None]
        return page | ({"prefixes": prefixes} if prefixes else {}) | ({"items": items} if items else {})

    def _media(self, request: StorageRequest, found: dict[str, Any]) -> Response:
        content: bytes = self._store.get_file(found["bucket"], found["name"])
        updated = datetime.fromisoformat(found["updated"].replace("Z", "+00:00"))
        stored = found.get("contentEncoding") or "identity"
        headers = {
            "Content-Type": found.get("contentType") or "application/octet-stream",
            "Last-Modified": format_datetime(updated, usegmt=True),
            "x-goog-stored-content-length": str(len(content)),
            "x-goog-stored-content-encoding": stored,
            "x-goog-storage-class": found.get("storageClass", "STANDARD"),
            "Accept-Ranges": "bytes",
            **identity(found),
            **{header.title(): found[name] for header, name in DESCRIBED.items() if found.get(name)},
            **{
                f"x-goog-meta-{name}": text
                for name, text in (found.get("metadata") or {}).items()
                if _TOKEN.fullmatch(name)
            },
        }
        headers = {name: in_header(value) for name, value in headers.items()}
        if stored == "gzip" and "gzip" not in request.headers.get("accept-encoding", ""):
            return _decompressed(content, headers)
        reply = ranged(content, request.headers.get("range", ""), headers)
        if reply is None:
            raise errors.no_range(len(content))
        return reply


def _described(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _as_listed(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as a listing has it: without the checksums of an object that is encrypted with a customer's key."""
    sealed = {"crc32c", "md5Hash"} if "kmsKeyName" in found or "customerEncryption" in found else set()
    return {name: value for name, value in found.items() if value is not None and name not in sealed}


def _position(token: str) -> bytes:
    """Return the name after which a page begins."""
    try:
        decoded = base64.urlsafe_b64decode(token)
    except ValueError:
        decoded = b""
    if not decoded.startswith(b"\n"):
        raise errors.invalid("pageToken", token)
    return decoded[1:]


def _decompressed(content: bytes, headers: dict[str, str]) -> Response:
    """Return the content of an object stored with gzip to a client that accepts no gzip: all of it, whatever the range.

    Source: https://cloud.google.com/storage/docs/transcoding
    """
    try:
        content = gzip.decompress(content)
    except (OSError, EOFError):  # its metadata is wrong
        return Response(content, 200, headers)
    headers = {name: value for name, value in headers.items() if name not in {"Content-Encoding", "Accept-Ranges"}}
    return Response(content, 200, {**headers, "Warning": "214 UploadServer gunzipped", "Vary": "Accept-Encoding"})
