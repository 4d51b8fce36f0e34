"""A bucket in the sandbox with one object, and a client that sends signed requests to it."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from google_auth_botocore.emulator.storage import Storage

# A bucket that is named like a domain supports every style of address.
BUCKET = "files.example.com"
NAME = "reports/Straße 100%.txt"
CONTENT = b"\x00 the content \xff"
STYLES: dict[str, dict[str, Any]] = {
    "path": {},
    "virtual-hosted": {"virtual_hosted_style": True},
    "bucket-bound": {"bucket_bound_hostname": BUCKET},
}


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        """The elements of Cloud Storage's error document."""
        assert self.headers.get_content_type() == "application/xml"
        root = ET.fromstring(self.body)
        assert root.tag == "Error"
        return {element.tag: element.text or "" for element in root}


def open_client(storage: Storage) -> Client:
    """Return a client that needs no credentials."""
    options = {"api_endpoint": storage.open_url}
    return Client(project="my-project", credentials=AnonymousCredentials(), client_options=options)


def sent(storage: Storage, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> Reply:
    """Send a request to the emulated storage, whatever host the URL names, without changing a byte of the URL.

    HTTP libraries would resolve dots in the path and quote it again.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(urlsplit(storage.url).netloc)
    try:
        connection.request(
            method, url[url.index(parts.netloc) + len(parts.netloc) :], body, {"Host": parts.netloc, **headers}
        )
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
