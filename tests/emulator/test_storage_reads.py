"""Reads from the emulated Cloud Storage: listings, metadata, downloads, errors and simulated failures."""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import google_crc32c
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as cloud_storage  # type: ignore[attr-defined]  # a namespace without types

from emulator.workload import Workload
from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.storage import Storage

_KEY = "projects/my-project/locations/eu/keyRings/ring/cryptoKeys/key"


class Bucket:
    """A bucket and a client with a token."""

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


@pytest.fixture(name="bucket")
def _bucket(workload: Workload) -> Iterator[Bucket]:
    with Storage(workload.google.check_access_token, workload.google.check_signature) as storage:
        storage.create_bucket("bucket")
        yield Bucket(storage, workload.account_token())


def _crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def test_a_listing_is_sorted_by_the_utf8_bytes_of_the_names(bucket: Bucket) -> None:
    """In UTF-16 order, U+FF5E would come after the surrogates of U+1F600."""
    names = ["b", "a", "a/b", "a-b", "ä", "\uff5e", "\U0001f600", "B", "a//b", "../a", "a b", "a\nb"]
    bucket.put(*names)

    listed = bucket.names()

    assert listed == sorted(names, key=str.encode)


def test_names_that_are_equal_as_paths_are_different_objects(bucket: Bucket) -> None:
    for name in ("a//b", "a/b", "/a/b", "a/./b", "../a/b"):
        bucket.put(name, content=name.encode())

    contents = {name: bucket.media(name).text for name in bucket.names()}

    assert contents == {name: name for name in ("a//b", "a/b", "/a/b", "a/./b", "../a/b")}


def test_pages_make_up_the_whole_listing(bucket: Bucket) -> None:
    names = [f"{number:02}" for number in range(10)]
    bucket.put(*names)

    first = bucket.listing(maxResults=4).json()
    second = bucket.listing(maxResults=4, pageToken=first["nextPageToken"]).json()
    bucket.storage.page_size = 1
    third = bucket.listing(maxResults=4, pageToken=second["nextPageToken"]).json()

    assert [each["name"] for each in first["items"] + second["items"]] == names[:8]
    assert [each["name"] for each in third["items"]] == ["08"]
    assert "nextPageToken" in third
    assert bucket.listing(pageToken="nonsense").status_code == 400


def test_offsets_limit_a_listing(bucket: Bucket) -> None:
    """The start is inclusive, the end is exclusive."""
    bucket.put("a", "b", "c", "ä")

    assert bucket.names(startOffset="b", endOffset="ä") == ["b", "c"]
    assert bucket.names(startOffset="ä") == ["ä"]
    assert bucket.names(startOffset="z", prefix="b") == []


def test_a_delimiter_groups_names_into_prefixes(bucket: Bucket) -> None:
    bucket.put("a/1", "a/2", "b", "c/", "d/e/f")

    listed = bucket.listing(delimiter="/", maxResults=3).json()
    rest = bucket.listing(delimiter="/", maxResults=3, pageToken=listed["nextPageToken"]).json()

    assert (listed["prefixes"], [each["name"] for each in listed["items"]]) == (["a/", "c/"], ["b"])
    assert rest == {"kind": "storage#objects", "prefixes": ["d/"]}
    assert bucket.names(delimiter="/", includeTrailingDelimiter="true") == ["b", "c/"]


def test_the_fields_parameter_selects_parts_of_a_reply(bucket: Bucket) -> None:
    bucket.put("a", "b")

    listed = bucket.listing(fields="nextPageToken,items(name,size)", maxResults=1).json()
    wrong = bucket.listing(fields="items(name,checksum)")

    assert listed["items"] == [{"name": "a", "size": "7"}]
    assert listed.keys() == {"items", "nextPageToken"}
    assert bucket.get("a", fields="crc32c").json() == {"crc32c": _crc32c(b"content")}
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "Invalid field selection checksum")


def test_an_empty_listing_has_no_items(bucket: Bucket) -> None:
    assert bucket.listing().json() == {"kind": "storage#objects"}


def test_google_cloud_storage_reads_a_listing_of_several_pages(bucket: Bucket) -> None:
    bucket.put(*(f"{number:04}" for number in range(1500)))
    client = cloud_storage.Client(
        "my-project", AnonymousCredentials(), client_options={"api_endpoint": bucket.storage.open_url}
    )

    listed = client.list_blobs("bucket", fields="items(name,generation,crc32c),nextPageToken", start_offset="0001")

    assert [blob.name for blob in listed] == [f"{number:04}" for number in range(1, 1500)]


def test_a_listing_of_a_bucket_with_a_kms_key_has_no_checksums(bucket: Bucket) -> None:
    """The object's metadata and the reply with its content have them."""
    bucket.storage.create_bucket("bucket", kms_key=_KEY)
    bucket.put("sealed")

    [listed] = bucket.listing().json()["items"]
    described = bucket.get("sealed").json()
    content = bucket.media("sealed")

    assert {"crc32c", "md5Hash"}.isdisjoint(listed)
    assert listed["kmsKeyName"] == f"{_KEY}/cryptoKeyVersions/1"
    assert described["crc32c"] == _crc32c(b"content")
    assert content.headers["x-goog-hash"] == f"crc32c={described['crc32c']},md5={described['md5Hash']}"


def test_a_bucket_created_by_the_api_keeps_its_key_and_billing(bucket: Bucket) -> None:
    body = {"name": "made", "encryption": {"defaultKmsKeyName": _KEY}, "billing": {"requesterPays": True}}
    made = bucket.session.post(f"{bucket.storage.url}/storage/v1/b", json=body, timeout=30).json()
    upload = f"{bucket.storage.open_url}/upload/storage/v1/b/made/o?uploadType=media&name=a"
    uploaded = requests.post(upload, data=b"content", timeout=30).json()

    assert (made["encryption"], made["billing"]) == (body["encryption"], body["billing"])
    assert uploaded["kmsKeyName"].startswith(_KEY)
    assert bucket.listing("made").status_code == 400


def test_a_composite_object_has_no_md5(bucket: Bucket) -> None:
    bucket.put("a", content=b"one")
    bucket.put("b", content=b"two")
    url = f"{bucket.storage.url}/storage/v1/b/bucket/o/both/compose"
    sources = [{"name": "a"}, {"name": "b"}]
    body = {"destination": {"contentType": "text/plain"}, "sourceObjects": sources}

    composed = bucket.session.post(url, json=body, timeout=30).json()

    for described in (composed, bucket.get("both").json(), bucket.listing(prefix="both").json()["items"][0]):
        assert "md5Hash" not in described
        assert (described["componentCount"], described["size"]) == (2, "6")
    assert bucket.media("both").headers["x-goog-hash"] == f"crc32c={_crc32c(b'onetwo')}"


def test_an_object_encrypted_with_a_customers_key_requires_the_key(bucket: Bucket) -> None:
    digest = base64.b64encode(hashlib.sha256(b"key").digest()).decode()
    key = {"x-goog-encryption-algorithm": "AES256", "x-goog-encryption-key-sha256": digest}
    upload = f"{bucket.storage.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=sealed"
    bucket.session.post(upload, data=b"content", headers=key, timeout=30).raise_for_status()

    without, with_key = bucket.media("sealed"), bucket.media("sealed", key)

    assert {"crc32c", "md5Hash"}.isdisjoint(bucket.get("sealed").json())
    assert {"crc32c", "md5Hash"}.isdisjoint(bucket.listing().json()["items"][0])
    assert (without.status_code, with_key.status_code) == (400, 200)
    assert "customer-supplied encryption key" in without.text


def test_the_headers_of_a_download_describe_the_object(bucket: Bucket) -> None:
    compressed = gzip.compress(b"text")
    [made] = bucket.put("a", content=compressed, contentEncoding="gzip", contentLanguage="de", metadata={"owner": "me"})

    headers = bucket.media("a").headers

    assert headers["x-goog-generation"] == made["generation"]
    assert headers["x-goog-metageneration"] == "1"
    assert headers["x-goog-stored-content-length"] == str(len(compressed))
    assert headers["x-goog-stored-content-encoding"] == headers["Content-Encoding"] == "gzip"
    assert headers["Content-Language"] == "de"
    assert headers["x-goog-meta-owner"] == "me"
    assert headers["x-goog-hash"] == f"crc32c={made['crc32c']},md5={made['md5Hash']}"


def test_gzip_content_is_decompressed_for_a_client_without_gzip(bucket: Bucket) -> None:
    bucket.put("a", content=gzip.compress(b"text"), contentEncoding="gzip")

    reply = bucket.media("a", {"Accept-Encoding": "identity", "Range": "bytes=0-1"})

    assert (reply.status_code, reply.content) == (200, b"text")
    assert "Content-Encoding" not in reply.headers
    assert reply.headers["x-goog-stored-content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("requested", "content", "content_range"),
    [
        ("bytes=1-3", b"123", "bytes 1-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_can_be_read(bucket: Bucket, requested: str, content: bytes, content_range: str) -> None:
    bucket.put("a", content=b"0123456789")

    reply = bucket.media("a", {"Range": requested})

    assert (reply.status_code, reply.content, reply.headers["Content-Range"]) == (206, content, content_range)


@pytest.mark.parametrize(("size", "requested"), [(10, "bytes=10-"), (10, "bytes=5-4"), (0, "bytes=0-0")])
def test_a_range_after_the_end_is_rejected(bucket: Bucket, size: int, requested: str) -> None:
    bucket.put("a", content=b"x" * size)

    reply = bucket.media("a", {"Range": requested})

    assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_an_overwritten_generation_is_not_found(bucket: Bucket) -> None:
    [old], [new] = bucket.put("a", content=b"old"), bucket.put("a", content=b"new")

    assert bucket.media("a", generation=new["generation"]).content == b"new"
    missing = bucket.media("a", generation=old["generation"])
    assert (missing.status_code, missing.text) == (404, "No such object: bucket/a")
    assert bucket.get("a", generation=old["generation"]).status_code == 404
    assert bucket.get("a", ifGenerationMatch=old["generation"]).status_code == 412
    assert bucket.get("a", ifGenerationNotMatch=new["generation"]).status_code == 304
    assert bucket.get("a", ifMetagenerationMatch="1").status_code == 200


def test_a_metadata_change_updates_metageneration_and_time(bucket: Bucket) -> None:
    [made] = bucket.put("a", metadata={"one": "1", "two": "2"}, contentLanguage="de")
    url = f"{bucket.storage.url}/storage/v1/b/bucket/o/a"
    body = {"metadata": {"one": None, "three": "3"}, "contentLanguage": None, "cacheControl": "no-store"}

    changed = bucket.session.patch(url, json=body, timeout=30).json()
    late = bucket.session.patch(url, json=body, params={"ifMetagenerationMatch": 1}, timeout=30)

    assert changed["metadata"] == {"two": "2", "three": "3"}
    assert ("contentLanguage" in changed, changed["cacheControl"]) == (False, "no-store")
    assert (changed["generation"], changed["metageneration"]) == (made["generation"], "2")
    assert changed["updated"] >= changed["timeCreated"] == made["timeCreated"]
    assert changed["etag"] != made["etag"]
    assert late.status_code == 412


def test_a_requester_pays_bucket_requires_a_project_to_bill(bucket: Bucket) -> None:
    bucket.storage.create_bucket("bucket", requester_pays=True)
    bucket.put("a")

    rejected = bucket.listing()
    paid = bucket.media("a", userProject="payer")

    assert rejected.status_code == bucket.media("a").status_code == 400
    assert rejected.json()["error"]["errors"][0]["reason"] == "required"
    assert "requester pays bucket but no user project" in rejected.json()["error"]["message"]
    assert paid.content == bucket.media("a", {"x-goog-user-project": "payer"}).content == b"content"
    assert bucket.storage.user_projects == ["payer"]


def test_errors_have_google_s_messages(bucket: Bucket) -> None:
    bucket.put("a")
    missing = [bucket.listing("no-bucket"), bucket.get("none"), bucket.media("none")]
    bucket.storage.deny("bucket", "storage.objects.list")
    denied = bucket.listing()

    assert [reply.status_code for reply in missing] == [404, 404, 404]
    assert missing[0].json()["error"]["message"] == "The specified bucket does not exist."
    assert missing[1].json()["error"]["errors"][0]["message"] == "No such object: bucket/none"
    assert missing[2].text == "No such object: bucket/none"
    assert denied.status_code == 403
    assert "Permission 'storage.objects.list' denied on resource" in denied.json()["error"]["message"]
    assert bucket.media("a").status_code == 200


def test_a_fault_can_affect_a_share_of_the_requests(bucket: Bucket) -> None:
    bucket.put("a")
    bucket.storage.fail("*alt=media*", Fault(503, share=0.5, times=None, retry_after=1))

    replies = [bucket.media("a") for _ in range(10)]

    assert [reply.status_code for reply in replies] == [200, 503] * 5
    assert replies[1].headers["Retry-After"] == "1"
    assert bucket.get("a").status_code == 200
    bucket.storage.clear_faults()
    assert bucket.media("a").status_code == 200


def test_a_fault_of_a_listing_has_google_s_error(bucket: Bucket) -> None:
    bucket.storage.fail("GET */b/bucket/o*", Fault(429))

    error = bucket.listing().json()["error"]

    assert (error["code"], error["errors"][0]["reason"]) == (429, "rateLimitExceeded")


def test_a_fault_can_cut_shorten_or_alter_content(bucket: Bucket) -> None:
    bucket.put("a", content=b"0123456789")
    for fault in (Fault(cut=4), Fault(shorten=4), Fault(flip=4)):
        bucket.storage.fail("alt=media", fault)

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more expected"):
        bucket.media("a")
    assert [bucket.media("a").content for _ in range(3)] == [b"0123", b"0123556789", b"0123456789"]


def test_a_fault_can_withhold_the_reply(bucket: Bucket) -> None:
    bucket.put("a")
    bucket.storage.fail("alt=media", Fault(delay=math.inf))

    with pytest.raises(requests.ReadTimeout):
        bucket.session.get(f"{bucket.storage.url}/storage/v1/b/bucket/o/a?alt=media", timeout=0.2)
    assert bucket.media("a").status_code == 200


def test_on_request_can_change_an_object_between_two_requests(bucket: Bucket) -> None:
    bucket.put("a", content=b"old")
    [listed] = bucket.listing().json()["items"]

    def overwrite(request: str) -> None:
        if "alt=media" in request:
            bucket.storage.on_request = None
            bucket.storage.put("bucket", "a", b"new")

    bucket.storage.on_request = overwrite

    assert bucket.media("a", generation=listed["generation"]).status_code == 404
    assert bucket.media("a").content == b"new"


def test_the_xml_api_serves_a_caller_with_a_token(bucket: Bucket) -> None:
    bucket.put("a/b", content=b"0123456789")

    read = bucket.session.get(f"{bucket.storage.url}/bucket/a/b", headers={"Range": "bytes=2-3"}, timeout=30)
    missing = bucket.session.get(f"{bucket.storage.url}/bucket/none", timeout=30)

    assert (read.status_code, read.content) == (206, b"23")
    assert (missing.status_code, b"<Code>NoSuchKey</Code>" in missing.content) == (404, True)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("", "name,labels/team,iamConfiguration/uniformBucketLevelAccess/enabled,retentionPolicy(isLocked)"),
        ("/iam", "bindings(role,members,condition/expression),etag,version"),
        ("/iam/testPermissions?permissions=storage.objects.get", "permissions"),
    ],
)
def test_the_fields_parameter_accepts_the_fields_of_buckets_and_policies(
    bucket: Bucket, path: str, fields: str
) -> None:
    reply = bucket.session.get(f"{bucket.storage.url}/storage/v1/b/bucket{path}", params={"fields": fields}, timeout=30)
    assert (reply.status_code, reply.json().keys() <= set(re.findall(r"\w+", fields))) == (200, True)


@pytest.mark.parametrize("fields", ["items(", "items)", "items((name))", "items/", ",", "items(name)size", "a b"])
def test_a_malformed_fields_parameter_is_rejected(bucket: Bucket, fields: str) -> None:
    reply = bucket.listing(fields=fields)

    assert (reply.status_code, reply.json()["error"]["errors"][0]["location"]) == (400, "fields")
