"""Downloads from Cloud Storage with `direct.py`, which is faster than urllib3.

For anything unusual (a proxy, an error response, a broken connection) `DirectGet.get` returns None, and the caller repeats the
request with google-auth's transport.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from google.auth.credentials import Credentials
from google.auth.transport import Request

from copycat.direct import DirectClient
from copycat.direct_reply import WITH_CONTENT, DirectReply
from copycat.google_connections import ConnectionSettings

_LINE_BREAK = re.compile(r"[\r\n\0]")


class DirectGet:
    """Sends GET requests to one server. It is thread-safe.

    Args:
        endpoint: URL of the server.
        connection_settings: proxy and certificates for this server.
        credentials: Google credentials.
        request: transport for the token requests.
        stop: once this is set, `get` raises `StoppedError`.
    """

    def __init__(
        self,
        endpoint: str,
        connection_settings: ConnectionSettings,
        credentials: Credentials,
        request: Request,
        stop: threading.Event,
    ) -> None:
        parts = urlsplit(endpoint)
        self._credentials = credentials
        self._request = request
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = re.sub(r":443$" if parts.scheme == "https" else r":80$", "", parts.netloc)
        supported = not connection_settings.proxy and not parts.username and parts.scheme in {"http", "https"}
        self._direct = DirectClient(endpoint, connection_settings.certificates, stop) if supported else None

    def get(self, url: str, headers: Mapping[str, str], into: memoryview) -> DirectReply | None:
        """Send a GET request. Return a response with content, or None if the caller must repeat it with google-auth's transport.

        Args:
            url: percent-encoded URL at the endpoint.
            headers: headers without the access token.
            into: buffer for the content. A response that is cut short fills only a part of it.

        Raises:
            GoogleAuthError: No access token could be obtained.
            StoppedError: *stop* was set.
        """
        if self._direct is None:
            return None
        sent = {"Host": self._host, **headers}
        self._credentials.before_request(self._request, "GET", url, sent)
        lines = "".join([f"{name}: {value}\r\n" for name, value in sent.items() if not _LINE_BREAK.search(value)])
        head = f"GET {url.removeprefix(self._origin)} HTTP/1.1\r\n{lines}\r\n"
        reply = self._direct.exchange("GET", head.encode("latin-1"), into=into)
        return reply if reply is not None and reply.status in WITH_CONTENT else None

    def close(self) -> None:
        """Close the connections."""
        if self._direct is not None:
            self._direct.close()
