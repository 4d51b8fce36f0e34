"""Reads objects of Cloud Storage without urllib3. What is special is left to the caller, who has google-auth's transport."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from google.auth.credentials import Credentials
from google.auth.transport import Request

from copycat.direct import Direct
from copycat.direct_reply import WITH_CONTENT, DirectReply
from copycat.google_connections import Way

_LINE_BREAK = re.compile(r"[\r\n\0]")


class DirectGet:
    """Sends requests to one server for the threads of a process.

    Args:
        endpoint: URL of the server.
        way: to the server.
        credentials: Google's.
        request: sends the requests for tokens.
        stop: when it is set, `get` raises `StoppedError`.
    """

    def __init__(
        self, endpoint: str, way: Way, credentials: Credentials, request: Request, stop: threading.Event
    ) -> None:
        parts = urlsplit(endpoint)
        self._credentials = credentials
        self._request = request
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = re.sub(r":443$" if parts.scheme == "https" else r":80$", "", parts.netloc)
        plain = not way.proxy and not parts.username and parts.scheme in {"http", "https"}
        self._direct = Direct(endpoint, way.certificates, stop) if plain else None

    def get(self, url: str, headers: Mapping[str, str], into: memoryview) -> DirectReply | None:
        """Send GET; return a reply with content, or None: the caller is to send it with google-auth's transport.

        Args:
            url: at the endpoint, percent-encoded.
            headers: without the token.
            into: the content is written here; if the reply was cut short, there is less of it.

        Raises:
            GoogleAuthError: There is no token.
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
