"""copycat.direct_put: requests equal those of botocore, and unusual ones go through its client."""

from __future__ import annotations

import datetime as dt
import io
import ipaddress
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from copycat import checksums, metadata, retrying
from copycat.compare import Head
from copycat.direct_put import DirectPut
from copycat.direct_template import ArgumentLocations, learn_template
from copycat.errors import ConditionError, CopyError, DeniedError, MissingError, SetupError
from copycat.objects import SourceObject
from copycat.s3 import S3
from copycat.s3_client import s3_client
from copycat.settings import Settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google_crc32c import value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3 import HTTPResponse
from variations import few

from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.proxy import Proxy, answers
from samples.gcp_copycat.s3_standin import REGION, S3Call, S3Fault, S3Standin

_SETTINGS = Settings(source="from", destination="bucket")
_KEYS = [
    "a b+c%41&=?#ü😀",
    "~!*'()[]{}|\\^`\"<>@:;,$",
    "/lead//double/",
    "./../dots/.",
    "a\x01\x7fb",
    "é\u0301",
    "-_.~",
]


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(retrying, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(retrying, "_MAX_DELAY", 0.05)


@pytest.fixture(name="s3")
def _s3(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Standin]:
    with S3Standin() as s3:
        s3.create_bucket("bucket")
        for name, text in {**s3.keys, "aws_endpoint_url_s3": s3.url}.items():
            monkeypatch.setenv(name.upper(), text)
        yield s3


@pytest.fixture(name="bucket")
def _bucket(s3: S3Standin) -> Iterator[S3]:
    bucket = S3(_SETTINGS, threading.Event(), 2, outage_limit=5)
    yield bucket
    bucket.close()


def _put(bucket: S3, key: str, content: bytes = b"hello", etag: str | None = None, **properties: Any) -> Any:
    source = SourceObject(key, 1, 1, len(content), dt.datetime.now(dt.timezone.utc), "AAAAAA==", **properties)
    return bucket.put(key, bytearray(content), value(content), metadata.describe(source), etag)


def _is_direct(call: S3Call) -> bool:
    return "amz-sdk-invocation-id" not in call.headers


_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(
    key=_text,
    fields=st.fixed_dictionaries(
        {}, optional={"content_type": _text, "cache_control": _text, "content_encoding": _text}
    ),
    entries=st.dictionaries(_text, _text, max_size=4),
    size=st.integers(0, 300),
    etag=st.sampled_from([None, "5d41402abc4b2a76b9719d911017c592", "5d41-2"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("endpoint", few([None, "http://127.0.0.1:9/", "https://s3.example:8443/below"]))
@pytest.mark.parametrize("token", ["", "t/oken+="], ids=["lasting keys", "temporary keys"])
def test_a_request_equals_botocores_including_its_signature(
    environment: None, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, token: str,
    key: str, fields: dict[str, str], entries: dict[str, str], size: int, etag: str | None,
) -> None:  # fmt: skip
    for name, text in {"ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": "s/+", "SESSION_TOKEN": token}.items():
        monkeypatch.setenv(f"AWS_{name}", text)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    template, send = _template_for(endpoint or "", token)
    source = SourceObject(
        key, 7, 3, size, dt.datetime.now(dt.timezone.utc), "AAAAAA==", metadata=tuple(entries.items()), **fields
    )
    arguments = {
        **metadata.describe(source),
        **({"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}),
        "ChecksumCRC32C": checksums.encode(size),
    }

    request, keys = send(key, arguments, bytearray(size))

    theirs = {name.lower(): text.decode() for name, text in _encoded(request.headers)}
    ours = template.prepare(keys, key, arguments, size, theirs["x-amz-date"])
    parts = urlsplit(request.url)
    assert ours.path == parts.path
    assert {**ours.headers, "host": ""} == {
        **{name: text.strip() for name, text in theirs.items() if not name.startswith("amz-sdk-")}, "host": "",
    }  # fmt: skip
    assert ours.headers["host"] == parts.netloc


_known: dict[tuple[str, str], Any] = {}


def _encoded(headers: Any) -> list[tuple[str, bytes]]:
    return [(name, text if isinstance(text, bytes) else text.encode()) for name, text in headers.items()]


def _template_for(endpoint: str, token: str) -> Any:
    """Return a template, and a function that builds another request with botocore's client. Nothing is sent."""
    if (endpoint, token) in _known:
        return _known[endpoint, token]
    client, session = s3_client(1)
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(), preload_content=False))

    client.meta.events.register("before-send.s3.PutObject", answer)

    def send(key: str, arguments: Any, body: bytearray) -> tuple[Any, Any]:
        client.put_object(
            Bucket="bucket", StorageClass="STANDARD_IA", ExpectedBucketOwner="123456789012",
            ChecksumAlgorithm="CRC32C", Key=key, Body=body, **arguments,
        )  # fmt: skip
        return sent.pop(), session.get_credentials().get_frozen_credentials()

    first = {"Metadata": {"a": "b"}, "IfNoneMatch": "*", "ChecksumCRC32C": "AAAAAA=="}
    request, keys = send("first", first, bytearray(b"x"))
    locations = ArgumentLocations(client.meta.service_model.operation_model("PutObject").input_shape.members)
    template = learn_template(request, keys, "first", first, locations)
    assert template is not None
    _known[endpoint, token] = template, send
    return template, send


def test_requests_after_the_first_one_are_sent_without_the_client(s3: S3Standin, bucket: S3) -> None:
    """The stand-in verifies signatures and checksums, as S3 does."""
    for key in ["first", *_KEYS]:
        confirmed = _put(bucket, key, key.encode(), content_type="text/plain; charset=x", metadata=(("A b", " ü "),))
        assert confirmed.crc32c == checksums.encode(value(key.encode()))

    assert [_is_direct(call) for call in s3.calls] == [False] + [True] * len(_KEYS)
    assert s3.contents("bucket") == {key: key.encode() for key in ["first", *_KEYS]}
    [first, *others] = [call.headers for call in s3.calls]
    varying = {"x-amz-date", "authorization", "content-length", "x-amz-checksum-crc32c", "x-amz-meta-gcs-size"}
    varying |= {"amz-sdk-invocation-id", "amz-sdk-request", "accept-encoding"}
    for headers in others:
        assert {n: v for n, v in headers.items() if n not in varying} == {
            n: v for n, v in first.items() if n not in varying
        }


def test_a_large_body_is_sent(s3: S3Standin, bucket: S3) -> None:
    sizes = (1, 1 << 16, 1 << 18, (1 << 18) + 1, 1 << 23)
    for size in sizes:
        _put(bucket, str(size), bytes(size))

    assert [_is_direct(call) for call in s3.calls] == [False] + [True] * 4
    assert {key: len(content) for key, content in s3.contents("bucket").items()} == {str(size): size for size in sizes}


def _upload(bucket: S3, key: str, parts: list[bytes]) -> Head:
    described = metadata.describe(SourceObject(key, 1, 1, 1, dt.datetime.now(dt.timezone.utc), "AAAAAA=="))
    name = bucket.create(key, described)
    done = {n: bucket.upload_part(key, name, n, bytearray(part), value(part)) for n, part in enumerate(parts, 1)}
    return bucket.complete(key, name, done, value(b"".join(parts)), None)


def test_parts_after_the_first_one_are_sent_without_the_client(s3: S3Standin, bucket: S3) -> None:
    """The stand-in verifies signatures and checksums, as S3 does."""
    parts = [bytes([number]) * (5 << 20) for number in range(3)] + [b"the last one"]
    for key in _KEYS[:3]:
        assert _upload(bucket, key, parts).crc32c == checksums.encode(value(b"".join(parts)))

    sent = [call for call in s3.calls if call.operation == "UploadPart"]
    assert [_is_direct(call) for call in sent] == [False] + [True] * 11
    assert s3.contents("bucket") == {key: b"".join(parts) for key in _KEYS[:3]}


def test_an_error_of_a_part_is_raised_as_by_botocore(s3: S3Standin, bucket: S3) -> None:
    _upload(bucket, "first", [b"x"])
    s3.calls.clear()
    s3.fail("UploadPart*", S3Fault(503, times=2))
    s3.fail("UploadPart*", S3Fault(drop=True))
    _upload(bucket, "second", [b"x" * (1 << 20)])
    sent = [call for call in s3.calls if call.operation == "UploadPart"]
    assert [(call.status, _is_direct(call)) for call in sent if call.status] == [(503, True), (503, True), (200, False)]

    with pytest.raises(MissingError, match="UploadPart, HTTP 404, NoSuchUpload"):
        bucket.upload_part("third", "nothing", 1, bytearray(b"x"), value(b"x"))
    s3.denied.add("s3:PutObject")
    with pytest.raises(DeniedError, match="S3 denied s3:PutObject on bucket 'bucket'"):
        bucket.upload_part("third", "nothing", 1, bytearray(1 << 20), value(bytes(1 << 20)))


@pytest.mark.parametrize("upload_id", ["name", "a+b/c=", "ü&partNumber=2", "~_.-"])
def test_a_part_is_signed_as_by_botocore(
    environment: None, s3: S3Standin, monkeypatch: pytest.MonkeyPatch, upload_id: str
) -> None:
    client, session = s3_client(1)
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(), preload_content=False))

    client.meta.events.register("before-send.s3.UploadPart", answer)
    locations = ArgumentLocations(client.meta.service_model.operation_model("UploadPart").input_shape.members)
    keys = session.get_credentials().get_frozen_credentials()

    def send(number: int, body: bytearray) -> dict[str, Any]:
        arguments = {"UploadId": upload_id, "PartNumber": number, "ChecksumCRC32C": checksums.encode(number)}
        client.upload_part(Bucket="bucket", Key="a b", ChecksumAlgorithm="CRC32C", Body=body, **arguments)
        return arguments

    first = send(1, bytearray(1))
    template = learn_template(sent[-1], keys, "a b", first, locations)
    assert template is not None
    arguments = send(10_000, bytearray(1 << 17))

    theirs = {name.lower(): text.decode() for name, text in _encoded(sent[-1].headers)}
    ours = template.prepare(keys, "a b", arguments, 1 << 17, theirs["x-amz-date"])
    assert ours.headers == {n: v for n, v in theirs.items() if not n.startswith("amz-sdk-")}
    assert sorted(ours.query.split("&")) == sorted(urlsplit(sent[-1].url).query.split("&"))


def test_an_error_requires_one_request_and_is_raised_as_by_botocore(s3: S3Standin, bucket: S3) -> None:
    _put(bucket, "first")
    s3.fail("PutObject*", S3Fault(503, times=2))
    _put(bucket, "second")
    assert [(call.status, _is_direct(call)) for call in s3.calls[1:]] == [(503, True), (503, True), (200, True)]

    with pytest.raises(ConditionError, match="PutObject, HTTP 412, PreconditionFailed"):
        _put(bucket, "second")
    s3.denied.add("s3:PutObject")
    with pytest.raises(DeniedError, match="S3 denied s3:PutObject on bucket 'bucket'"):
        _put(bucket, "third")
    assert [(call.status, _is_direct(call)) for call in s3.calls[4:]] == [(412, True), (403, True)]


@pytest.mark.parametrize("status", [204, 301, 307, 400, 404, 500])
def test_a_response_other_than_200_is_handled_by_botocore(s3: S3Standin, bucket: S3, status: int) -> None:
    _put(bucket, "first")
    s3.fail("PutObject*", S3Fault(status))
    try:
        confirmed = _put(bucket, "second")
    except CopyError:
        confirmed = None

    assert "second" in s3.contents("bucket") or confirmed is None or confirmed.crc32c is None
    assert _put(bucket, "third").crc32c == checksums.encode(value(b"hello"))


@pytest.mark.parametrize(
    "fault",
    [S3Fault(drop=True), S3Fault(drop=True, takes_effect=True), S3Fault(reset=True, takes_effect=True)],
    ids=["request lost", "reply lost", "reset"],
)
def test_a_request_without_a_response_is_repeated_with_its_condition(s3: S3Standin, bucket: S3, fault: S3Fault) -> None:
    _put(bucket, "first")
    s3.fail("PutObject*", fault)

    if fault.takes_effect:
        with pytest.raises(ConditionError):
            _put(bucket, "second")
    else:
        _put(bucket, "second")

    assert s3.contents("bucket")["second"] == b"hello"


def test_another_region_is_learned_from_the_redirect(s3: S3Standin, bucket: S3) -> None:
    _put(bucket, "first")
    s3.fail("PutObject*", S3Fault(301, headers={"x-amz-bucket-region": "eu-west-3"}))

    _put(bucket, "second")
    _put(bucket, "third")

    regions = [call.headers["authorization"].split("/")[2] for call in s3.calls if call.operation == "PutObject"]
    assert regions == [REGION, REGION, "eu-west-3", "eu-west-3"]
    assert [_is_direct(call) for call in s3.calls if call.operation == "PutObject"] == [False, True, False, True]


def test_refreshed_credentials_sign_the_next_request(
    s3: S3Standin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, count = tmp_path / "keys.py", tmp_path / "count"
    end = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)).isoformat()
    count.write_text("0")
    program.write_text(
        f"import json, pathlib\ncount = pathlib.Path({str(count)!r})\nnumber = int(count.read_text()) + 1\n"
        f"count.write_text(str(number))\n"
        f"print(json.dumps(dict(Version=1, AccessKeyId=f'ASIA{{number}}', SecretAccessKey=f'secret{{number}}',"
        f" SessionToken=f'token{{number}}', Expiration={end!r})))\n"
    )
    (tmp_path / "config").write_text(f'[default]\ncredential_process = "{sys.executable}" "{program}"\n')
    for name in s3.keys:
        monkeypatch.delenv(name.upper())
    s3.secret = lambda access_key: access_key.replace("ASIA", "secret")
    bucket = S3(_SETTINGS, threading.Event(), 2, outage_limit=5)

    _put(bucket, "0")
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=55)
    bucket._put._session.get_credentials()._time_fetcher = lambda: later
    for number in range(1, 4):
        _put(bucket, str(number))
    bucket.close()

    used = [call.headers["x-amz-security-token"] for call in s3.calls if _is_direct(call)]
    assert used == ["token2", "token3", "token4"]
    assert [call.status for call in s3.calls] == [200] * 4


@pytest.mark.parametrize("kind", ["anonymous", "other keys"])
def test_requests_with_an_unusual_signature_go_through_the_client(
    s3: S3Standin, bucket: S3, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "anonymous":
        s3.checks_signatures = False
        bucket._client.meta.events.register("choose-signer.s3.PutObject", lambda **_: UNSIGNED)
    else:
        other = DirectPut("PutObject", bucket._client, _OtherKeys(bucket._put._session), threading.Event())
        monkeypatch.setattr(bucket, "_put", other)

    for number in range(3):
        _put(bucket, str(number))

    assert [_is_direct(call) for call in s3.calls] == [False] * 3


def test_with_a_proxy_every_request_goes_through_it(s3: S3Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Proxy(s3.url) as proxy:
        proxy.on("PUT", "http://", answers(200, ETag='"e"', x_amz_checksum_crc32c="mnG7TA=="))
        monkeypatch.setenv("http_proxy", proxy.url)
        bucket = S3(_SETTINGS, threading.Event(), 2, outage_limit=5)
        for number in range(3):
            _put(bucket, str(number))
        bucket.close()

        assert [request.path for request in proxy.requests] == [f"{s3.url}/bucket/{number}" for number in range(3)]
    assert s3.calls == []


class _OtherKeys:
    """A session with other credentials than those that signed, so the signature differs."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def get_credentials(self) -> Any:
        from botocore.credentials import Credentials

        return Credentials("AKIASTANDINSTANDIN00", "another")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.fixture(name="authority", scope="module")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a private certificate authority, and of a key and a certificate for 127.0.0.1."""
    place = tmp_path_factory.mktemp("tls")
    now = dt.datetime.now(dt.timezone.utc)

    def certificate(name: str, key: Any, issuer: str, signer: Any, *more: Any) -> x509.Certificate:
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
        builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
        for each in more:
            builder = builder.add_extension(each, critical=isinstance(each, (x509.BasicConstraints, x509.KeyUsage)))
        return builder.sign(signer, hashes.SHA256())

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    of_root = certificate("root", root, "root", root, x509.BasicConstraints(ca=True, path_length=None), usage)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    of_leaf = certificate("leaf", leaf, "root", root, address)
    (place / "root.pem").write_bytes(of_root.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "leaf.pem").write_bytes(leaf.private_bytes(*plain) + of_leaf.public_bytes(serialization.Encoding.PEM))
    return place / "root.pem", place / "leaf.pem"


def _behind_tls(url: str, leaf: Path) -> Proxy:
    proxy = Proxy(url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf)
    proxy._server.socket = context.wrap_socket(proxy._server.socket, server_side=True)
    return proxy


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", None])
def test_a_private_certificate_authority_is_trusted_as_by_botocore(
    s3: S3Standin, monkeypatch: pytest.MonkeyPatch, authority: tuple[Path, Path], variable: str | None
) -> None:
    with _behind_tls(s3.url, authority[1]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url.replace("http:", "https:"))
        if variable:
            monkeypatch.setenv(variable, str(authority[0]))
        bucket = S3(_SETTINGS, threading.Event(), 2, outage_limit=5)
        if variable is None:
            with pytest.raises(SetupError, match="certificate is not trusted"):
                _put(bucket, "first")
            return
        for key in ("first", "second", "third"):
            _put(bucket, key)
        bucket.close()

    assert [_is_direct(call) for call in s3.calls] == [False, True, True]


def test_a_private_certificate_authority_of_cloud_storage_is_trusted_as_by_requests(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, authority: tuple[Path, Path]
) -> None:
    source = clouds.put("object", b"hello")
    with _behind_tls(clouds.sandbox.storage.url, authority[1]) as proxy:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority[0]))
        clouds.set(storage_endpoint=proxy.url.replace("http:", "https:"))

        result = clouds.copy(source)

        assert (result.reason, clouds.content("object")) == (None, b"hello")
        [read] = proxy.requests
        assert (read.headers["Host"], read.headers["Accept-Encoding"]) == (proxy.url.removeprefix("http://"), "gzip")
