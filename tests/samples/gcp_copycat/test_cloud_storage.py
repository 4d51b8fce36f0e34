"""copycat.cloud_storage: listings, and reads with invalid responses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from copycat.cloud_storage import CloudStorage
from copycat.errors import CopyError, InvalidResponseError, MissingError, SetupError, StoppedError
from google_crc32c import value

from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.proxy import Act, Forward, Reply, Request, answers, changes, hang_up

_CONTENT = bytes(range(256)) * 3000


@pytest.fixture(name="storage")
def _storage(clouds: Clouds) -> CloudStorage:
    return CloudStorage(clouds.settings, clouds.stop, 2, outage_limit=5)


def _short(reply: Reply) -> None:
    """Send half of the bytes, with their length as the content length."""
    reply.body = reply.body[: (len(reply.body) + 1) // 2]


def _cut(reply: Reply) -> None:
    """Send half of the bytes, and close the connection."""
    reply.cut = len(reply.body) // 2


def _whole(reply: Reply) -> None:
    """Send 200 and the whole content, ignoring the requested range."""
    reply.status, reply.body = 200, _CONTENT
    reply.headers.pop("content-range", None)


def _shifted(reply: Reply) -> None:
    reply.headers["content-range"] = f"bytes 1-{len(reply.body)}/{len(_CONTENT)}"


def _of_another_size(reply: Reply) -> None:
    reply.headers["content-range"] = reply.headers["content-range"].rpartition("/")[0] + "/99"


@pytest.mark.parametrize(
    "act",
    [
        changes(_cut),
        hang_up,
        answers(503, b"busy"),
        answers(429, b"slow down", Retry_After="0"),
        answers(500),
        answers(408),
        answers(302, b"", Location="http://127.0.0.1:9/"),
        answers(204),
        changes(lambda reply: reply.headers.update({"x-goog-generation": "1"})),
    ],
    ids=["cut", "hang up", "503", "429", "500", "408", "redirect", "204", "another generation"],
)
def test_an_invalid_response_is_retried(clouds: Clouds, storage: CloudStorage, act: Act) -> None:
    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", act, times=2)

    content = storage.read(source)

    assert (bytes(content.data), content.crc) == (_CONTENT, value(_CONTENT))


def test_a_read_that_ends_early_is_resumed_with_ranges(clouds: Clouds, storage: CloudStorage) -> None:
    """At the end, each response has one byte. Nothing is read twice."""
    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", changes(_short))

    content = storage.read(source)

    assert (bytes(content.data), content.crc) == (_CONTENT, value(_CONTENT))
    ranges = [request.headers.get("Range") for request in clouds.google.seen("GET", "alt=media")]
    assert ranges[:3] == [None, f"bytes=384000-{len(_CONTENT) - 1}", f"bytes=576000-{len(_CONTENT) - 1}"]


@pytest.mark.parametrize("change", [_whole, _shifted, _of_another_size])
def test_a_range_that_was_not_requested_is_rejected(
    clouds: Clouds, storage: CloudStorage, change: Callable[[Reply], None]
) -> None:
    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", changes(change), times=2)

    assert bytes(storage.read(source, 1000, 500).data) == _CONTENT[1000:1500]

    clouds.google.clear()
    clouds.google.on("GET", "alt=media", changes(change))
    with pytest.raises(InvalidResponseError):
        storage.read(source, 1000, 500)
    assert len(clouds.google.seen("GET", "alt=media")) == 5


def test_responses_without_content_end_with_an_error(clouds: Clouds, storage: CloudStorage) -> None:
    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", answers(200, b""))

    with pytest.raises(CopyError, match="none of the 768000 requested bytes"):
        storage.read(source)


def test_a_generation_that_was_replaced_is_missing(clouds: Clouds, storage: CloudStorage) -> None:
    source = clouds.put("object", b"old")
    clouds.put("object", b"new")

    with pytest.raises(MissingError, match="deleted or replaced"):
        storage.read(source)


def test_an_object_stored_with_gzip_is_read_as_stored(clouds: Clouds, storage: CloudStorage) -> None:
    source = clouds.put("object", _CONTENT, content_encoding="gzip")

    assert bytes(storage.read(source).data) == _CONTENT
    [request] = clouds.google.seen("GET", "alt=media")
    assert request.headers["Accept-Encoding"] == "gzip"


def test_the_listing_starts_after_a_name(clouds: Clouds, storage: CloudStorage) -> None:
    """Names are in byte order, page by page, without the start name itself."""
    names = ["a", "a/", "a/1", "a/b c", "a/ü", "a/😀", "b"]
    for name in names:
        clouds.put(name, b"x")

    assert [each.name for each in storage.page("")[0]] == names
    assert [each.name for each in storage.page("a/")[0]] == names[1:6]


def test_an_object_is_listed_with_all_that_a_copy_needs(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello", metadata={"a": "b"}, content_type="text/plain", cache_control="no-store")

    assert (source.size, source.crc32c, source.md5) == (5, "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert (source.metadata, source.content_type, source.cache_control) == ((("a", "b"),), "text/plain", "no-store")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"items": [{}]}', b'{"items": 7}', b'{"items": [{"name": "a", "size": "x"}]}']
)
def test_an_invalid_listing_is_requested_again(clouds: Clouds, storage: CloudStorage, body: bytes) -> None:
    clouds.put("object", b"x")
    clouds.google.on("GET", "/o?", answers(200, body), times=2)

    assert [each.name for each in storage.page("")[0]] == ["object"]


def _error(status: int, message: str, reason: str = "") -> Act:
    return answers(status, json.dumps({"error": {"message": message, "errors": [{"reason": reason}]}}).encode())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (_error(404, "The specified bucket does not exist."), "Cloud Storage has no bucket 'from-"),
        (_error(403, "x does not have storage.objects.list access"), "denied storage.objects.list on bucket 'from-"),
        (_error(400, "Bucket is a requester pays bucket but no user project provided."), "Set --quota-project"),
        (answers(401, b"no"), "rejected the access token"),
    ],
    ids=["bucket", "permission", "requester pays", "token"],
)
def test_an_error_that_fails_all_objects_names_bucket_and_permission(
    clouds: Clouds, storage: CloudStorage, act: Act, words: str
) -> None:
    clouds.google.on("GET", "/o?", act)

    with pytest.raises(SetupError, match=words):
        storage.page("")


def test_the_quota_project_pays_for_every_request(clouds: Clouds) -> None:
    source = clouds.put("object", b"x")
    clouds.set(quota_project="payer")
    clouds.google.clear()
    storage = CloudStorage(clouds.settings, clouds.stop)

    storage.page("")
    storage.describe("object")
    storage.read(source)

    assert len(clouds.google.requests) == 3
    assert all("userProject=payer" in request.path for request in clouds.google.requests)


def test_a_token_that_was_revoked_is_replaced(clouds: Clouds, storage: CloudStorage) -> None:
    clouds.put("object", b"x")
    clouds.google.on("GET", "/o?", answers(401, b"revoked"), times=1)

    assert [each.name for each in storage.page("")[0]] == ["object"]


def test_no_redirect_takes_the_token_elsewhere(clouds: Clouds, storage: CloudStorage) -> None:
    source = clouds.put("object", b"x")
    clouds.google.on("GET", "alt=media", answers(307, b"", Location=f"{clouds.google.url}/elsewhere"))

    with pytest.raises(CopyError, match="HTTP 307"):
        storage.read(source)
    assert clouds.google.seen("GET", "elsewhere") == []


def test_a_stop_ends_a_read(clouds: Clouds) -> None:
    source = clouds.put("object", _CONTENT)
    stop = threading.Event()
    storage = CloudStorage(clouds.settings, stop)
    clouds.google.on("GET", "alt=media", changes(lambda reply: stop.set()))

    with pytest.raises(StoppedError):
        storage.read(source)


def test_a_proxy_and_certificates_of_the_environment_are_used(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clouds.put("object", b"hello")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    storage = CloudStorage(clouds.settings, clouds.stop)
    monkeypatch.setenv("http_proxy", clouds.google.url)
    storage = CloudStorage(clouds.settings, clouds.stop)
    clouds.google.when(lambda request: request.path.startswith("http://"), answers(418, b"through the proxy"))

    with pytest.raises(CopyError, match="through the proxy"):
        storage.read(source)


def test_no_other_requests_are_sent_to_cloud_storage(clouds: Clouds) -> None:
    """Newer versions of google-cloud-storage also request the bucket's metadata, unless that is disabled."""
    clouds.put("object", b"x")
    clouds.google.clear()
    before = set(threading.enumerate())  # of other tests' clients
    storage = CloudStorage(clouds.settings, clouds.stop)

    storage.page("")
    storage.describe("object")
    # The library would send that request in a thread.
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started if "_fetch_background" in thread.name] == []

    assert [request.path.partition("?")[0].rpartition("/")[2] for request in clouds.google.requests] == ["o", "object"]


def test_the_library_does_not_retry(clouds: Clouds) -> None:
    """A stop immediately ends a listing that fails."""
    stop = threading.Event()
    storage = CloudStorage(clouds.settings, stop)

    def busy(request: Request, forward: Forward) -> Reply:
        stop.set()
        return Reply(503)

    clouds.google.on("GET", "/o", busy)
    for call in (lambda: storage.page(""), lambda: storage.describe("object")):
        stop.clear()
        clouds.google.requests.clear()
        with pytest.raises(StoppedError):
            call()
        assert len(clouds.google.requests) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "nonsense",
        "127.0.0.1:8080",
        "ftp://127.0.0.1",
        "http://",
        "http://h:x",
        "https://h:99999",
        "http://[::1",
        "http://a..b",
    ],
)
def test_an_endpoint_that_is_not_a_url_is_rejected(clouds: Clouds, endpoint: str) -> None:
    clouds.set(storage_endpoint=endpoint)

    with pytest.raises(SetupError, match="--storage-endpoint is invalid"):
        CloudStorage(clouds.settings, clouds.stop, outage_limit=5).page("")


def test_a_missing_object_differs_from_a_missing_bucket(clouds: Clouds, storage: CloudStorage) -> None:
    with pytest.raises(MissingError):
        storage.describe("nothing")
    clouds.google.on("GET", "/o/nothing", _error(404, "The specified bucket does not exist."))
    with pytest.raises(SetupError):
        storage.describe("nothing")


def test_a_read_that_is_cut_short_repeatedly_makes_progress(storage: CloudStorage, clouds: Clouds) -> None:
    """Each response has a few bytes. There are more responses than tries without progress."""
    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", changes(lambda reply: setattr(reply, "cut", 10_000)))
    assert bytes(storage.read(source).data) == _CONTENT
    assert len(clouds.google.seen("GET", "alt=media")) > 70


def test_a_content_length_above_the_size_of_the_object_is_ignored(storage: CloudStorage, clouds: Clouds) -> None:
    def promise_more(reply: Reply) -> None:
        reply.headers["content-length-of-head"], reply.cut = str(len(reply.body) + 5), len(reply.body)

    source = clouds.put("object", _CONTENT)
    clouds.google.on("GET", "alt=media", changes(promise_more))
    assert bytes(storage.read(source).data) == _CONTENT


def test_a_customer_supplied_key_is_named_in_the_error(storage: CloudStorage, clouds: Clouds) -> None:
    """The error response to a download is plain text, without a machine-readable reason."""
    source = clouds.put("object", _CONTENT)
    said = b"The target object is encrypted by a customer-supplied encryption key."
    clouds.google.on("GET", "alt=media", answers(400, said))
    with pytest.raises(CopyError, match="customer-supplied key, which CopyCat does not have"):
        storage.read(source)
