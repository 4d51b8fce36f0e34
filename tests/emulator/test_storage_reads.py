"""Cloud Storage on loopback reads as Cloud Storage does: listings, metadata, downloads, errors, and faults on demand."""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import google_crc32c
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as cloud_storage

from emulator.workload import CLOUD_PLATFORM, Workload
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.storage import Storage

_KEY = "projects/my-project/locations/eu/keyRings/ring/cryptoKeys/key"


class World:
    """A bucket, and a client with a token."""

    def __init__(self, storage: Storage, token: str) -> None:
        self.storage = storage
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["Accept-Encoding"] = "gzip"

    def put(self, *names: str, content: bytes = b"content", **fields: Any) -> list[dict[str, Any]]:
        return [self.storage.put("bucket", name, content, **fields) for name in names]

    def listing(self, bucket: str = "bucket", **parameters: Any) -> requests.Response:
        url = f"{self.storage.url}/storage/v1/b/{bucket}/o"
        return self.session.get(url, params=parameters, timeout=30)

    def names(self, **parameters: Any) -> list[str]:
        return [each["name"] for each in self.listing(**parameters).json().get("items", ())]

    def get(self, name: str, headers: dict[str, str] | None = None, **parameters: Any) -> requests.Response:
        url = f"{self.storage.url}/storage/v1/b/bucket/o/{quote(name, safe='')}"
        return self.session.get(url, params=parameters, headers=headers or {}, timeout=30)

    def media(self, name: str, headers: dict[str, str] | None = None, **parameters: Any) -> requests.Response:
        return self.get(name, headers, alt="media", **parameters)


@pytest.fixture(name="world")
def _world(workload: Workload) -> Iterator[World]:
    token = workload.iam("generateAccessToken", {"scope": [CLOUD_PLATFORM]}).json()["accessToken"]
    with Storage(workload.google.check_access_token, workload.google.check_signature) as storage:
        storage.create_bucket("bucket")
        yield World(storage, token)


def _crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def test_a_listing_is_in_the_order_of_the_bytes_of_the_names(world: World) -> None:
    """Python orders U+FF5E after U+1F600's surrogates in UTF-16 only; S3 and Cloud Storage compare UTF-8."""
    names = ["b", "a", "a/b", "a-b", "ä", "\uff5e", "\U0001f600", "B", "a//b", "../a", "a b", "a\nb"]
    world.put(*names)

    listed = world.names()

    assert listed == sorted(names, key=str.encode)


def test_names_that_are_equal_as_paths_are_different_objects(world: World) -> None:
    for name in ("a//b", "a/b", "/a/b", "a/./b", "../a/b"):
        world.put(name, content=name.encode())

    contents = {name: world.media(name).text for name in world.names()}

    assert contents == {name: name for name in ("a//b", "a/b", "/a/b", "a/./b", "../a/b")}


def test_pages_together_are_the_listing(world: World) -> None:
    names = [f"{number:02}" for number in range(10)]
    world.put(*names)

    first = world.listing(maxResults=4).json()
    second = world.listing(maxResults=4, pageToken=first["nextPageToken"]).json()
    world.storage.page_size = 1
    third = world.listing(maxResults=4, pageToken=second["nextPageToken"]).json()

    assert [each["name"] for each in first["items"] + second["items"]] == names[:8]
    assert [each["name"] for each in third["items"]] == ["08"]
    assert "nextPageToken" in third
    assert world.listing(pageToken="nonsense").status_code == 400


def test_offsets_limit_a_listing(world: World) -> None:
    """The first is included, the last is not."""
    world.put("a", "b", "c", "ä")

    assert world.names(startOffset="b", endOffset="ä") == ["b", "c"]
    assert world.names(startOffset="ä") == ["ä"]
    assert world.names(startOffset="z", prefix="b") == []


def test_folders_are_prefixes(world: World) -> None:
    world.put("a/1", "a/2", "b", "c/", "d/e/f")

    listed = world.listing(delimiter="/", maxResults=3).json()
    rest = world.listing(delimiter="/", maxResults=3, pageToken=listed["nextPageToken"]).json()

    assert (listed["prefixes"], [each["name"] for each in listed["items"]]) == (["a/", "c/"], ["b"])
    assert rest == {"kind": "storage#objects", "prefixes": ["d/"]}
    assert world.names(delimiter="/", includeTrailingDelimiter="true") == ["b", "c/"]


def test_fields_select_what_is_listed(world: World) -> None:
    world.put("a", "b")

    listed = world.listing(fields="nextPageToken,items(name,size)", maxResults=1).json()
    wrong = world.listing(fields="items(name,checksum)")

    assert listed["items"] == [{"name": "a", "size": "7"}]
    assert listed.keys() == {"items", "nextPageToken"}
    assert world.get("a", fields="crc32c").json() == {"crc32c": _crc32c(b"content")}
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "Invalid field selection checksum")


def test_an_empty_listing_has_no_items(world: World) -> None:
    assert world.listing().json() == {"kind": "storage#objects"}


def test_google_cloud_storage_reads_a_whole_listing_in_pages(world: World) -> None:
    world.put(*(f"{number:04}" for number in range(1500)))
    client = cloud_storage.Client(
        "my-project", AnonymousCredentials(), client_options={"api_endpoint": world.storage.open_url}
    )

    listed = client.list_blobs("bucket", fields="items(name,generation,crc32c),nextPageToken", start_offset="0001")

    assert [blob.name for blob in listed] == [f"{number:04}" for number in range(1, 1500)]


def test_a_listing_of_a_bucket_with_a_kms_key_has_no_checksums(world: World) -> None:
    """An object's own metadata has them, and so has a reply with its content."""
    world.storage.create_bucket("bucket", kms_key=_KEY)
    world.put("sealed")

    [listed] = world.listing().json()["items"]
    described = world.get("sealed").json()
    content = world.media("sealed")

    assert {"crc32c", "md5Hash"}.isdisjoint(listed)
    assert listed["kmsKeyName"] == f"{_KEY}/cryptoKeyVersions/1"
    assert described["crc32c"] == _crc32c(b"content")
    assert content.headers["x-goog-hash"] == f"crc32c={described['crc32c']},md5={described['md5Hash']}"


def test_a_bucket_that_is_made_by_the_api_keeps_its_key_and_who_pays(world: World) -> None:
    body = {"name": "made", "encryption": {"defaultKmsKeyName": _KEY}, "billing": {"requesterPays": True}}
    made = world.session.post(f"{world.storage.url}/storage/v1/b", json=body, timeout=30).json()
    upload = f"{world.storage.open_url}/upload/storage/v1/b/made/o?uploadType=media&name=a"
    uploaded = requests.post(upload, data=b"content", timeout=30).json()

    assert (made["encryption"], made["billing"]) == (body["encryption"], body["billing"])
    assert uploaded["kmsKeyName"].startswith(_KEY)
    assert world.listing("made").status_code == 400


def test_a_composite_object_has_no_md5(world: World) -> None:
    world.put("a", content=b"one")
    world.put("b", content=b"two")
    url = f"{world.storage.url}/storage/v1/b/bucket/o/both/compose"
    sources = [{"name": "a"}, {"name": "b"}]
    body = {"destination": {"contentType": "text/plain"}, "sourceObjects": sources}

    composed = world.session.post(url, json=body, timeout=30).json()

    for described in (composed, world.get("both").json(), world.listing(prefix="both").json()["items"][0]):
        assert "md5Hash" not in described
        assert (described["componentCount"], described["size"]) == (2, "6")
    assert world.media("both").headers["x-goog-hash"] == f"crc32c={_crc32c(b'onetwo')}"


def test_an_object_with_its_owners_key_is_read_with_the_key_only(world: World) -> None:
    digest = base64.b64encode(hashlib.sha256(b"key").digest()).decode()
    key = {"x-goog-encryption-algorithm": "AES256", "x-goog-encryption-key-sha256": digest}
    upload = f"{world.storage.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=sealed"
    world.session.post(upload, data=b"content", headers=key, timeout=30).raise_for_status()

    without, with_key = world.media("sealed"), world.media("sealed", key)

    assert {"crc32c", "md5Hash"}.isdisjoint(world.get("sealed").json())
    assert {"crc32c", "md5Hash"}.isdisjoint(world.listing().json()["items"][0])
    assert (without.status_code, with_key.status_code) == (400, 200)
    assert "customer-supplied encryption key" in without.text


def test_a_reply_with_content_describes_the_object(world: World) -> None:
    packed = gzip.compress(b"text")
    [made] = world.put("a", content=packed, contentEncoding="gzip", contentLanguage="de", metadata={"owner": "me"})

    headers = world.media("a").headers

    assert headers["x-goog-generation"] == made["generation"]
    assert headers["x-goog-metageneration"] == "1"
    assert headers["x-goog-stored-content-length"] == str(len(packed))
    assert headers["x-goog-stored-content-encoding"] == headers["Content-Encoding"] == "gzip"
    assert headers["Content-Language"] == "de"
    assert headers["x-goog-meta-owner"] == "me"
    assert headers["x-goog-hash"] == f"crc32c={made['crc32c']},md5={made['md5Hash']}"


def test_what_is_stored_with_gzip_is_unpacked_for_a_client_that_accepts_none(world: World) -> None:
    world.put("a", content=gzip.compress(b"text"), contentEncoding="gzip")

    reply = world.media("a", {"Accept-Encoding": "identity", "Range": "bytes=0-1"})

    assert (reply.status_code, reply.content) == (200, b"text")
    assert "Content-Encoding" not in reply.headers
    assert reply.headers["x-goog-stored-content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("asked", "content", "where"),
    [
        ("bytes=1-3", b"123", "bytes 1-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_read(world: World, asked: str, content: bytes, where: str) -> None:
    world.put("a", content=b"0123456789")

    reply = world.media("a", {"Range": asked})

    assert (reply.status_code, reply.content, reply.headers["Content-Range"]) == (206, content, where)


@pytest.mark.parametrize(("size", "asked"), [(10, "bytes=10-"), (10, "bytes=5-4"), (0, "bytes=0-0")])
def test_a_range_behind_the_end_is_rejected(world: World, size: int, asked: str) -> None:
    world.put("a", content=b"x" * size)

    reply = world.media("a", {"Range": asked})

    assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_a_generation_that_was_overwritten_is_not_found(world: World) -> None:
    [old], [new] = world.put("a", content=b"old"), world.put("a", content=b"new")

    assert world.media("a", generation=new["generation"]).content == b"new"
    gone = world.media("a", generation=old["generation"])
    assert (gone.status_code, gone.text) == (404, "No such object: bucket/a")
    assert world.get("a", generation=old["generation"]).status_code == 404
    assert world.get("a", ifGenerationMatch=old["generation"]).status_code == 412
    assert world.get("a", ifGenerationNotMatch=new["generation"]).status_code == 304
    assert world.get("a", ifMetagenerationMatch="1").status_code == 200


def test_a_change_of_metadata_has_a_new_metageneration_and_time(world: World) -> None:
    [made] = world.put("a", metadata={"one": "1", "two": "2"}, contentLanguage="de")
    url = f"{world.storage.url}/storage/v1/b/bucket/o/a"
    body = {"metadata": {"one": None, "three": "3"}, "contentLanguage": None, "cacheControl": "no-store"}

    changed = world.session.patch(url, json=body, timeout=30).json()
    late = world.session.patch(url, json=body, params={"ifMetagenerationMatch": 1}, timeout=30)

    assert changed["metadata"] == {"two": "2", "three": "3"}
    assert ("contentLanguage" in changed, changed["cacheControl"]) == (False, "no-store")
    assert (changed["generation"], changed["metageneration"]) == (made["generation"], "2")
    assert changed["updated"] >= changed["timeCreated"] == made["timeCreated"]
    assert changed["etag"] != made["etag"]
    assert late.status_code == 412


def test_a_requester_pays_bucket_requires_a_project_to_bill(world: World) -> None:
    world.storage.create_bucket("bucket", requester_pays=True)
    world.put("a")

    refused = world.listing()
    paid = world.media("a", userProject="payer")

    assert refused.status_code == world.media("a").status_code == 400
    assert refused.json()["error"]["errors"][0]["reason"] == "required"
    assert "requester pays bucket but no user project" in refused.json()["error"]["message"]
    assert paid.content == world.media("a", {"x-goog-user-project": "payer"}).content == b"content"
    assert world.storage.user_projects == ["payer"]


def test_what_is_missing_or_denied_is_said_as_google_says_it(world: World) -> None:
    world.put("a")
    missing = [world.listing("no-bucket"), world.get("none"), world.media("none")]
    world.storage.deny("bucket", "storage.objects.list")
    denied = world.listing()

    assert [reply.status_code for reply in missing] == [404, 404, 404]
    assert missing[0].json()["error"]["message"] == "The specified bucket does not exist."
    assert missing[1].json()["error"]["errors"][0]["message"] == "No such object: bucket/none"
    assert missing[2].text == "No such object: bucket/none"
    assert denied.status_code == 403
    assert "Permission 'storage.objects.list' denied on resource" in denied.json()["error"]["message"]
    assert world.media("a").status_code == 200


def test_a_share_of_the_requests_fails(world: World) -> None:
    world.put("a")
    world.storage.fail("*alt=media*", Fault(503, share=0.5, times=None, retry_after=1))

    replies = [world.media("a") for _ in range(10)]

    assert [reply.status_code for reply in replies] == [200, 503] * 5
    assert replies[1].headers["Retry-After"] == "1"
    assert world.get("a").status_code == 200
    world.storage.clear_faults()
    assert world.media("a").status_code == 200


def test_a_fault_that_hits_a_listing_is_in_googles_words(world: World) -> None:
    world.storage.fail("GET */b/bucket/o*", Fault(429))

    error = world.listing().json()["error"]

    assert (error["code"], error["errors"][0]["reason"]) == (429, "rateLimitExceeded")


def test_content_can_be_cut_shortened_and_changed(world: World) -> None:
    world.put("a", content=b"0123456789")
    for fault in (Fault(cut=4), Fault(shorten=4), Fault(flip=4)):
        world.storage.fail("alt=media", fault)

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more expected"):
        world.media("a")
    assert [world.media("a").content for _ in range(3)] == [b"0123", b"0123556789", b"0123456789"]


def test_a_request_can_be_left_without_an_answer(world: World) -> None:
    world.put("a")
    world.storage.fail("alt=media", Fault(delay=math.inf))

    with pytest.raises(requests.ReadTimeout):
        world.session.get(f"{world.storage.url}/storage/v1/b/bucket/o/a?alt=media", timeout=0.2)
    assert world.media("a").status_code == 200


def test_an_object_changes_between_two_requests(world: World) -> None:
    world.put("a", content=b"old")
    [listed] = world.listing().json()["items"]

    def overwrite(request: str) -> None:
        if "alt=media" in request:
            world.storage.on_request = None
            world.storage.put("bucket", "a", b"new")

    world.storage.on_request = overwrite

    assert world.media("a", generation=listed["generation"]).status_code == 404
    assert world.media("a").content == b"new"


def test_the_xml_api_serves_a_caller_with_a_token(world: World) -> None:
    world.put("a/b", content=b"0123456789")

    read = world.session.get(f"{world.storage.url}/bucket/a/b", headers={"Range": "bytes=2-3"}, timeout=30)
    missing = world.session.get(f"{world.storage.url}/bucket/none", timeout=30)

    assert (read.status_code, read.content) == (206, b"23")
    assert (missing.status_code, b"<Code>NoSuchKey</Code>" in missing.content) == (404, True)


@pytest.mark.parametrize("fields", ["items(", "items)", "items((name))", "items/", ",", "items(name)size", "a b"])
def test_a_selection_of_fields_that_cannot_be_read_is_rejected(world: World, fields: str) -> None:
    reply = world.listing(fields=fields)

    assert (reply.status_code, reply.json()["error"]["errors"][0]["location"]) == (400, "fields")
