"""Connection pools for Cloud Storage, and responses that are read in chunks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3


@dataclass(frozen=True)
class ConnectionSettings:
    """The proxy and the certificates for a server, from the same environment variables that requests uses.

    Attributes:
        proxy: URL of the proxy. None: connect directly.
        certificates: file or folder with the certificate authorities to trust.
    """

    proxy: str | None
    certificates: str

    @classmethod
    def for_url(cls, endpoint: str) -> ConnectionSettings:
        """Return the settings for an endpoint."""
        with requests.Session() as session:
            chosen = session.merge_environment_settings(endpoint, {}, stream=None, verify=None, cert=None)
        verify = chosen["verify"]
        trusted = os.fspath(verify) if isinstance(verify, (str, os.PathLike)) else requests.utils.DEFAULT_CA_BUNDLE_PATH
        return cls(requests.utils.select_proxy(endpoint, chosen["proxies"]), trusted)

    def pool(self, size: int) -> urllib3.PoolManager:
        """Return a connection pool with these settings."""
        options: dict[str, Any] = {"maxsize": size, "block": False}
        options["ca_cert_dir" if os.path.isdir(self.certificates) else "ca_certs"] = self.certificates  # noqa: PTH112
        if self.proxy:
            headers = requests.adapters.HTTPAdapter().proxy_headers(self.proxy)
            return urllib3.ProxyManager(self.proxy, proxy_headers=headers, **options)
        return urllib3.PoolManager(**options)


class Reply:
    """A response. At the end of its context, the connection is reused if the body was read completely, and otherwise closed."""

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
