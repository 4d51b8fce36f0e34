"""Writes to the emulated Cloud Storage, in both APIs, as object_store, gcloud, gsutil and Google's libraries send them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from xml.etree import ElementTree as ET

import obstore
import pytest
import requests
from counting import calls_of
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as cloud_storage  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.storage import transfer_manager
from obstore.exceptions import AlreadyExistsError, NotModifiedError, PreconditionError
from obstore.store import GCSStore

from emulator.workload import Workload
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator.storage import NotFoundError, Storage

_NAMES = ["a/b c.txt", "100%", "%2F", "a+b", "#?&=", "<\"'>", "日本/ü", "\U0001f600", "x" * 1024, "a//b"]
_QUANTUM = 256 << 10


class Service:
    """A bucket called `bucket`, and a client with a token."""

    def __init__(self, storage: Storage, token: str) -> None:
        self.storage = storage
        self.token = token
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def xml(self, method: str, name: str = "", query: str = "", **arguments: Any) -> requests.Response:
        url = f"{self.storage.url}/bucket/{quote(name)}{query}"
        return self.session.request(method, url, timeout=30, **arguments)

    def json(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, f"{self.storage.url}{path}", timeout=30, **arguments)

    def content(self, name: str) -> bytes:
        return self.xml("GET", name).content


@pytest.fixture(name="service")
def _service(workload: Workload) -> Iterator[Service]:
    with Storage(workload.google.check_access_token, workload.google.check_signature) as storage:
        storage.create_bucket("bucket")
        yield Service(storage, workload.account_token())


@pytest.fixture(name="objects")
def _objects(service: Service) -> GCSStore:
    return GCSStore(
        "bucket",
        base_url=service.storage.url,
        client_options={"allow_http": True},
        credential_provider=cast("Any", lambda: {"token": service.token, "expires_at": None}),
    )


def _found(reply: requests.Response, path: str) -> list[str | None]:
    any_namespace = "/".join(f"{{*}}{name}" for name in path.split("/"))
    return [each.text for each in ET.fromstring(reply.content).iterfind(any_namespace)]


@pytest.mark.parametrize("name", _NAMES, ids=range(len(_NAMES)))
def test_any_name_is_the_same_object_in_both_apis(service: Service, name: str) -> None:
    assert service.xml("PUT", name, data=b"content").status_code == 200

    described = service.json("GET", f"/storage/v1/b/bucket/o/{quote(name, safe='')}").json()

    assert described["name"] == name
    assert _found(service.xml("GET", query="?list-type=2"), "Contents/Key") == [name]
    assert service.json("GET", "/storage/v1/b/bucket/o").json()["items"][0]["name"] == name
    assert service.content(name) == b"content"


@pytest.mark.parametrize("name", ["x" * 1025, "a\nb", "a\rb", ".", "..", ".well-known/acme-challenge/a"])
def test_a_name_that_cloud_storage_forbids_is_rejected(service: Service, name: str) -> None:
    upload = f"/upload/storage/v1/b/bucket/o?uploadType=media&name={quote(name, safe='')}"

    assert service.json("POST", upload, data=b"").status_code == 400
    assert service.json("PUT", f"/bucket/{quote(name, safe='').replace('.', '%2E')}", data=b"").status_code == 400
    assert service.storage.resource("bucket", name) is None


def test_obstore_writes_reads_lists_copies_and_deletes(objects: GCSStore) -> None:
    content = bytes(range(256)) * 50_000  # three parts
    obstore.put(objects, "a/large", content, chunk_size=5 << 20)
    obstore.put(objects, "empty", b"")
    obstore.copy(objects, "a/large", "b/ü %")

    assert bytes(obstore.get(objects, "b/ü %").bytes()) == content
    assert bytes(obstore.get_range(objects, "a/large", start=7, end=10)) == content[7:10]
    assert (obstore.head(objects, "empty")["size"], bytes(obstore.get(objects, "empty").bytes())) == (0, b"")
    found = obstore.list_with_delimiter(objects)
    assert (found["common_prefixes"], [each["path"] for each in found["objects"]]) == (["a", "b"], ["empty"])
    obstore.delete(objects, ["a/large", "empty"])
    assert [each["path"] for each in obstore.list(objects).collect()] == ["b/ü %"]


def test_obstore_writes_only_if_the_version_is_the_expected_one(objects: GCSStore) -> None:
    first = cast("Any", obstore.put(objects, "a", b"1"))
    obstore.put(objects, "a", b"2", mode=first)

    with pytest.raises(PreconditionError):
        obstore.put(objects, "a", b"3", mode=first)
    with pytest.raises(AlreadyExistsError):
        obstore.put(objects, "a", b"3", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.copy(objects, "a", "a", overwrite=False)
    with pytest.raises(NotModifiedError):
        obstore.get(objects, "a", options={"if_none_match": obstore.head(objects, "a")["e_tag"]})
    assert bytes(obstore.get(objects, "a").bytes()) == b"2"


@pytest.mark.parametrize("version", ["?list-type=2&max-keys=2", "?max-keys=2"])
def test_pages_of_the_xml_api_make_up_the_whole_listing(service: Service, version: str) -> None:
    for name in ("a/1", "a/2", "b", "c/", "d ü"):
        service.storage.put("bucket", name, b"")
    found: list[str | None] = []
    query = f"{version}&delimiter=/"
    for _ in range(5):
        reply = service.xml("GET", query=query)
        found += _found(reply, "Contents/Key") + _found(reply, "CommonPrefixes/Prefix")
        [truncated] = _found(reply, "IsTruncated")
        if truncated == "false":
            break
        following = _found(reply, "NextContinuationToken") or _found(reply, "NextMarker")
        name = "continuation-token" if "list-type" in version else "marker"
        query = f"{version}&delimiter=/&{name}={quote(str(following[0]))}"

    assert sorted(map(str, found)) == ["a/", "b", "c/", "d ü"]
    assert _found(service.xml("GET", query="?list-type=2&start-after=b&prefix=c"), "Contents/Key") == ["c/"]


def test_a_multipart_upload_can_be_aborted(service: Service) -> None:
    [upload] = _found(service.xml("POST", "a", "?uploads"), "UploadId")
    part = service.xml("PUT", "a", f"?partNumber=1&uploadId={upload}", data=b"part")
    assert part.headers["ETag"] == f'"{hashlib.md5(b"part").hexdigest()}"'

    assert service.xml("PUT", "b", f"?partNumber=1&uploadId={upload}", data=b"").status_code == 404
    assert service.xml("DELETE", "a", f"?uploadId={upload}").status_code == 204
    assert service.xml("POST", "a", f"?uploadId={upload}", data=_completion((1, "any"))).status_code == 404
    assert service.storage.resource("bucket", "a") is None


def _completion(*parts: tuple[int, str]) -> str:
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_completion((1, "wrong")), "InvalidPart"),
        (_completion((3, "any")), "InvalidPart"),
        (_completion((2, "any"), (1, "any")), "InvalidPartOrder"),
        (_completion(), "InvalidPart"),
        ("<Part/>", "MalformedXML"),
        ("not XML", "MalformedXML"),
    ],
)
def test_a_wrong_completion_of_a_multipart_upload_is_rejected(service: Service, body: str, code: str) -> None:
    [upload] = _found(service.xml("POST", "a", "?uploads"), "UploadId")
    for number in (1, 2):
        service.xml("PUT", "a", f"?partNumber={number}&uploadId={upload}", data=b"part")

    reply = service.xml("POST", "a", f"?uploadId={upload}", data=body)

    assert (reply.status_code, _found(reply, "Code")) == (400, [code])


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("quoted", ["'{}'", '"{}"', "{}"])
def test_metadata_and_content_in_one_request(service: Service, quoted: str, end: str) -> None:
    """apitools, in gcloud and gsutil, puts the boundary in single quotes. The content may look like an email."""
    content = b"Subject: x\r\n\r\n\n--other\r\n\xff\r"
    head = (
        f'--=b={end}Content-Type: application/json{end}{end}{{"name": "a"}}{end}--=b={end}Content-Type: x/y{end}{end}'
    )
    body = head.encode() + content + f"{end}--=b=--{end}".encode()
    kind = {"Content-Type": f"multipart/related; boundary={quoted.format('=b=')}"}

    reply = service.json("POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart", data=body, headers=kind)

    assert (reply.status_code, reply.json()["contentType"]) == (200, "x/y")
    assert service.content("a") == content


def test_a_multipart_body_without_its_end_is_rejected(service: Service) -> None:
    body = b'--b\r\n\r\n{"name": "a"}\r\n--b\r\n\r\ncont'
    kind = {"Content-Type": "multipart/related; boundary=b"}

    reply = service.json("POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart", data=body, headers=kind)

    assert (reply.status_code, service.storage.resource("bucket", "a")) == (400, None)


def _resumable(service: Service, **parameters: str) -> str:
    url = "/upload/storage/v1/b/bucket/o"
    return service.json("POST", url, params={"uploadType": "resumable", "name": "a", **parameters}).headers["Location"]


def test_a_resumable_upload_continues_where_it_was_interrupted(service: Service) -> None:
    """Its URL needs no token. Bytes that are sent twice are stored once."""
    content = bytes(range(256)) * 3072
    location = _resumable(service)

    def put(start: int, end: int, total: str) -> requests.Response:
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{total}"}
        return requests.put(location, content[start:end], headers=headers, timeout=30, allow_redirects=False)

    state = requests.put(location, headers={"Content-Range": "bytes */*"}, timeout=30, allow_redirects=False)
    assert (state.status_code, "Range" in state.headers) == (308, False)
    assert put(0, _QUANTUM, "*").headers["Range"] == f"bytes=0-{_QUANTUM - 1}"
    assert put(2 * _QUANTUM, 3 * _QUANTUM, "*").status_code == 400  # a gap
    assert put(_QUANTUM, _QUANTUM + 5, "*").status_code == 400  # not a multiple of 256 KiB
    assert put(0, 2 * _QUANTUM, "*").headers["Range"] == f"bytes=0-{2 * _QUANTUM - 1}"
    assert put(2 * _QUANTUM, 3 * _QUANTUM, str(3 * _QUANTUM)).json()["size"] == str(3 * _QUANTUM)
    assert put(2 * _QUANTUM, 3 * _QUANTUM, str(3 * _QUANTUM)).status_code == 200  # the reply was lost
    assert service.content("a") == content


def test_go_gets_the_state_of_a_resumable_upload_without_a_308(service: Service) -> None:
    """Its library, also in rclone and restic, rejects the status 308, and requests 200 with that status in a header."""
    location = _resumable(service)
    headers = {"X-GUploader-No-308": "yes", "Content-Range": f"bytes 0-{_QUANTUM - 1}/*"}

    part = requests.put(location, bytes(_QUANTUM), headers=headers, timeout=30)
    last = requests.put(location, b"", headers={**headers, "Content-Range": f"bytes */{_QUANTUM}"}, timeout=30)

    assert (part.status_code, part.headers["Range"]) == (200, f"bytes=0-{_QUANTUM - 1}")
    assert part.headers["X-HTTP-Status-Code-Override"] == "308"
    assert last.json()["size"] == str(_QUANTUM)
    assert "X-HTTP-Status-Code-Override" not in last.headers


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("storage.googleapis.com", "https://storage.googleapis.com"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost"),
    ],
)
def test_links_have_the_address_that_the_client_used(service: Service, host: str, base: str) -> None:
    """Google's own hosts are https, also if `intercept()` or a proxy with TLS forwards the request."""
    service.storage.put("bucket", "a/b", b"")
    headers = {"Host": host}

    described = service.json("GET", "/storage/v1/b/bucket/o/a%2Fb", headers=headers).json()
    [listed] = service.json("GET", "/storage/v1/b/bucket/o", headers=headers).json()["items"]
    bucket = service.json("GET", "/storage/v1/b/bucket", headers=headers).json()
    [same] = service.json("GET", "/storage/v1/b", headers=headers).json()["items"]
    upload = service.json("POST", "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a", headers=headers)
    xml = service.json("POST", "/bucket/a", headers={**headers, "x-goog-resumable": "start"})

    assert described["selfLink"] == f"{base}/storage/v1/b/bucket/o/a%2Fb"
    assert described["mediaLink"].startswith(f"{base}/download/storage/v1/b/bucket/o/a%2Fb?")
    assert {name: listed[name] for name in ("selfLink", "mediaLink")}.items() <= described.items()
    assert bucket["selfLink"] == same["selfLink"] == f"{base}/storage/v1/b/bucket"
    assert upload.headers["Location"].startswith(f"{base}/upload/storage/v1/b/bucket/o?")
    assert xml.headers["Location"].startswith(f"{base}/bucket/a?upload_id=")


def test_a_cancelled_resumable_upload_does_not_exist(service: Service) -> None:
    location = _resumable(service)

    assert requests.delete(location, timeout=30).status_code == 499
    assert service.session.put(location, b"", timeout=30).status_code == 404


def test_a_resumable_upload_checks_its_precondition_at_the_end(service: Service) -> None:
    location = _resumable(service, ifGenerationMatch="0")
    service.storage.put("bucket", "a", b"faster")

    assert requests.put(location, b"late", timeout=30).status_code == 412
    assert service.content("a") == b"faster"


@pytest.mark.parametrize("header", ["Content-MD5", "x-goog-hash"])
def test_content_with_another_checksum_is_rejected(service: Service, header: str) -> None:
    digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    value = digest if header == "Content-MD5" else f"crc32c=AAAAAA==,md5={digest}"

    assert _found(service.xml("PUT", "a", data=b"content", headers={header: value}), "Code") == ["BadDigest"]
    assert service.storage.resource("bucket", "a") is None


def test_a_compressed_request_is_decompressed_only_by_the_json_api(service: Service) -> None:
    packed, headers = gzip.compress(b"text"), {"Content-Encoding": "gzip"}
    service.json("POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=a", data=packed, headers=headers)
    service.xml("PUT", "b", data=packed, headers=headers)

    stored = [service.storage.resource("bucket", name) or {} for name in ("a", "b")]

    assert [(each["size"], each.get("contentEncoding")) for each in stored] == [("4", None), (str(len(packed)), "gzip")]


def test_one_of_many_writers_creates_an_object(service: Service) -> None:
    start, statuses = threading.Barrier(16), []

    def write(number: int) -> None:
        headers = {"Authorization": f"Bearer {service.token}", "x-goog-if-generation-match": "0"}
        start.wait(30)
        reply = requests.put(f"{service.storage.url}/bucket/a", str(number).encode(), headers=headers, timeout=30)
        statuses.append(reply.status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(statuses) == [200] + [412] * 15


def test_google_cloud_storage_uses_every_kind_of_request(service: Service) -> None:
    options = {"api_endpoint": service.storage.open_url}
    client = cloud_storage.Client("my-project", AnonymousCredentials(), client_options=options)
    bucket = client.create_bucket("made-here")
    content = bytes(range(256)) * 40_000
    large = bucket.blob("a/large", chunk_size=_QUANTUM * 8)
    large.upload_from_string(content)
    bucket.blob("a/small").upload_from_string("s", checksum="md5")
    both = bucket.blob("both")
    both.compose([bucket.blob("a/large"), bucket.blob("a/small")])
    moved = bucket.rename_blob(bucket.blob("both"), "b/both")
    moved.metadata = {"k": "v", "gone": "x"}
    moved.patch()
    moved.metadata = {"gone": None}
    moved.patch()
    copied = bucket.copy_blob(moved, bucket, "copy")

    assert moved.download_as_bytes(start=len(content)) == b"s"
    assert (copied.metadata, copied.size, copied.md5_hash) == ({"k": "v"}, len(content) + 1, None)
    listing = client.list_blobs(bucket, delimiter="/", max_results=10, page_size=1)
    assert [each.name for each in listing] == ["copy"]
    assert listing.prefixes == {"a/", "b/"}
    assert [each.name for each in client.list_blobs(bucket, match_glob="**/[ls]*{rge,ll}")] == ["a/large", "a/small"]
    with client.batch():
        bucket.delete_blob("a/large")
        bucket.delete_blob("copy")
    assert [each.name for each in bucket.list_blobs()] == ["a/small", "b/both"]
    bucket.delete(force=True)
    with pytest.raises(NotFoundError):
        service.storage.put("made-here", "a", b"")


def test_transfer_manager_uploads_and_downloads_in_parts(service: Service, tmp_path: Path) -> None:
    options = {"api_endpoint": service.storage.open_url}
    bucket = cloud_storage.Client("my-project", AnonymousCredentials(), client_options=options).bucket("bucket")
    source, target = tmp_path / "source", tmp_path / "target"
    content = bytes(range(256)) * 50_000
    source.write_bytes(content)
    arguments: dict[str, Any] = {"worker_type": transfer_manager.THREAD, "chunk_size": 5 << 20}

    transfer_manager.upload_chunks_concurrently(str(source), bucket.blob("large"), **arguments)
    transfer_manager.download_chunks_concurrently(bucket.blob("large"), str(target), **arguments)

    assert service.content("large") == target.read_bytes() == content


@pytest.mark.parametrize("name", ["b", "ab", "-abc", "Bucket", "a" * 300, ""])
def test_a_bucket_name_that_cloud_storage_forbids_is_rejected(service: Service, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a bucket"):
        service.storage.create_bucket(name)
    assert service.json("POST", "/storage/v1/b", json={"name": name}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/projects/my-project/serviceAccount"), ("POST", "/b/bucket/notificationConfigs"), ("PUT", "/b")],
)
def test_a_method_that_is_not_emulated_is_an_error_that_says_so(service: Service, method: str, path: str) -> None:
    reply = service.json(method, f"/storage/v1{path}", json={})

    assert (reply.status_code, reply.json()["error"]["message"]) == (
        404,
        f"Not Found: the emulator does not serve {method} here",
    )


def test_no_listing_and_no_metadata_has_a_null(service: Service) -> None:
    """pyarrow aborts the process on a null."""
    service.json("POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=a", data=b"")
    paths = ("/b", "/b/bucket", "/b/bucket/o", "/b/bucket/o/a", "/b/bucket/iam", "/b/bucket/o?delimiter=/")

    assert [path for path in paths if "null" in service.json("GET", f"/storage/v1{path}?projection=full").text] == []


def test_a_copy_may_have_null_instead_of_metadata(service: Service) -> None:
    """As Go's library sends it, for rclone."""
    service.storage.put("bucket", "a", b"content", contentType="x/y")

    copied = service.json("POST", "/storage/v1/b/bucket/o/a/rewriteTo/b/bucket/o/b", data="null\n").json()

    assert (copied["done"], copied["resource"]["contentType"]) == (True, "x/y")


def test_a_range_with_thousands_of_digits_is_ignored(service: Service) -> None:
    service.storage.put("bucket", "a", b"content")

    assert service.xml("GET", "a", headers={"Range": f"bytes={'9' * 5000}-"}).content == b"content"


def test_the_scope_read_only_allows_only_reads(workload: Workload, service: Service) -> None:
    scope = "https://www.googleapis.com/auth/devstorage.read_only"
    service.xml("PUT", "a", data=b"content")
    service.session.headers["Authorization"] = f"Bearer {workload.account_token(scope)}"

    assert service.content("a") == b"content"
    assert [service.xml("PUT", "a", data=b"").status_code, service.xml("DELETE", "a").status_code] == [403, 403]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/storage/v1/b/bucket", '{"billing": 3}'),
        ("POST", "/storage/v1/b", '{"name": [1]}'),
        ("POST", "/storage/v1/b", "[]"),
        ("PATCH", "/storage/v1/b/bucket/o/a", '{"metadata": [1]}'),
        ("GET", "/storage/v1/b/bucket/o/%ff", ""),
        ("GET", "/bucket/%ff", ""),
        ("GET", "/storage/v1/b/bucket/o?pageToken=Cv8=", ""),
        ("GET", "/storage/v1/b/bucket/o?matchGlob=[z-a]", ""),
        ("POST", "/batch/storage/v1", ""),
        ("POST", "/storage/v1/b/bucket/o/a/compose", '{"sourceObjects": [3]}'),
    ],
)
def test_a_malformed_request_is_rejected(service: Service, method: str, path: str, body: str) -> None:
    service.storage.put("bucket", "a", b"content")

    assert service.json(method, path, data=body).status_code == 400
    assert service.content("a") == b"content"


def test_a_write_and_a_page_cost_the_same_in_a_large_bucket(service: Service) -> None:
    """The cost is counted in function calls: of the request's handler, without the server's threads."""

    def cost() -> tuple[int, int]:
        upload = StorageRequest("PUT", "/bucket/m", "", {}, b"content")
        listing = StorageRequest("GET", "/storage/v1/b/bucket/o", "delimiter=/&maxResults=10", {}, b"")
        return calls_of(lambda: service.storage.answer(upload, None)), calls_of(
            lambda: service.storage.answer(listing, None)
        )

    for number in range(100):
        service.storage.put("bucket", f"a/{number:06}", b"")
    small = cost()
    for number in range(100, 5_000):
        service.storage.put("bucket", f"a/{number:06}", b"")

    assert all(large <= 1.2 * before for large, before in zip(cost(), small, strict=True))
