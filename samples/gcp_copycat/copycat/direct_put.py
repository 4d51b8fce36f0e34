"""PutObject for small objects: prepared and sent without botocore's client, in the form that the client has shown.

Where S3 is and how a request looks there is botocore's to know. So a first request goes through its client, and its form is
taken from what the client sends: endpoint, path, region, all headers. The form is used only if the same request, prepared
here, equals botocore's to the last byte of its signature. Otherwise, and for all that is special (a proxy, S3 Express,
another kind of signature, anonymous access), every request goes through botocore's client.
"""

from __future__ import annotations

import io
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies, percent_encode
from urllib3 import HTTPResponse

from copycat.direct import LARGEST, Direct, DirectReply
from copycat.signature import Signer

_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/,]+/\d{8}/([^/,]+)/([^/,]+)/aws4_request, .*")
# Of each request anew. The last two number botocore's own retries, of which there are none.
_OF_A_REQUEST = {
    "authorization", "content-length", "x-amz-date", "x-amz-security-token",
    "amz-sdk-invocation-id", "amz-sdk-request",
}  # fmt: skip
_UNSIGNED = "UNSIGNED-PAYLOAD"
_LINE_BREAK = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be sent.

    Attributes:
        path: of the URL.
        headers: by lower-case name, with `host`.
        written: names as they are sent, where that is not in lower case.
    """

    path: str
    headers: Mapping[str, str]
    written: Mapping[str, str]

    def head(self) -> bytes:
        """Return what is sent before the body."""
        written = self.written.get
        lines = "".join([f"{written(name, name)}: {value}\r\n" for name, value in self.headers.items()])
        return f"PUT {self.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class Form:
    """What all PutObject requests of a client have in common.

    Args:
        url: of the server.
        path: that of an object, without its key.
        headers: of every request, by lower-case name.
        written: names as they are sent, by lower-case name.
        signer: signs.
        names: header of each argument.
    """

    def __init__(
        self,
        url: str,
        path: str,
        headers: Mapping[str, str],
        written: Mapping[str, str],
        signer: Signer,
        names: Mapping[str, str],
    ) -> None:
        self.url = url
        self._path = path
        self._headers = headers
        self._written = {**{name.lower(): name for name in names.values()}, **written}
        self._signer = signer
        self._names = names

    def prepare(self, keys: Any, key: str, arguments: Mapping[str, Any], length: int, now: str) -> Prepared:
        """Return the request for an object.

        Args:
            keys: of AWS, frozen.
            key: the object's.
            arguments: of PutObject, of those that differ from object to object.
            length: of the body.
            now: time as in `x-amz-date`.
        """
        headers = {**self._headers, **headers_of(arguments, self._names), "x-amz-date": now}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        path = self._path + percent_encode(key, "/~")
        headers["authorization"] = self._signer.authorization(keys.access_key, keys.secret_key, "PUT", path, headers)
        headers["content-length"] = str(length)
        return Prepared(path, headers, self._written)


def headers_of(arguments: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Return the headers for arguments of PutObject, their names in lower case."""
    headers: dict[str, str] = {}
    for argument, value in arguments.items():
        if isinstance(value, Mapping):
            headers |= {(names[argument] + name).lower(): text for name, text in value.items()}
        else:
            headers[names[argument].lower()] = value.strip()
    if any(_LINE_BREAK.search(value) for value in headers.values()):
        raise ValueError("a header has no line breaks")
    return headers


def learn(request: Any, keys: Any, key: str, arguments: Mapping[str, Any], names: Mapping[str, str]) -> Form | None:
    """Return the form of a request that botocore has prepared; None if it has another form than those known here.

    Args:
        request: botocore's, as its event `before-send` has it.
        keys: of AWS, frozen, with which it was signed.
        key: the object's.
        arguments: of PutObject, of those that differ from object to object.
        names: header of each argument.
    """
    theirs = {name.lower(): _text(value).strip() for name, value in request.headers.items()}
    parts, encoded = urlsplit(request.url), percent_encode(key, "/~")
    scope = _AUTHORIZATION.fullmatch(theirs.get("authorization", ""))
    if keys is None or scope is None or not parts.path.endswith("/" + encoded) or parts.query or parts.username:
        return None
    if theirs.get("x-amz-content-sha256") != _UNSIGNED:
        return None
    different = _OF_A_REQUEST | headers_of(arguments, names).keys()
    common = {name: value for name, value in theirs.items() if name not in different}
    # Not all of botocore's signers name it; http.client adds it without the port that goes with the scheme.
    common.setdefault("host", re.sub(r":443$" if parts.scheme == "https" else r":80$", "", parts.netloc))
    form = Form(
        f"{parts.scheme}://{parts.netloc}",
        parts.path.removesuffix(encoded),
        common,
        {name.lower(): name for name in request.headers},
        Signer(scope[1], scope[2]),
        names,
    )
    ours = form.prepare(keys, key, arguments, int(theirs.get("content-length", "-1")), theirs["x-amz-date"])
    known = {name: value for name, value in theirs.items() if not name.startswith("amz-sdk-")}
    same = ours.path == parts.path and ours.headers == {"host": common["host"], **known}
    return form if same else None


class DirectPut:
    """Sends PutObject for the threads of a process.

    Args:
        client: botocore's.
        session: the one that has made *client*.
        stop: when it is set, `put` raises `StoppedError`.
    """

    def __init__(self, client: Any, session: Any, stop: threading.Event) -> None:
        self._client = client
        self._session = session
        self._stop = stop
        members = client.meta.service_model.operation_model("PutObject").input_shape.members
        self._names = {
            argument: shape.serialization["name"]
            for argument, shape in members.items()
            if shape.serialization.get("location") in {"header", "headers"}
        }
        self._route: tuple[Form, Direct] | None = None
        # What this thread's call of botocore's client is to get, and what it has sent.
        self._call = threading.local()
        client.meta.events.register("before-send.s3.PutObject", self._before_send)

    def put(
        self, common: Mapping[str, Any], key: str, content: bytearray, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Write an object; return botocore's reply, or what counts of it. Its exceptions are botocore's.

        Args:
            common: arguments that are the same for each object.
            key: the object's.
            content: all of it.
            arguments: other arguments.
        """
        route = self._route
        reply = None
        if route is not None and key and len(content) <= LARGEST:
            reply = self._exchange(route, key, content, arguments)
            if reply is not None and reply.status == 200:
                return _answer(reply)
        return self._through_client(common, key, content, arguments, reply)

    def close(self) -> None:
        """Close the connections."""
        if self._route is not None:
            self._route[1].close()

    def _exchange(
        self, route: tuple[Form, Direct], key: str, content: bytearray, arguments: Mapping[str, Any]
    ) -> DirectReply | None:
        form, direct = route
        keys = self._session.get_credentials().get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        try:
            head = form.prepare(keys, key, arguments, len(content), now).head()
        except ValueError:  # botocore's client says what is wrong with it
            return None
        return direct.exchange("PUT", head + content)

    def _through_client(
        self,
        common: Mapping[str, Any],
        key: str,
        content: bytearray,
        arguments: Mapping[str, Any],
        reply: DirectReply | None,
    ) -> Mapping[str, Any]:
        """Have botocore's client send the request, or have it judge the reply to it, which is not success."""
        self._call.reply, self._call.sent = reply, None
        answered: Mapping[str, Any] = self._client.put_object(**common, **arguments, Key=key, Body=content)
        sent = self._call.sent
        if self._route is None and sent is not None and len(content) <= LARGEST:
            self._route = self._learned(sent, key, arguments)
        return answered

    def _before_send(self, request: Any, **_: Any) -> AWSResponse | None:
        """Give botocore a reply that has come already. After a redirect it sends the request elsewhere."""
        reply, self._call.reply = getattr(self._call, "reply", None), None
        if reply is None:
            self._call.sent = request
            return None
        if 300 <= reply.status < 400 or reply.status == 400:  # perhaps the bucket's region is another one
            self._route = None
        raw = HTTPResponse(io.BytesIO(reply.body), reply.headers, reply.status, preload_content=False)
        return AWSResponse(request.url, reply.status, reply.headers, raw)

    def _learned(self, sent: Any, key: str, arguments: Mapping[str, Any]) -> tuple[Form, Direct] | None:
        if urlsplit(sent.url).scheme in get_environ_proxies(sent.url):
            return None
        credentials = self._session.get_credentials()
        keys = credentials and credentials.get_frozen_credentials()
        form = learn(sent, keys, key, arguments, self._names)
        if form is None:
            return None
        chosen = self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return form, Direct(form.url, chosen or get_cert_path(verify=True) or "", self._stop)


def _answer(reply: DirectReply) -> dict[str, str]:
    """Return what a copy needs of a reply, as botocore names it."""
    headers = {
        "ETag": "etag",
        "ChecksumCRC32C": "x-amz-checksum-crc32c",
        "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    }
    return {name: reply.headers[header] for name, header in headers.items() if header in reply.headers}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
