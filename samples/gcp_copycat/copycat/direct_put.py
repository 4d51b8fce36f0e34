"""Sends PutObject and UploadPart with `direct.py`, which is faster than botocore's client.

The first request goes through the client. The others are built from its template (`direct_template.py`), unless something
unusual is configured: a proxy, S3 Express, another signature version or anonymous access. Then the client sends all of them.
An error response is passed to the client, so callers only see botocore's exceptions.
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

from copycat.direct import DirectClient
from copycat.direct_reply import DirectReply
from copycat.direct_template import ArgumentLocations, RequestTemplate, learn_template


class DirectPut:
    """Sends the requests of one operation. It is thread-safe.

    Args:
        operation: PutObject or UploadPart.
        client: botocore's client.
        session: botocore's session that created the client.
        stop: once this is set, `send` raises `StoppedError`.
    """

    def __init__(self, operation: str, client: Any, session: Any, stop: threading.Event) -> None:
        self._client_sends = getattr(client, xform_name(operation))
        self._session = session
        self._stop = stop
        self._locations = ArgumentLocations(client.meta.service_model.operation_model(operation).input_shape.members)
        self._route: tuple[RequestTemplate, DirectClient] | None = None
        # Per thread: the response to pass to botocore's client, and the request that it has sent.
        self._call = threading.local()
        client.meta.events.register(f"before-send.s3.{operation}", self._before_send)

    def send(
        self, common: Mapping[str, Any], key: str, content: bytearray, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Write an object or a part. Return botocore's response, or the fields of it that a copy needs.

        Args:
            common: arguments that are the same in each request.
            key: key of the object.
            content: content of the object or the part.
            arguments: arguments that differ between requests.

        Raises:
            ClientError, BotoCoreError: As if botocore's client had sent the request.
        """
        route = self._route
        reply = None
        if route is not None and key:
            reply = self._exchange(route, key, content, arguments)
            if reply is not None and reply.status == 200:
                return _fields(reply)
        return self._through_client(common, key, content, arguments, reply)

    def close(self) -> None:
        """Close the connections."""
        if self._route is not None:
            self._route[1].close()

    def _exchange(
        self, route: tuple[RequestTemplate, DirectClient], key: str, content: bytearray, arguments: Mapping[str, Any]
    ) -> DirectReply | None:
        template, direct = route
        keys = self._session.get_credentials().get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        try:
            head = template.prepare(keys, key, arguments, len(content), now).head()
        except ValueError:  # botocore's client raises an error that explains it
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
        """Send the request with botocore's client. If there is an error response already, only let the client handle that."""
        self._call.reply, self._call.sent = reply, None
        response: Mapping[str, Any] = self._client_sends(**common, **arguments, Key=key, Body=content)
        sent = self._call.sent
        if self._route is None and sent is not None:
            self._route = self._new_route(sent, key, arguments)
        return response

    def _before_send(self, request: Any, **_: Any) -> AWSResponse | None:
        """Give botocore a response that has been received already, or record its request. Called by its event `before-send`."""
        reply, self._call.reply = getattr(self._call, "reply", None), None
        if reply is None:
            self._call.sent = request
            return None
        if 300 <= reply.status < 400 or reply.status == 400:  # the bucket may be in another region
            self._route = None
        raw = HTTPResponse(io.BytesIO(reply.body), reply.headers, reply.status, preload_content=False)
        return AWSResponse(request.url, reply.status, reply.headers, raw)

    def _new_route(
        self, sent: Any, key: str, arguments: Mapping[str, Any]
    ) -> tuple[RequestTemplate, DirectClient] | None:
        if urlsplit(sent.url).scheme in get_environ_proxies(sent.url):
            return None
        credentials = self._session.get_credentials()
        keys = credentials and credentials.get_frozen_credentials()
        template = learn_template(sent, keys, key, arguments, self._locations)
        if template is None:
            return None
        chosen = self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return template, DirectClient(template.url, chosen or get_cert_path(verify=True) or "", self._stop)


def _fields(reply: DirectReply) -> dict[str, str]:
    """Return the fields of a response that a copy needs, by botocore's names."""
    headers = {
        "ETag": "etag",
        "ChecksumCRC32C": "x-amz-checksum-crc32c",
        "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    }
    return {name: reply.headers[header] for name, header in headers.items() if header in reply.headers}
