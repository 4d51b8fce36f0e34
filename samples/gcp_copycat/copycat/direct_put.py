"""PutObject and UploadPart, prepared and sent without botocore's client, in the form that the client has shown.

For all that is special (a proxy, S3 Express, another kind of signature, anonymous access), every request goes through the
client; and it judges each reply that is no success.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3 import HTTPResponse

from copycat.direct import Direct
from copycat.direct_form import Arguments, Form, learn
from copycat.direct_reply import DirectReply


class DirectPut:
    """Sends the requests of one operation for the threads of a process.

    Args:
        operation: PutObject or UploadPart.
        client: botocore's.
        session: the one that has made *client*.
        stop: when it is set, `send` raises `StoppedError`.
    """

    def __init__(self, operation: str, client: Any, session: Any, stop: threading.Event) -> None:
        self._client_sends = getattr(client, xform_name(operation))
        self._session = session
        self._stop = stop
        self._places = Arguments(client.meta.service_model.operation_model(operation).input_shape.members)
        self._route: tuple[Form, Direct] | None = None
        # What this thread's call of botocore's client is to get, and what it has sent.
        self._call = threading.local()
        client.meta.events.register(f"before-send.s3.{operation}", self._before_send)

    def send(
        self, common: Mapping[str, Any], key: str, content: bytearray, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Write an object or a part; return botocore's reply, or what counts of it. The exceptions are botocore's.

        Args:
            common: arguments that are the same for each object.
            key: the object's.
            content: all that is written.
            arguments: other arguments.
        """
        route = self._route
        reply = None
        if route is not None and key:
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
        return direct.exchange("PUT", head, content)

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
        answered: Mapping[str, Any] = self._client_sends(**common, **arguments, Key=key, Body=content)
        sent = self._call.sent
        if self._route is None and sent is not None:
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
        form = learn(sent, keys, key, arguments, self._places)
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
