"""Signed URLs of google-cloud-storage: verified, used, and rejected if they differ from the signed request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import requests
from core.stand_in import FakeClock
from cryptography.exceptions import InvalidSignature
from emulator.workload import ROLE_ARN, Workload
from google.cloud.storage import Blob, Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from variations import few

from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.storage import Storage
from service_account.buckets import BUCKET, CONTENT, NAME, STYLES, open_client, sent
from service_account.conftest import CREATOR, PROJECT, Make
from service_account.signed_urls import by_hand, verify_v2, verify_v4

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(name="blob")
def _blob(credentials: Credentials, storage: Storage) -> Blob:
    """The object in a client that is not configured for the emulator, so its URLs have Google's addresses."""
    return Client(project=PROJECT, credentials=credentials).bucket(BUCKET).blob(NAME)


@pytest.mark.parametrize("style", STYLES)
def test_an_object_is_read(
    blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str], style: str
) -> None:
    url = blob.generate_signed_url(version="v4", expiration=300, **STYLES[style])

    reply = sent(storage, "GET", url)

    assert (reply.status, reply.body) == (200, CONTENT)
    assert storage.principals == [workload.account.email]
    verify_v4(certificates, workload.account.email, "GET", url)


def test_the_url_alone_is_enough(credentials: Credentials, storage: Storage) -> None:
    """It requires neither credentials nor a Google client library."""
    client = Client(project=PROJECT, credentials=credentials, client_options={"api_endpoint": storage.url})
    blob = client.bucket(BUCKET).blob(NAME)
    put = blob.generate_signed_url(version="v4", expiration=300, method="PUT", content_type="text/csv")
    get = blob.generate_signed_url(version="v4", expiration=300)

    with requests.Session() as session:
        assert session.put(put, b"a,b", headers={"Content-Type": "text/csv"}).ok
        assert session.get(get).text == "a,b"


def test_delegates_sign_urls(make: Make, workload: Workload, storage: Storage, chain: list[str]) -> None:
    credentials = make(service_account_email=chain[2], delegates=chain[:2])
    url = (
        Client(project=PROJECT, credentials=credentials)
        .bucket(BUCKET)
        .blob(NAME)
        .generate_signed_url(version="v4", expiration=300)
    )

    assert sent(storage, "GET", url).body == CONTENT
    assert storage.principals == [chain[2]]
    page = workload.session.get(f"{workload.google.url}/service_accounts/v1/metadata/x509/{chain[2]}").json()
    verify_v4(page, chain[2], "GET", url)


@pytest.mark.parametrize("style", STYLES)
def test_an_object_is_written_with_the_headers_that_are_signed(
    blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str], style: str
) -> None:
    headers = {"Content-Type": "text/csv; charset=utf-8", "x-goog-meta-author": "Ann  of\tGreen Gables"}
    url = blob.generate_signed_url(
        version="v4", expiration=timedelta(hours=1), method="PUT", headers=dict(headers), **STYLES[style]
    )

    assert sent(storage, "PUT", url, headers, b"a,b").status == 200

    written = open_client(storage).bucket(BUCKET).get_blob(NAME)
    assert (written.content_type, written.metadata) == (headers["Content-Type"], {"author": "Ann  of\tGreen Gables"})
    assert written.download_as_bytes() == b"a,b"
    verify_v4(certificates, workload.account.email, "PUT", url, headers)


def test_parameters_can_be_in_any_order(blob: Blob, storage: Storage) -> None:
    address, _, query = blob.generate_signed_url(version="v4", expiration=300).partition("?")

    assert sent(storage, "GET", f"{address}?{'&'.join(reversed(query.split('&')))}").body == CONTENT


def test_a_signed_digest_of_the_payload(
    blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str]
) -> None:
    headers = {"X-Goog-Content-SHA256": "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"}
    url = blob.generate_signed_url(version="v4", expiration=300, method="PUT", headers=dict(headers))

    assert sent(storage, "PUT", url, headers, b"ab").status == 200
    verify_v4(certificates, workload.account.email, "PUT", url, headers)


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_parameters_describe_the_reply(blob: Blob, storage: Storage, version: str) -> None:
    disposition = 'attachment; filename="a & b + c=ü?.txt"'
    url = blob.generate_signed_url(
        version=version,
        expiration=int(time.time()) + 300 if version == "v2" else 300,
        response_disposition=quote(disposition, safe=' ;="&+?'),
        response_type="text/x-Ünknown".encode("ascii", "replace").decode(),
    )

    reply = sent(storage, "GET", url)

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/x-?nknown"
    assert reply.headers["Content-Disposition"] == quote(disposition, safe=' ;="&+?')


def test_a_generation_is_chosen(blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str]) -> None:
    generation = open_client(storage).bucket(BUCKET).get_blob(NAME).generation
    urls = [
        blob.generate_signed_url(version="v4", expiration=300, generation=each, query_parameters={"userProject": "a b"})
        for each in (generation, generation + 1)
    ]

    found, missing = (sent(storage, "GET", url) for url in urls)

    assert (found.status, found.body) == (200, CONTENT)
    assert (missing.status, missing.error["Code"]) == (404, "NoSuchKey")
    for url in urls:
        verify_v4(certificates, workload.account.email, "GET", url)


def test_an_objects_metadata_is_read_and_the_object_is_deleted(
    blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str]
) -> None:
    for method, status in (("HEAD", 200), ("DELETE", 204), ("HEAD", 404)):
        url = blob.generate_signed_url(version="v4", expiration=300, method=method)
        assert sent(storage, method, url).status == status
        verify_v4(certificates, workload.account.email, method, url)


def test_metadata_and_parameters_that_do_not_fit_into_a_header_do_not_break_the_reply(
    blob: Blob, storage: Storage
) -> None:
    """The metadata was sent as JSON, and the parameter is percent-encoded."""
    copy = open_client(storage).bucket(BUCKET).blob("copy")
    copy.metadata = {"city": "日本 100%", "town": "Köln", "lines": "1\r\nx-goog-meta-more: 2", "名": "x"}
    copy.upload_from_string(CONTENT)
    url = blob.bucket.blob("copy").generate_signed_url(
        version="v4", expiration=300, response_disposition='attachment; filename="日本.txt"'
    )

    reply = sent(storage, "GET", url)

    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["Content-Disposition"] == 'attachment; filename="%E6%97%A5%E6%9C%AC.txt"'
    assert {name: value for name, value in reply.headers.items() if name.startswith("x-goog-meta-")} == {
        "x-goog-meta-city": "%E6%97%A5%E6%9C%AC 100%",
        "x-goog-meta-town": "Köln",
        "x-goog-meta-lines": "1%0D%0Ax-goog-meta-more: 2",
        "x-goog-meta-%E5%90%8D": "x",
    }


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_a_url_for_reading_also_works_for_head_requests(blob: Blob, storage: Storage, version: str) -> None:
    """A URL for HEAD requests does not work for reading."""
    get, head, put = (
        blob.generate_signed_url(version=version, expiration=timedelta(minutes=5), method=method)
        for method in ("GET", "HEAD", "PUT")
    )

    assert [sent(storage, "HEAD", url).status for url in (get, head, put)] == [200, 200, 403]
    assert sent(storage, "GET", head).error["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("style", STYLES)
def test_a_bucket_is_listed(
    blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str], style: str
) -> None:
    url = blob.bucket.generate_signed_url(
        version="v4", expiration=300, query_parameters={"prefix": "reports/"}, **STYLES[style]
    )

    reply = sent(storage, "GET", url)

    assert [key.text for key in ET.fromstring(reply.body).iter("Key")] == [NAME]
    verify_v4(certificates, workload.account.email, "GET", url)


def test_the_start_of_a_resumable_upload_verifies(blob: Blob, workload: Workload, certificates: dict[str, str]) -> None:
    url = blob.generate_signed_url(version="v4", expiration=300, method="RESUMABLE")

    verify_v4(certificates, workload.account.email, "POST", url, {"x-goog-resumable": "start"})


def test_v2(blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str]) -> None:
    md5 = "s0Xh3AnyD9796kafCRZ4kg=="
    headers = {"x-goog-meta-b": "2  3", "X-Goog-Meta-A": "1"}
    put = blob.generate_signed_url(
        version="v2",
        expiration=timedelta(hours=1),
        method="PUT",
        content_type="text/csv",
        content_md5=md5,
        headers=headers,
    )
    get = blob.generate_signed_url(version="v2", expiration=timedelta(hours=1))

    assert sent(storage, "PUT", put, {"Content-Type": "text/csv", "Content-MD5": md5, **headers}, b"a,b").status == 200
    assert sent(storage, "GET", get).body == b"a,b"
    extensions = "x-goog-meta-a:1\nx-goog-meta-b:2 3\n"
    verify_v2(certificates, workload.account.email, put, "PUT", md5, "text/csv", extensions=extensions)
    verify_v2(certificates, workload.account.email, get, "GET", "", "")


# Cloud Storage forbids line breaks in names, and the emulator stores objects as files in one folder.
SEGMENTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n/\\"), min_size=1, max_size=12)
NAMES = st.lists(SEGMENTS.filter(lambda segment: segment.strip("./")), min_size=1, max_size=4).map("/".join)
META = st.dictionaries(
    st.from_regex(r"x-goog-meta-[a-z0-9]{1,8}", fullmatch=True),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    max_size=4,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAMES,
    headers=META,
    parameter=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    style=st.sampled_from(sorted(STYLES)),
)
@example("a b", {"x-goog-meta-a": " two  spaces "}, "a b+c/ü", "path")
@example("100%", {}, "%", "virtual-hosted")
@example("%2F%2f%", {}, "&=", "bucket-bound")
@example("ünï/cödé/☃/𝄞", {"x-goog-meta-a": ""}, "𝄞", "path")
@example("a+b&c=d?e#f;g:h@i~j!k'(l)*", {}, "~*'()", "path")
@example("no ~ tilde%7E", {}, "%7E", "bucket-bound")
def test_any_object_is_written_and_read(
    credentials: Credentials,
    storage: Storage,
    workload: Workload,
    certificates: dict[str, str],
    name: str,
    headers: dict[str, str],
    parameter: str,
    style: str,
) -> None:
    """With any name, and any signed headers and parameters."""
    blob = Client(project=PROJECT, credentials=credentials).bucket(BUCKET).blob(name)
    put = blob.generate_signed_url(version="v4", expiration=300, method="PUT", headers=dict(headers), **STYLES[style])
    get = blob.generate_signed_url(
        version="v4", expiration=300, query_parameters={"x-ignored": parameter}, **STYLES[style]
    )
    legacy = blob.generate_signed_url(version="v2", expiration=timedelta(hours=1))
    content = name.encode()

    assert sent(storage, "PUT", put, headers, content).status == 200
    assert sent(storage, "GET", get).body == content
    assert sent(storage, "GET", legacy).body == content
    verify_v4(certificates, workload.account.email, "PUT", put, headers)
    verify_v4(certificates, workload.account.email, "GET", get)
    verify_v2(certificates, workload.account.email, legacy, "GET", "", "")
    assert storage.refused == 0


class Attempt(NamedTuple):
    """A request that differs from the signed one."""

    code: str
    status: int
    change: Callable[[str], str] = lambda url: url
    method: str = "PUT"
    headers: Mapping[str, str] = {"Content-Type": "text/csv"}
    seen: Mapping[str, str] = {}
    raises: type[Exception] = InvalidSignature


def swapped(old: str, new: str) -> Callable[[str], str]:
    def change(url: str) -> str:
        assert old in url
        return url.replace(old, new)

    return change


def with_other_digit(url: str) -> str:
    return url[:-1] + ("0" if url[-1] != "0" else "1")


MISMATCH, MALFORMED = "SignatureDoesNotMatch", "MalformedSecurityHeader"
V4_REFUSALS = {
    "signature": Attempt(MISMATCH, 403, with_other_digit),
    "no hexadecimal signature": Attempt(
        MALFORMED,
        400,
        lambda url: url[:-1] + "g",
        seen={"ParameterName": "X-Goog-Signature"},
        raises=ValueError,
    ),
    "method": Attempt(MISMATCH, 403, method="DELETE"),
    "name": Attempt(MISMATCH, 403, swapped("reports", "secrets")),
    "bucket": Attempt(MISMATCH, 403, swapped(f"/{BUCKET}/", "/other/")),
    "host": Attempt(MISMATCH, 403, swapped("//storage.googleapis.com", "//other.storage.googleapis.com")),
    "parameter": Attempt(MISMATCH, 403, swapped("&X-Goog-Signature", "&generation=1&X-Goog-Signature")),
    "longer life": Attempt(MISMATCH, 403, swapped("X-Goog-Expires=300", "X-Goog-Expires=3000")),
    "too long a life": Attempt(
        MALFORMED, 400, swapped("Expires=300", "Expires=604801"), seen={"ParameterName": "X-Goog-Expires"}
    ),
    "algorithm": Attempt(
        MALFORMED,
        400,
        swapped("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"),
        seen={"ParameterName": "X-Goog-Algorithm"},
        raises=AssertionError,
    ),
    "no date": Attempt(
        MALFORMED,
        400,
        swapped("X-Goog-Date", "X-Other"),
        seen={"ParameterName": "X-Goog-Date"},
        raises=KeyError,
    ),
    "scope": Attempt(
        MALFORMED,
        400,
        swapped("goog4_request", "aws4_request"),
        seen={"ParameterName": "X-Goog-Credential"},
        raises=AssertionError,
    ),
    "scope of another day": Attempt(
        MALFORMED,
        400,
        lambda url: re.sub(r"%2F\d{8}%2F", "%2F20200101%2F", url),
        seen={"ParameterName": "X-Goog-Credential"},
        raises=AssertionError,
    ),
    "other signer": Attempt(MISMATCH, 403, swapped("copycat%40", "other%40"), raises=AssertionError),
    "unknown signer": Attempt("InvalidAccessKeyId", 403, swapped("copycat%40", "nobody%40"), raises=AssertionError),
    "header's value": Attempt(MISMATCH, 403, headers={"Content-Type": "text/html"}),
    "header missing": Attempt(
        MALFORMED,
        400,
        headers={},
        seen={
            "ParameterName": "content-type",
            "Details": "Header was included in signedheaders, but not in the request.",
        },
        raises=AssertionError,
    ),
    "header more": Attempt(
        MALFORMED,
        400,
        headers={"Content-Type": "text/csv", "x-goog-acl": "public-read"},
        seen={"ParameterName": "x-goog-acl"},
        raises=AssertionError,
    ),
}


@pytest.mark.parametrize("what", few(V4_REFUSALS, 6))
def test_a_url_that_differs_from_what_was_signed_is_rejected(
    google: Emulator, blob: Blob, storage: Storage, workload: Workload, certificates: dict[str, str], what: str
) -> None:
    """The server replies with Google's error document. The verifiers reject the URL, too."""
    google.add_service_account(f"other@{PROJECT}.iam.gserviceaccount.com")
    signed = blob.generate_signed_url(version="v4", expiration=300, method="PUT", content_type="text/csv")
    code, status, change, method, headers, seen, raises = V4_REFUSALS[what]
    url = change(signed)

    reply = sent(storage, method, url, headers, b"" if method == "DELETE" else b"evil")

    assert (reply.status, reply.error["Code"]) == (status, code)
    assert seen.items() <= reply.error.items()
    assert storage.principals == [None]
    assert open_client(storage).bucket(BUCKET).blob(NAME).download_as_bytes() == CONTENT
    with pytest.raises(raises):
        verify_v4(certificates, workload.account.email, method, url, headers)


def test_without_the_signature_access_is_denied(blob: Blob, storage: Storage) -> None:
    bare = blob.generate_signed_url(version="v4", expiration=300).partition("?")[0]

    anonymous = sent(storage, "GET", bare)
    pretender = sent(storage, "GET", bare, {"Authorization": "Bearer none"})

    assert (anonymous.status, anonymous.error["Code"]) == (403, "AccessDenied")
    assert (pretender.status, pretender.error["Code"]) == (401, "AuthenticationRequired")
    assert storage.principals == [None, None]


def test_the_rejection_shows_what_should_have_been_signed(blob: Blob, storage: Storage) -> None:
    url = blob.generate_signed_url(version="v4", expiration=300)

    error = sent(storage, "DELETE", url).error

    unsigned, _ = url.split("&X-Goog-Signature=")
    assert error["CanonicalRequest"] == by_hand("DELETE", unsigned, {"host": "storage.googleapis.com"})
    assert error["StringToSign"].startswith("GOOG4-RSA-SHA256\n")


V2_REFUSALS = {
    "signature": Attempt(MISMATCH, 403, lambda url: url.replace("Signature=", "Signature=AAAA", 1)),
    "no base64": Attempt(MALFORMED, 400, lambda url: url + "!"),
    "method": Attempt(MISMATCH, 403, method="DELETE"),
    "name": Attempt(MISMATCH, 403, swapped("reports", "secrets")),
    "longer life": Attempt(MISMATCH, 403, swapped("Expires=", "Expires=1")),
    "other signer": Attempt(MISMATCH, 403, swapped("copycat%40", "other%40")),
    "unknown signer": Attempt("InvalidAccessKeyId", 403, swapped("copycat%40", "nobody%40")),
    "type": Attempt(MISMATCH, 403, headers={"Content-Type": "text/html"}),
    "no type": Attempt(MISMATCH, 403, headers={}),
    "header more": Attempt(MISMATCH, 403, headers={"Content-Type": "text/csv", "x-goog-acl": "public-read"}),
}


@pytest.mark.parametrize("what", V2_REFUSALS)
def test_a_v2_url_that_differs_from_what_was_signed_is_rejected(
    google: Emulator, blob: Blob, storage: Storage, what: str
) -> None:
    google.add_service_account(f"other@{PROJECT}.iam.gserviceaccount.com")
    url = blob.generate_signed_url(version="v2", expiration=timedelta(minutes=5), method="PUT", content_type="text/csv")
    code, status, change, method, headers, *_ = V2_REFUSALS[what]

    reply = sent(storage, method, change(url), headers, b"" if method == "DELETE" else b"evil")

    assert (reply.status, reply.error["Code"]) == (status, code)
    assert storage.principals == [None]
    assert open_client(storage).bucket(BUCKET).blob(NAME).download_as_bytes() == CONTENT


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_a_url_expires(blob: Blob, storage: Storage, clock: FakeClock, version: str) -> None:
    url = blob.generate_signed_url(version=version, expiration=timedelta(seconds=300))

    clock.advance(295)
    assert sent(storage, "GET", url).status == 200
    clock.advance(10)
    reply = sent(storage, "GET", url)

    assert (reply.status, reply.error["Code"]) == (400, "ExpiredToken")
    assert storage.downloads == [NAME]


def test_a_url_that_is_not_valid_yet_is_rejected(blob: Blob, storage: Storage, clock: FakeClock) -> None:
    url = blob.generate_signed_url(version="v4", expiration=300)

    clock.advance(-1000)
    reply = sent(storage, "GET", url)

    assert (reply.status, reply.error["Code"]) == (403, "RequestTimeTooSkewed")


def test_each_url_requires_one_signature_and_no_access_token(blob: Blob, google: Emulator) -> None:
    for version in ("v2", "v4") * 5:
        blob.generate_signed_url(version=version, expiration=timedelta(minutes=5))

    assert (google.count("/v1/token"), google.count(":signBlob"), google.count(":generate")) == (1, 10, 0)


MAKERS: Mapping[str, Callable[[Client], object]] = {
    "v2": lambda client: client.bucket(BUCKET).blob(NAME).generate_signed_url(version="v2", expiration=timedelta(1)),
    "v4": lambda client: client.bucket(BUCKET).blob(NAME).generate_signed_url(version="v4", expiration=300),
    "bucket": lambda client: client.bucket(BUCKET).generate_signed_url(version="v4", expiration=300),
    "form": lambda client: client.generate_signed_post_policy_v4(BUCKET, NAME, timedelta(hours=1)),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_without_a_service_account_the_error_says_what_to_set(make: Make, google: Emulator, maker: str) -> None:
    client = Client(project=PROJECT, credentials=make(service_account_email=None))

    with pytest.raises(AttributeError) as caught:
        MAKERS[maker](client)

    for words in ("cannot sign", "service_account_email", CREATOR):
        assert words in str(caught.value)
    assert google.calls == []


@pytest.mark.parametrize("maker", MAKERS)
def test_without_the_role_the_error_names_it(make: Make, workload: Workload, maker: str) -> None:
    """workloadIdentityUser allows tokens but no signatures. A grant to another member has no effect."""
    credentials = make()
    assert credentials.get_token().value
    client = Client(project=PROJECT, credentials=credentials)

    with pytest.raises(FederationError) as caught:
        MAKERS[maker](client)

    assert (caught.value.step, caught.value.status_code) == ("signing", 403)
    assert f"{workload.account.email} --role={CREATOR} --member=principalSet:" in str(caught.value)
    assert "workloadIdentityUser" not in str(caught.value)

    workload.google.grant(workload.account.email, CREATOR, workload.provider.principal_set("aws_role", ROLE_ARN))
    assert MAKERS[maker](client)
