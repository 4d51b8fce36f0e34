"""Cloud Storage's JSON API.

Source: https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator import _storage_preconditions as preconditions
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import without_checksums
from google_auth_botocore.emulator._partial_response import FieldsError, select
from google_auth_botocore.emulator._storage_buckets import all_buckets, one_bucket
from google_auth_botocore.emulator._storage_download import download
from google_auth_botocore.emulator._storage_insert import insert
from google_auth_botocore.emulator._storage_listing import (
    MAX_RESULTS,
    Query,
    last_entry,
    list_page,
    number_of_entries,
    page_token,
)
from google_auth_botocore.emulator._storage_metadata import check_key, writable
from google_auth_botocore.emulator._storage_objects import ObjectReference, Objects
from google_auth_botocore.emulator._storage_request import StorageRequest, decoded
from google_auth_botocore.emulator._storage_uploads import Uploads

_PATH = re.compile(
    r"(?:(?P<upload>(?:/resumable)?/upload)|/download)?(?:/storage/v1)?/b(?:/(?P<bucket>[^/]+))?(?P<rest>/.*)?"
)
_OBJECT = re.compile(r"/o/(?P<name>[^/]+)(?:/(?P<verb>acl|compose|copyTo|moveTo|rewriteTo)(?P<target>/.*)?)?")
_TARGET = re.compile(r"(?:/b/([^/]+))?/o/([^/]+)")
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
        domain email projectTeam role team value createTime type mode retainUntilTime custom

        autoclass enabled terminalStorageClass terminalStorageClassUpdateTime toggleTime billing requesterPays cors maxAgeSeconds
        method origin responseHeader customPlacementConfig dataLocations defaultEventBasedHold defaultObjectAcl encryption
        defaultKmsKeyName hierarchicalNamespace iamConfiguration bucketPolicyOnly uniformBucketLevelAccess lockedTime
        publicAccessPrevention ipFilter labels lifecycle rule action condition age createdBefore customTimeBefore
        daysSinceCustomTime daysSinceNoncurrentTime isLive matchesPrefix matchesStorageClass matchesSuffix noncurrentTimeBefore
        numNewerVersions location locationType logging logBucket logObjectPrefix objectRetention projectNumber retentionPolicy
        effectiveTime isLocked retentionPeriod rpo satisfiesPZI satisfiesPZS softDeletePolicy retentionDurationSeconds versioning
        website mainPageSuffix notFoundPage

        bindings members description expression title resourceId version permissions done objectSize resource rewriteToken
        totalBytesRewritten
        """,
    )
)
# The parameters of a listing, with the attribute of `Query` for each.
_LISTING = {
    "prefix": "prefix", "delimiter": "delimiter", "matchGlob": "glob", "startOffset": "start", "endOffset": "end",
}  # fmt: skip


class StorageApi:
    """Serves the JSON API.

    Args:
        objects: the operations on objects.
        uploads: the resumable uploads.
    """

    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads

    def answer(self, request: StorageRequest) -> Response:
        """Return the reply.

        Raises:
            StorageError: the request is rejected.
        """
        path = _PATH.fullmatch(request.path.rstrip("/"))
        result = None if path is None else self._serve(request, path)
        if result is None:
            raise errors.StorageError(404, "notFound", f"Not Found: the emulator does not serve {request.method} here")
        return result if isinstance(result, Response) else _document(request, result)

    def _serve(self, request: StorageRequest, path: re.Match[str]) -> dict[str, Any] | Response | None:
        rest = path["rest"] or ""
        if path["bucket"] is None:
            return all_buckets(self._objects.store, request) if request.reads or request.method == "POST" else None
        bucket = decoded(path["bucket"])
        if rest == "/o" and (path["upload"] or request.method == "POST"):
            return insert(self._objects, self._uploads, request, bucket)
        if rest == "/o":
            return self._list(request, bucket) if request.reads else None
        match = _OBJECT.fullmatch(rest)
        if match is None:
            return one_bucket(self._objects, request, bucket, rest[1:])
        source = ObjectReference(
            bucket, decoded(match["name"]), request.parameters.get("generation"), preconditions.of_json(request)
        )
        if match["verb"] is None:
            return self._serve_object(request, source)
        if match["verb"] == "acl":
            acl = self._objects.find(request, source).metadata.get("acl", []) if request.reads else None
            return None if acl is None else {"kind": "storage#objectAccessControls", "items": acl}
        return (
            self._combine(request, source, match["verb"], match["target"] or "") if request.method == "POST" else None
        )

    def _serve_object(self, request: StorageRequest, source: ObjectReference) -> dict[str, Any] | Response | None:
        """Read, change or delete an object."""
        if request.reads:
            found = self._objects.find(request, source)
            if request.media is not None:
                check_key(request, found.metadata)
                return download(found, request.headers, found.metadata["etag"])
            return _visible(request, found.metadata)
        if request.method in {"PATCH", "PUT"}:
            fields = writable(request, request.json())
            with self._objects.store.lock:
                self._objects.find(request, source, "storage.objects.update")
                replace = request.method == "PUT"
                return self._objects.store.change(source.bucket, source.name, fields, replace=replace)
        if request.method == "DELETE":
            self._objects.delete(request, source)
            return Response(status=204)
        return None

    def _combine(self, request: StorageRequest, named: ObjectReference, verb: str, path: str) -> dict[str, Any] | None:
        """Make an object from others. *named* is the object in the path: the source of a copy, or the composition."""
        document = request.json()
        if verb == "compose":
            given = document.get("sourceObjects")
            sources = [_component(named.bucket, each) for each in given] if isinstance(given, list) else []
            destination = document.get("destination")
            fields = writable(request, destination) if isinstance(destination, dict) else {}
            target = ObjectReference(named.bucket, named.name, conditions=named.conditions)
            return self._objects.compose(request, sources, target, fields)
        match = _TARGET.fullmatch(path)
        if match is None:
            return None
        parameters = request.parameters
        source = ObjectReference(
            named.bucket, named.name, parameters.get("sourceGeneration"), preconditions.of_json_source(request)
        )
        target = ObjectReference(decoded(match[1] or named.bucket), decoded(match[2]), conditions=named.conditions)
        with self._objects.store.lock:
            copied = self._objects.copy(request, source, target, writable(request, document))
            if verb == "moveTo":
                self._objects.delete(request, ObjectReference(source.bucket, source.name))
        if verb != "rewriteTo":
            return copied
        size = copied["size"]
        resource = _with_links(request, copied)
        return {
            "kind": "storage#rewriteResponse", "done": True, "objectSize": size, "totalBytesRewritten": size,
            "resource": resource,
        }  # fmt: skip

    def _list(self, request: StorageRequest, name: str) -> dict[str, Any]:
        bucket, parameters = self._objects.allow(request, name, "storage.objects.list"), request.parameters
        token = parameters.get("pageToken")
        limit = number_of_entries("maxResults", parameters.get("maxResults", "0")) or MAX_RESULTS
        query = Query(
            **{attribute: parameters.get(parameter, "") for parameter, attribute in _LISTING.items()},
            after=last_entry("pageToken", token) if token else "",
            with_folders=parameters.get("includeTrailingDelimiter") == "true",
        )
        with self._objects.store.lock:
            page = list_page(bucket, query, max(1, min(limit, MAX_RESULTS, self._objects.page_size)))
        listed: dict[str, Any] = {"kind": "storage#objects"}
        if page.last is not None:
            listed["nextPageToken"] = page_token(page.last)
        items = [_with_links(request, each) for each in page.items]
        return listed | ({"prefixes": page.prefixes} if page.prefixes else {}) | ({"items": items} if items else {})


def _component(bucket: str, document: Any) -> ObjectReference:
    """Return one source of a composition."""
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str):
        raise errors.required("sourceObjects.name")
    generation = document.get("generation")
    conditions = preconditions.of_document(document.get("objectPreconditions"))
    return ObjectReference(bucket, name, None if generation is None else str(generation), conditions)


def _visible(request: StorageRequest, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata: without the checksums if the request lacks the customer's key."""
    try:
        check_key(request, metadata)
    except errors.StorageError:
        return without_checksums(metadata)
    return metadata


def _document(request: StorageRequest, document: dict[str, Any]) -> Response:
    kind = document.get("kind")
    if kind == "storage#object":
        document = _with_links(request, document)
    elif kind == "storage#bucket":
        document = _with_link(request, document)
    elif kind == "storage#buckets" and "items" in document:
        document = {**document, "items": [_with_link(request, each) for each in document["items"]]}
    fields = request.parameters.get("fields")
    if fields:
        try:
            return Response(select(document, fields, _FIELDS))
        except FieldsError as error:
            location = {"locationType": "parameter", "location": "fields"}
            raise errors.StorageError(400, "invalidParameter", f"Invalid field selection {error}", location) from error
    return Response(document)


def _with_link(request: StorageRequest, bucket: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bucket's metadata with its URL, as the client can use it."""
    return {**bucket, "selfLink": f"{request.url}/storage/v1/b/{bucket['name']}"}


def _with_links(request: StorageRequest, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's metadata with its URL and the URL of its content, as the client can use them."""
    path = f"/storage/v1/b/{metadata['bucket']}/o/{quote(metadata['name'], safe='')}"
    links = {
        "selfLink": f"{request.url}{path}",
        "mediaLink": f"{request.url}/download{path}?generation={metadata['generation']}&alt=media",
    }
    hidden = set() if request.parameters.get("projection") == "full" else {"acl"}
    return {name: value for name, value in metadata.items() if name not in hidden} | links
