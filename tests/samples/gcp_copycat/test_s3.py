"""copycat.s3, and the classification of errors of both clouds."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import urllib3
from botocore import exceptions, parsers
from copycat import aws_errors, google_errors
from copycat.errors import (
    ConditionError,
    CopyError,
    DeniedError,
    InvalidResponseError,
    MissingError,
    SetupError,
    chain,
    escaped,
    retry_after,
    sentence,
)
from copycat.s3 import S3
from copycat.settings import Settings

from google_auth_botocore import ConfigurationError, FederationError, TransientFederationError
from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.proxy import Act, answers, changes, hang_up

_SETTINGS = Settings(source="from", destination="to")


@pytest.fixture(name="bucket")
def _bucket(clouds: Clouds) -> S3:
    for key in ("a", "a/1", "a/ü", "a/😀", "b\x01c", "b c+&"):
        clouds.direct.put_object(Bucket=clouds.settings.destination, Key=key, Body=b"hello")
    return S3(clouds.settings, clouds.stop, 2, outage_limit=5)


def test_the_listing_starts_after_a_key(bucket: S3) -> None:
    """Keys are in byte order, including keys that XML cannot contain."""
    found, following = bucket.page("")

    assert [each.key for each in found] == ["a", "a/1", "a/ü", "a/😀", "b\x01c", "b c+&"]
    assert following is None
    assert {(each.size, each.etag, each.storage_class) for each in found} == {
        (5, "5d41402abc4b2a76b9719d911017c592", "STANDARD")
    }
    assert found[0].last_modified.tzinfo is not None
    assert [each.key for each in bucket.page("a/", "a/1")[0]] == ["a/ü", "a/😀"]


@pytest.mark.parametrize(
    "act",
    [
        answers(503),
        hang_up,
        answers(200, b"<html>"),
        answers(200, b""),
        changes(lambda reply: setattr(reply, "cut", 40)),
        changes(lambda reply: setattr(reply, "body", reply.body.replace(b"IsTruncated", b"Nothing"))),
        changes(lambda reply: setattr(reply, "body", reply.body.replace(b"Size>", b"Nothing>"))),
        changes(lambda reply: setattr(reply, "body", reply.body.replace(b"<Size>", b"<Size>x"))),
        changes(lambda reply: setattr(reply, "body", reply.body.replace(b"<LastModified>", b"<LastModified>x"))),
        answers(200, b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"),
    ],
    ids=[
        "503",
        "hang up",
        "no XML",
        "empty",
        "cut",
        "no end",
        "no size",
        "wrong size",
        "wrong time",
        "200 with an error",
    ],
)
def test_an_invalid_listing_is_requested_again(clouds: Clouds, bucket: S3, act: Act) -> None:
    clouds.aws.on("GET", "list-type=2", act, times=2)

    assert len(bucket.page("")[0]) == 6


@pytest.mark.parametrize("space", [b"", b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
@pytest.mark.parametrize("number", [b"&#x1;", b"\x01", b"&#xFFFE;", b"\xed\xa0\x80"])
def test_a_listing_is_parsed_with_any_namespace_and_characters(
    clouds: Clouds, bucket: S3, space: bytes, number: bytes
) -> None:
    """Some S3-compatible servers do not percent-encode keys."""
    entry = b"<Key>%s</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>&quot;e-2&quot;</ETag><Size>5</Size>"
    keys = (b"a+b%20&amp;&lt;", number)
    body = b"".join(b"<Contents>%s</Contents>" % (entry % key) for key in keys)
    listing = b"<ListBucketResult%s><IsTruncated>false</IsTruncated>%s</ListBucketResult>" % (space, body)
    clouds.aws.on("GET", "list-type=2", answers(200, listing))

    found, following = bucket.page("")

    assert (found[0].key, found[1].key[:1], following) == ("a+b%20&<", "?", None)
    assert {(each.size, each.etag, each.storage_class) for each in found} == {(5, "e-2", "STANDARD")}


def test_a_denied_request_names_permission_and_bucket(clouds: Clouds, bucket: S3) -> None:
    clouds.aws.on("GET", "list-type=2", answers(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))

    with pytest.raises(SetupError, match=r"^S3 denied s3:ListBucket on bucket 'to-\d+' \(.*AccessDenied: no\)$"):
        bucket.page("")


def test_head_returns_none_for_a_missing_object(bucket: S3) -> None:
    assert bucket.head("nothing") is None
    head = bucket.head("a")
    assert head is not None
    assert (head.size, head.origin) == (5, None)


@pytest.mark.parametrize("status", [400, 403])
def test_after_a_rejected_head_a_listing_checks_the_credentials(clouds: Clouds, bucket: S3, status: int) -> None:
    """The response to HEAD has no body. Invalid credentials fail all objects; a missing permission may fail only this one."""
    clouds.aws.on("HEAD", "/a", answers(status))
    with pytest.raises(CopyError, match=f"HeadObject, HTTP {status}, "):
        bucket.head("a")

    expired = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    clouds.aws.on("GET", "list-type=2", answers(400, expired))
    with pytest.raises(SetupError, match=r"AWS rejected the credentials .*The provided token has expired"):
        bucket.head("a")


def _error(code: str, status: int, operation: str = "PutObject") -> exceptions.ClientError:
    response: Any = {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, operation)


@pytest.mark.parametrize(
    ("error", "kind", "transient", "throttled"),
    [
        (_error("SlowDown", 503), CopyError, True, True),
        (_error("ThrottlingException", 400), CopyError, True, True),
        (_error("InternalError", 500), CopyError, True, False),
        (_error("RequestTimeout", 400), CopyError, True, False),
        (_error("OperationAborted", 409), CopyError, True, False),
        (_error("BadDigest", 400), InvalidResponseError, True, False),
        (_error("PermanentRedirect", 301), InvalidResponseError, True, False),
        (_error("PreconditionFailed", 412), ConditionError, False, False),
        (_error("ConditionalRequestConflict", 409), ConditionError, False, False),
        (_error("NoSuchKey", 404), MissingError, False, False),
        (_error("NoSuchUpload", 404, "UploadPart"), MissingError, False, False),
        (_error("AccessDenied", 403), DeniedError, False, False),
        (_error("AccessDenied", 403, "ListObjectsV2"), SetupError, False, False),
        (_error("KMS.DisabledException", 400), DeniedError, False, False),
        (_error("NoSuchBucket", 404), SetupError, False, False),
        (_error("ExpiredToken", 400), SetupError, False, False),
        (_error("RequestTimeTooSkewed", 403), SetupError, False, False),
        (_error("AccessDenied", 403, "AssumeRole"), SetupError, False, False),
        (_error("EntityTooLarge", 400), CopyError, False, False),
        (_error("NotImplemented", 501), CopyError, False, False),
        (exceptions.NoCredentialsError(), SetupError, False, False),
        (exceptions.CredentialRetrievalError(provider="x", error_msg="y"), CopyError, True, False),
        (exceptions.EndpointConnectionError(endpoint_url="x"), CopyError, True, False),
        (exceptions.ReadTimeoutError(endpoint_url="x"), CopyError, True, False),
        (exceptions.SSLError(endpoint_url="x", error=ssl.SSLCertVerificationError("no")), SetupError, False, False),
        (parsers.ResponseParserError("x"), InvalidResponseError, True, False),
        (exceptions.ParamValidationError(report="x"), CopyError, False, False),
    ],
    ids=lambda value: f"{value}"[:80] if isinstance(value, Exception) else "",
)
def test_the_errors_of_aws_are_classified(
    error: Exception, kind: type[Exception], transient: bool, throttled: bool
) -> None:
    failure = aws_errors.classify(_SETTINGS, error)

    assert failure is not None
    assert isinstance(failure.error, kind)
    assert (failure.transient, failure.throttled) == (transient, throttled)


def _google(
    status: int, message: str, reason: str = "", permission: str = "storage.objects.get"
) -> google_errors.GoogleResponseError:
    body = f'{{"error": {{"message": "{message}", "errors": [{{"reason": "{reason}"}}]}}}}'.encode()
    return google_errors.GoogleResponseError(status, {}, body, permission)


@pytest.mark.parametrize(
    ("error", "kind", "transient", "throttled"),
    [
        (_google(503, "busy"), CopyError, True, True),
        (_google(403, "slow", "rateLimitExceeded"), CopyError, True, True),
        (_google(502, "bad gateway"), CopyError, True, False),
        (_google(416, "no such range"), InvalidResponseError, True, False),
        (_google(404, "No such object"), MissingError, False, False),
        (_google(404, "The specified bucket does not exist."), SetupError, False, False),
        (_google(400, "x", "resourceIsEncryptedWithCustomerEncryptionKey"), CopyError, False, False),
        (_google(400, "odd"), CopyError, False, False),
        (_google(403, "no"), DeniedError, False, False),
        (_google(403, "no list", permission="storage.objects.list"), SetupError, False, False),
        (FederationError("no"), SetupError, False, False),
        (ConfigurationError("no"), SetupError, False, False),
        (TransientFederationError("away"), CopyError, True, False),
        (urllib3.exceptions.ProtocolError("x"), CopyError, True, False),
        (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("x")), SetupError, False, False),
    ],
    ids=lambda value: f"{type(value).__name__} {value}"[:80] if isinstance(value, Exception) else "",
)
def test_the_errors_of_google_are_classified(
    error: Exception, kind: type[Exception], transient: bool, throttled: bool
) -> None:
    failure = google_errors.classify(_SETTINGS, error)

    assert failure is not None
    assert isinstance(failure.error, kind)
    assert (failure.transient, failure.throttled) == (transient, throttled)


@pytest.mark.parametrize("kind", [FederationError, TransientFederationError])
def test_a_hint_is_never_truncated(kind: type[FederationError]) -> None:
    """The command at its end must be complete."""
    hint = "Check the condition.\nRun: gcloud iam workload-identity-pools providers describe provider"
    failure = google_errors.classify(_SETTINGS, kind("said " * 200, hint=hint))

    assert failure is not None
    assert str(failure.error) == " ".join(["said"] * 200 + hint.split())


@pytest.mark.parametrize("classify", [aws_errors.classify, google_errors.classify], ids=["aws", "google"])
def test_an_error_of_neither_cloud_is_not_classified(classify: Any) -> None:
    assert classify(_SETTINGS, TypeError("bug")) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "a b"),
        ("ü日😀", "ü日😀"),
        ("\x1b[31mred\n", "\\x1b[31mred\\n"),
        ("\u202egpj", "\\u202egpj"),
        ("\ud800", "\\ud800"),
    ],
    ids=ascii,
)
def test_characters_that_are_not_printable_are_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_message_of_a_server_is_one_line_of_limited_length() -> None:
    assert sentence("a\n  b\x00") == "a b\\x00"
    assert len(sentence("x" * 10_000)) == 501


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", 0), ("30", 30), ("-1", 0), ("nan", 0), ("soon", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_retry_after_is_parsed_in_both_formats(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_exceptions_that_refer_to_each_other_are_listed_once() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__context__ = second, first

    assert chain(first) == [first, second]
