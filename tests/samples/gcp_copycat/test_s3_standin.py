"""The stand-in for S3 is as strict as S3. The tests use boto3, and shapes from botocore's service model."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import google_crc32c
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from google_auth_botocore.emulator import Fault
from samples.gcp_copycat.s3_errors import error_document
from samples.gcp_copycat.s3_standin import REGION, S3Fault, S3Standin

_MIB = 1 << 20
_PART = b"x" * (5 * _MIB)


def _crc(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def _md5(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _client(s3: S3Standin, **keys: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30, connect_timeout=10)
    return boto3.client("s3", endpoint_url=s3.url, region_name=REGION, config=config, **{**s3.keys, **keys})


@pytest.fixture(name="s3")
def _s3() -> Iterator[S3Standin]:
    with S3Standin() as s3:
        s3.create_bucket("bucket")
        yield s3


@pytest.fixture(name="client")
def _fixture_client(s3: S3Standin) -> Iterator[Any]:
    client = _client(s3)
    yield client
    client.close()


def _code(call: Any, **arguments: Any) -> str:
    """Return the error code of a call."""
    with pytest.raises(ClientError) as caught:
        call(Bucket="bucket", **arguments)
    return str(caught.value.response["Error"]["Code"])


def _put(client: Any, key: str, content: bytes = b"content", **more: Any) -> Any:
    return client.put_object(Bucket="bucket", Key=key, Body=content, ChecksumCRC32C=_crc(content), **more)


def _upload(client: Any, key: str = "key", **more: Any) -> str:
    arguments = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT", **more}
    return str(client.create_multipart_upload(Bucket="bucket", Key=key, **arguments)["UploadId"])


def _parts(client: Any, upload: str, *contents: bytes, key: str = "key") -> list[dict[str, Any]]:
    made = []
    for number, content in enumerate(contents, 1):
        where = {"Bucket": "bucket", "Key": key, "UploadId": upload, "PartNumber": number}
        reply = client.upload_part(**where, Body=content, ChecksumCRC32C=_crc(content))
        assert reply["ChecksumCRC32C"] == _crc(content)
        made.append({"PartNumber": number, "ETag": reply["ETag"], "ChecksumCRC32C": reply["ChecksumCRC32C"]})
    return made


def test_an_object_has_the_written_content(s3: S3Standin, client: Any) -> None:
    metadata = {"owner": "me", "words": "two words"}
    reply = _put(client, "a b+c/ü=?&#%41", Metadata=metadata, ContentType="text/plain", CacheControl="no-store")
    head = client.head_object(Bucket="bucket", Key="a b+c/ü=?&#%41", ChecksumMode="ENABLED")
    got = client.get_object(Bucket="bucket", Key="a b+c/ü=?&#%41", ChecksumMode="ENABLED")

    assert (reply["ETag"], reply["ChecksumCRC32C"], reply["ChecksumType"]) == (_md5(b"content"), _crc(b"content"), "FULL_OBJECT")  # fmt: skip
    assert reply["ServerSideEncryption"] == "AES256"
    assert (head["ContentLength"], head["ETag"], head["ChecksumCRC32C"]) == (7, _md5(b"content"), _crc(b"content"))
    assert (head["Metadata"], head["ContentType"], head["CacheControl"]) == (metadata, "text/plain", "no-store")
    assert "StorageClass" not in head
    assert got["Body"].read() == b"content"
    assert s3.contents("bucket") == {"a b+c/ü=?&#%41": b"content"}


def test_the_checksum_is_returned_on_request(client: Any) -> None:
    _put(client, "key")

    assert "ChecksumCRC32C" not in client.head_object(Bucket="bucket", Key="key")


def test_boto3s_own_upload_methods_work(s3: S3Standin, client: Any) -> None:
    """boto3 chooses the checksum, and uploads a file object in several parts."""
    client.put_object(Bucket="bucket", Key="plain", Body=b"plain")
    client.upload_fileobj(io.BytesIO(_PART * 2), "bucket", "large")

    assert s3.contents("bucket") == {"plain": b"plain", "large": _PART * 2}
    assert client.head_object(Bucket="bucket", Key="large")["ETag"].endswith('-2"')


@pytest.mark.parametrize("wrong", ["ChecksumCRC32C", "ContentMD5"])
def test_content_with_another_checksum_is_rejected(s3: S3Standin, client: Any, wrong: str) -> None:
    value = _crc(b"other") if wrong == "ChecksumCRC32C" else base64.b64encode(bytes(16)).decode()

    assert _code(client.put_object, Key="key", Body=b"content", **{wrong: value}) == "BadDigest"
    assert _code(client.put_object, Key="key", Body=b"content", ChecksumCRC32C="AAA=") == "InvalidRequest"
    assert s3.contents("bucket") == {}


def test_a_payload_that_does_not_match_its_hash_is_rejected(s3: S3Standin, client: Any) -> None:
    def change(request: Any, **_: Any) -> None:
        request.body = b"Content"

    client.meta.events.register("before-send.s3.PutObject", change)

    assert _code(client.put_object, Key="key", Body=b"content") == "XAmzContentSHA256Mismatch"
    assert s3.contents("bucket") == {}


def test_a_wrong_signature_is_rejected(s3: S3Standin, client: Any) -> None:
    """A changed header, a wrong secret, and an unknown access key."""

    def change(request: Any, **_: Any) -> None:
        request.headers["x-amz-meta-owner"] = "you"

    wrong = _client(s3, aws_secret_access_key="wrong")
    assert _code(wrong.put_object, Key="key", Body=b"") == "SignatureDoesNotMatch"
    assert _code(_client(s3, aws_access_key_id="AKIA").put_object, Key="key", Body=b"") == "AccessDenied"
    client.meta.events.register("before-send.s3.PutObject", change)
    assert _code(client.put_object, Key="key", Body=b"", Metadata={"owner": "me"}) == "SignatureDoesNotMatch"


def test_only_inner_spaces_of_a_value_are_kept(client: Any) -> None:
    _put(client, "key", Metadata={"a": "  two  words "})

    assert client.head_object(Bucket="bucket", Key="key")["Metadata"] == {"a": "two  words"}


def test_conditions_are_checked(client: Any) -> None:
    first = _put(client, "key", IfNoneMatch="*")

    assert _code(client.put_object, Key="key", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
    assert _code(client.put_object, Key="key", Body=b"", IfMatch='"0"') == "PreconditionFailed"
    assert _code(client.put_object, Key="other", Body=b"", IfMatch='"0"') == "NoSuchKey"
    assert _code(client.put_object, Key="key", Body=b"", IfNoneMatch='"0"') == "NotImplemented"
    assert _put(client, "key", b"new", IfMatch=first["ETag"])["ETag"] == _md5(b"new")


def test_one_of_many_conditional_writes_wins(s3: S3Standin) -> None:
    barrier = threading.Barrier(8)

    def write(number: int) -> str:
        client = _client(s3)
        barrier.wait(60)
        try:
            _put(client, "key", str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        finally:
            client.close()
        return str(number)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))

    won = s3.contents("bucket")["key"].decode()
    assert sorted(outcomes) == sorted([won, *["PreconditionFailed"] * 7])


def test_an_upload_in_parts_has_the_checksum_of_the_whole(s3: S3Standin, client: Any) -> None:
    upload = _upload(client, StorageClass="STANDARD_IA", Metadata={"a": "b"})
    parts = _parts(client, upload, _PART, b"end")
    whole = {"ChecksumCRC32C": _crc(_PART + b"end"), "ChecksumType": "FULL_OBJECT", "MpuObjectSize": len(_PART) + 3}
    reply = client.complete_multipart_upload(
        Bucket="bucket", Key="key", UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*", **whole
    )
    head = client.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")

    assert (reply["ChecksumCRC32C"], reply["ChecksumType"]) == (whole["ChecksumCRC32C"], "FULL_OBJECT")
    assert reply["ETag"] == head["ETag"] != _md5(_PART + b"end")
    assert reply["ETag"].endswith('-2"')
    assert (head["ChecksumCRC32C"], head["StorageClass"], head["Metadata"]) == (whole["ChecksumCRC32C"], "STANDARD_IA", {"a": "b"})  # fmt: skip
    assert s3.contents("bucket") == {"key": _PART + b"end"}
    assert s3.buckets["bucket"].uploads == {}


def test_an_invalid_completion_keeps_the_upload(s3: S3Standin, client: Any) -> None:
    upload = _upload(client)
    parts = _parts(client, upload, _PART, b"end")
    _put(client, "key")

    def code(listed: list[dict[str, Any]], **more: Any) -> str:
        arguments = {"Key": "key", "UploadId": upload, "MultipartUpload": {"Parts": listed}, **more}
        return _code(client.complete_multipart_upload, **arguments)

    assert code(parts, ChecksumCRC32C=_crc(b"other")) == "BadDigest"
    assert code(parts, MpuObjectSize=5) == "InvalidRequest"
    assert code(parts, ChecksumType="COMPOSITE") == "InvalidRequest"
    assert code(parts, IfNoneMatch="*") == "PreconditionFailed"
    assert code(parts, IfMatch='"0"') == "PreconditionFailed"
    assert code(parts[::-1]) == "InvalidPartOrder"
    assert code([{**parts[0], "ETag": '"0"'}]) == "InvalidPart"
    assert code([{**parts[0], "ChecksumCRC32C": _crc(b"other")}]) == "InvalidPart"
    assert code([*parts, {"PartNumber": 3, "ETag": '"0"'}]) == "InvalidPart"
    assert s3.contents("bucket") == {"key": b"content"}
    assert list(s3.buckets["bucket"].uploads) == [upload]
    s3.buckets["bucket"].objects.clear()
    assert code(parts, IfMatch='"0"') == "NoSuchKey"


def test_a_part_must_be_large_enough_and_have_the_checksum_of_its_upload(client: Any) -> None:
    upload = _upload(client)
    where = {"Key": "key", "UploadId": upload}
    parts = _parts(client, upload, b"small", b"end")

    assert _code(client.complete_multipart_upload, **where, MultipartUpload={"Parts": parts}) == "EntityTooSmall"
    assert _code(client.upload_part, **where, PartNumber=1, Body=b"a", ChecksumCRC32="6Le+Qw==") == "InvalidRequest"
    assert _code(client.upload_part, **where, PartNumber=1, Body=b"a", ChecksumCRC32C=_crc(b"b")) == "BadDigest"
    assert _code(client.upload_part, **where, PartNumber=10_001, Body=b"", ChecksumCRC32C=_crc(b"")) == "InvalidArgument"  # fmt: skip
    assert _code(client.create_multipart_upload, Key="key", ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT") == "InvalidRequest"  # fmt: skip


def test_a_composite_checksum_differs_from_that_of_the_whole(client: Any) -> None:
    upload = _upload(client, ChecksumType="COMPOSITE")
    parts = _parts(client, upload, _PART, b"end")
    where = {"Key": "key", "UploadId": upload}

    bare = [{name: each[name] for name in ("PartNumber", "ETag")} for each in parts]
    assert _code(client.complete_multipart_upload, **where, MultipartUpload={"Parts": bare}) == "InvalidRequest"
    reply = client.complete_multipart_upload(Bucket="bucket", **where, MultipartUpload={"Parts": parts})
    assert reply["ChecksumCRC32C"].endswith("-2")


def test_a_missing_upload_accepts_no_part(s3: S3Standin, client: Any) -> None:
    upload = _upload(client)
    parts = _parts(client, upload, b"end")
    client.abort_multipart_upload(Bucket="bucket", Key="key", UploadId=upload)
    where = {"Key": "key", "UploadId": upload}

    assert _code(client.abort_multipart_upload, **where) == "NoSuchUpload"
    assert _code(client.list_parts, **where) == "NoSuchUpload"
    assert _code(client.complete_multipart_upload, **where, MultipartUpload={"Parts": parts}) == "NoSuchUpload"
    assert _code(client.upload_part, **where, PartNumber=1, Body=b"", ChecksumCRC32C=_crc(b"")) == "NoSuchUpload"
    assert s3.contents("bucket") == {}


def test_uploads_and_parts_are_listed_in_pages(s3: S3Standin, client: Any) -> None:
    s3.clock = lambda: 1_700_000_000.0
    uploads = [_upload(client, key, StorageClass="GLACIER_IR") for key in ("a\n", "b", "b", "other")]
    _parts(client, uploads[1], b"1", b"2", b"3", key="b")
    s3.page_size = 1

    pages = list(client.get_paginator("list_multipart_uploads").paginate(Bucket="bucket"))
    listed = [each for page in pages for each in page["Uploads"]]
    parts = list(client.get_paginator("list_parts").paginate(Bucket="bucket", Key="b", UploadId=uploads[1]))

    assert len(pages) == 4
    assert sorted(each["UploadId"] for each in listed) == sorted(uploads)
    assert [each["Key"] for each in listed] == ["a\n", "b", "b", "other"]
    assert {(each["ChecksumAlgorithm"], each["ChecksumType"], each["StorageClass"]) for each in listed} == {("CRC32C", "FULL_OBJECT", "GLACIER_IR")}  # fmt: skip
    assert {each["Initiated"].timestamp() for each in listed} == {1_700_000_000.0}
    assert [each["ChecksumCRC32C"] for page in parts for each in page["Parts"]] == [_crc(b"1"), _crc(b"2"), _crc(b"3")]
    assert (parts[0]["ChecksumAlgorithm"], parts[0]["ChecksumType"]) == ("CRC32C", "FULL_OBJECT")
    s3.page_size = 1000
    only = client.list_multipart_uploads(Bucket="bucket", Prefix="b")["Uploads"]
    assert [each["Key"] for each in only] == ["b", "b"]


def test_boto3_cannot_parse_a_response_with_a_key_that_xml_cannot_contain(s3: S3Standin, client: Any) -> None:
    """XML 1.0 does not allow control characters. A percent-encoded listing has the upload."""
    assert _code(client.create_multipart_upload, Key="a\u0001", ChecksumAlgorithm="CRC32C") == "500"

    [listed] = client.list_multipart_uploads(Bucket="bucket", EncodingType="url")["Uploads"]
    assert [listed["Key"], listed["UploadId"]] == ["a%01", *s3.buckets["bucket"].uploads]
    assert _code(client.list_multipart_uploads) == "500"


def test_objects_are_listed_in_the_order_of_bytes(s3: S3Standin, client: Any) -> None:
    keys = ["b", "a", "a/b", "ä", "\uff5e", "\U0001f600", "B", "a\n", " ", "&<>"]
    for key in keys:
        s3.put("bucket", key, key.encode())
    s3.page_size = 3

    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="bucket"))
    listed = [each for page in pages for each in page["Contents"]]
    after = client.list_objects_v2(Bucket="bucket", StartAfter="ä")["Contents"]

    assert [each["Key"] for each in listed] == sorted(keys, key=str.encode)
    assert [page["KeyCount"] for page in pages] == [3, 3, 3, 1]
    assert [each["Key"] for each in after] == ["\uff5e", "\U0001f600"]
    assert listed[0].keys() >= {"LastModified", "ETag", "Size", "StorageClass", "ChecksumAlgorithm"}
    assert listed[0]["ETag"] == _md5(b" ")
    folders = client.list_objects_v2(Bucket="bucket", Prefix="a", Delimiter="/")
    assert [each["Prefix"] for each in folders["CommonPrefixes"]] == ["a/"]
    assert "Contents" not in client.list_objects_v2(Bucket="bucket", Prefix="none")
    assert _code(client.list_objects_v2, ContinuationToken="?") == "InvalidArgument"


def test_with_a_kms_key_the_etag_is_not_an_md5(s3: S3Standin, client: Any) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/1"
    named = _put(client, "named", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.create_bucket("bucket", kms_key=key)
    default = _put(client, "default")

    for reply in (named, default):
        assert (reply["ServerSideEncryption"], reply["SSEKMSKeyId"]) == ("aws:kms", key)
        assert reply["ETag"] != _md5(b"content")
        assert len(reply["ETag"]) == 34
        assert reply["ChecksumCRC32C"] == _crc(b"content")
    assert _put(client, "plain", ServerSideEncryption="AES256")["ETag"] == _md5(b"content")
    s3.denied.add("kms:GenerateDataKey")
    assert _code(client.put_object, Key="a", Body=b"") == "AccessDenied"


def test_limits_are_those_of_s3(client: Any) -> None:
    fits = {"k" * 24: "v" * 2024}

    assert _put(client, "fits", Metadata=fits)["ETag"]
    assert _code(client.put_object, Key="key", Body=b"", Metadata={"k": "v" * 2048}) == "MetadataTooLarge"
    assert _code(client.create_multipart_upload, Key="key", Metadata={"k": "v" * 2048}) == "MetadataTooLarge"
    assert _code(client.put_object, Key="k" * 1025, Body=b"") == "KeyTooLongError"
    assert _code(client.put_object, Key="key", Body=b"", StorageClass="COLD") == "InvalidStorageClass"
    assert _code(client.put_object, Key="key", Body=b"", CacheControl="x" * 8192) == "RequestHeaderSectionTooLarge"


def test_the_owner_of_a_bucket_is_checked(client: Any) -> None:
    assert _put(client, "key", ExpectedBucketOwner="123456789012")
    assert _code(client.put_object, Key="key", Body=b"", ExpectedBucketOwner="999999999999") == "AccessDenied"


def test_errors_for_missing_and_denied_objects_are_those_of_s3(s3: S3Standin, client: Any) -> None:
    assert _code(client.head_object, Key="none") == "404"
    assert _code(client.get_object, Key="none") == "NoSuchKey"
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client.list_objects_v2(Bucket="none")
    s3.denied |= {"s3:ListBucket", "s3:PutObject"}
    assert _code(client.head_object, Key="none") == "403"
    with pytest.raises(ClientError, match=r"is not authorized to perform: s3:PutObject on resource: .*bucket/key"):
        _put(client, "key")


def test_a_response_can_be_lost_after_the_write(s3: S3Standin, client: Any) -> None:
    s3.fail("PutObject bucket/kept", S3Fault(drop=True, takes_effect=True))
    s3.fail("PutObject bucket/lost", S3Fault(reset=True))

    with pytest.raises(ConnectionClosedError):
        _put(client, "kept")
    with pytest.raises(HTTPClientError):
        _put(client, "lost")
    assert s3.contents("bucket") == {"kept": b"content"}


def test_a_response_with_200_can_be_empty_or_an_error(s3: S3Standin, client: Any) -> None:
    upload = _upload(client)
    parts = _parts(client, upload, b"end")
    where = {"Key": "key", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    s3.fail("PutObject*", S3Fault(body=b""))
    s3.fail("Complete*", S3Fault(body=b"", takes_effect=False))
    s3.fail("Complete*", S3Fault(body=error_document("InternalError")))

    assert "ETag" not in _put(client, "empty")
    assert "ETag" not in client.complete_multipart_upload(Bucket="bucket", **where)
    assert _code(client.complete_multipart_upload, **where) == "InternalError"
    assert s3.contents("bucket") == {}
    assert client.complete_multipart_upload(Bucket="bucket", **where)["ETag"]


def test_a_share_of_the_requests_can_be_throttled(s3: S3Standin, client: Any) -> None:
    s3.fail("*", S3Fault(503, share=0.5, times=None))

    codes = []
    for number in range(6):
        try:
            _put(client, str(number))
            codes.append("")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    assert codes == ["", "SlowDown"] * 3
    assert [call.status for call in s3.calls] == [200, 503] * 3


def test_a_conditional_write_can_conflict_with_another(s3: S3Standin, client: Any) -> None:
    s3.fail("PutObject*", Fault(409))

    assert _code(client.put_object, Key="key", Body=b"", IfNoneMatch="*") == "ConditionalRequestConflict"


def test_a_response_can_be_damaged_or_missing(s3: S3Standin, client: Any) -> None:
    _put(client, "key", b"0123456789")
    s3.fail("GetObject*", Fault(flip=1))
    s3.fail("GetObject*", Fault(cut=4))
    s3.fail("PutObject*", S3Fault(headers={"x-amz-checksum-crc32c": ""}))

    flipped = client.get_object(Bucket="bucket", Key="key", ChecksumMode="DISABLED")
    assert flipped["Body"].read() == b"0023456789"
    with pytest.raises((ResponseStreamingError, HTTPClientError)):
        client.get_object(Bucket="bucket", Key="key")["Body"].read()
    assert "ChecksumCRC32C" not in _put(client, "key")
    s3.fail("GetObject*", Fault(delay=math.inf))
    impatient = boto3.client(
        "s3", endpoint_url=s3.url, region_name=REGION, config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}), **s3.keys
    )  # fmt: skip
    with pytest.raises(ReadTimeoutError):
        impatient.get_object(Bucket="bucket", Key="key")
    impatient.close()


def test_an_object_can_change_between_two_requests(s3: S3Standin, client: Any) -> None:
    etag = _put(client, "key")["ETag"]

    def overwrite(request: str) -> None:
        if request == "PutObject bucket/key":
            s3.put("bucket", "key", b"another's")

    s3.on_request = overwrite

    assert _code(client.put_object, Key="key", Body=b"ours", IfMatch=etag) == "PreconditionFailed"
    assert s3.contents("bucket") == {"key": b"another's"}
