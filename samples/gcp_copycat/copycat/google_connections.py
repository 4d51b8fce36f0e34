"""Connections to Cloud Storage, and replies that are read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3


@dataclass(frozen=True)
class Way:
    """The way to a server that requests would take, by the environment.

    Attributes:
        proxy: URL of the proxy; None: there is none.
        certificates: file or folder of the certificate authorities to trust.
    """

    proxy: str | None
    certificates: str

    @classmethod
    def to(cls, endpoint: str) -> Way:
        """Return the way to an endpoint."""
        with requests.Session() as session:
            chosen = session.merge_environment_settings(endpoint, {}, stream=None, verify=None, cert=None)
        verify = chosen["verify"]
        trusted = os.fspath(verify) if isinstance(verify, (str, os.PathLike)) else requests.utils.DEFAULT_CA_BUNDLE_PATH
        return cls(requests.utils.select_proxy(endpoint, chosen["proxies"]), trusted)

    def connections(self, at_once: int) -> urllib3.PoolManager:
        """Return connections that take this way."""
        options: dict[str, Any] = {"maxsize": at_once, "block": False}
        options["ca_cert_dir" if os.path.isdir(self.certificates) else "ca_certs"] = self.certificates  # noqa: PTH112
        if self.proxy:
            headers = requests.adapters.HTTPAdapter().proxy_headers(self.proxy)
            return urllib3.ProxyManager(self.proxy, proxy_headers=headers, **options)
        return urllib3.PoolManager(**options)


class Reply:
    """A reply whose connection is used again if it was read to its end, and closed if not."""

    def __init__(self, reply: urllib3.BaseHTTPResponse) -> None:
        self.status = reply.status
        self.headers: Mapping[str, str] = reply.headers
        self.read = reply.read
        self._reply = reply

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._reply.read(1):
            self._reply.release_conn()
        else:
            self._reply.close()
