"""Connections to Cloud Storage, and replies that are read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import requests
import urllib3


def connections_to(endpoint: str, at_once: int) -> urllib3.PoolManager:
    """Return connections with the proxy and the certificates that requests would use, from the environment."""
    with requests.Session() as session:
        chosen = session.merge_environment_settings(endpoint, {}, stream=None, verify=None, cert=None)
    verify = chosen["verify"]
    options: dict[str, Any] = {"maxsize": at_once, "block": False}
    if isinstance(verify, (str, os.PathLike)):
        options["ca_cert_dir" if os.path.isdir(verify) else "ca_certs"] = os.fspath(verify)  # noqa: PTH112
    else:
        options["ca_certs"] = requests.utils.DEFAULT_CA_BUNDLE_PATH
    proxy = requests.utils.select_proxy(endpoint, chosen["proxies"])
    if proxy:
        headers = requests.adapters.HTTPAdapter().proxy_headers(proxy)
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
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
