"""Cloud Storage's JSON API: requests that read, and requests that change metadata or delete.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from gcp_storage_emulator.exceptions import NotFound

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import ObjectStore
from google_auth_botocore.emulator._partial_response import FieldsError, select
from google_auth_botocore.emulator._storage_download import download
from google_auth_botocore.emulator._storage_listing import MAX_RESULTS, list_page
from google_auth_botocore.emulator._xml_api import media_link

_BUCKET = re.compile(r"(?:/storage/v1)?/b/([^/]+)")
_LIST = re.compile(r"(?:/storage/v1)?/b/([^/]+)/o/?")
_OBJECT = re.compile(r"(?:(?:/download)?/storage/v1)?/b/([^/]+)/o/([^/]+)")
# All fields of the API. Cloud Storage rejects a `fields` parameter with any other.
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
        path: the path, percent-encoded.
        parameters: the decoded query parameters. The last of a repeated one wins.
        headers: headers by lower-case name.
        body: the body as it was sent.
        url: base URL of the service, as used by the client.
        principal: the caller; None: the owner of the buckets, who has every permission.
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
        """The bucket and the name of the object; None: the request is not for an object."""
        match = _OBJECT.fullmatch(self.path)
        return None if match is None else (unquote(match[1]), unquote(match[2]))


class StorageApi:
    """Serves requests that read, and requests that change metadata or delete.

    Args:
        store: the buckets and objects.

    Attributes:
        denied: permissions that all callers lack, as pairs of bucket and permission.
        page_size: the maximum number of entries on a page of a listing, even if the request allows more.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.denied: set[tuple[str, str]] = set()
        self.page_size = MAX_RESULTS

    def answer(self, request: StorageRequest) -> Response | None:
        """Return the reply; None: the request is of another kind.

        Raises:
            StorageError: the request is rejected.
        """
        if request.parameters.get("softDeleted") == "true":
            return None
        target, reads = request.target, request.method in {"GET", "HEAD"}
        if target is not None and reads:
            self._allow(request, target[0], "storage.objects.get")
            found = self._find(request, *target)
            if request.is_media:
                return download(self._store.get_file(*target), found, request.headers)
            return self._document(request, _without_nulls(found))
        if target is not None and request.method in {"PATCH", "PUT"}:
            self._allow(request, target[0], "storage.objects.update")
            return self._update(request, *target)
        if target is not None and request.method == "DELETE":
            self._allow(request, target[0], "storage.objects.delete")
            self._find(request, *target)
            self._store.delete_file(*target)
            return Response(status=204)
        listed, bucket = _LIST.fullmatch(request.path), _BUCKET.fullmatch(request.path)
        if listed is not None and reads:
            self._allow(request, unquote(listed[1]), "storage.objects.list")
            return self._document(
                request, list_page(self._store, unquote(listed[1]), request.parameters, self.page_size)
            )
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

    def _find(self, request: StorageRequest, bucket: str, name: str) -> dict[str, Any]:
        """Return an object's metadata, if it has the requested generation and meets the preconditions."""
        try:
            found: dict[str, Any] = self._store.get_file_obj(bucket, name)
        except NotFound:
            raise errors.no_object(bucket, name) from None
        parameters = request.parameters
        if parameters.get("generation", found["generation"]) != found["generation"]:
            raise errors.no_object(bucket, name)
        for kind in ("generation", "metageneration"):
            title = kind.title()
            if parameters.get(f"if{title}Match", found[kind]) != found[kind]:
                raise errors.condition_not_met(negative=False)
            if parameters.get(f"if{title}NotMatch") == found[kind]:
                raise errors.condition_not_met(negative=request.method in {"GET", "HEAD"})
        key_hash = (found.get("customerEncryption") or {}).get("keySha256")
        if key_hash is not None and request.headers.get("x-goog-encryption-key-sha256") != key_hash:
            if request.is_media:
                raise errors.wrong_key()
            return {field: value for field, value in found.items() if field not in {"crc32c", "md5Hash"}}
        return found

    def _update(self, request: StorageRequest, bucket: str, name: str) -> Response:
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            raise errors.StorageError(400, "parseError", "Parse Error") from None
        with self._store.lock:
            self._find(request, bucket, name)
            updated = self._store.change(bucket, name, fields, replace=request.method == "PUT")
        return self._document(request, _without_nulls(updated))

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
                location = {"locationType": "parameter", "location": "fields"}
                raise errors.StorageError(
                    400, "invalidParameter", f"Invalid field selection {error}", location
                ) from error
        return Response(document)


def _without_nulls(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}
