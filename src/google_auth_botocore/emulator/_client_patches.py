"""Patches of HTTP clients in this process: they send requests to the emulator that `_redirections` returns.

A request is redirected in urllib3, below requests and below everything that is usually mocked (`requests.adapters`), so
`responses`, requests-mock and moto's `mock_aws` answer first, and what they pass on arrives here. The decision is made for
each request, also through a proxy. The URL, the Host header and all other headers remain those that the application sent:
signed URLs depend on them.

httplib2 is redirected if it is installed. Other clients cannot be: httpx, aiohttp and urllib.request get an error when they
look up the name of one of Google's hosts. gRPC gets one for each call, if the channel was created inside a block. A
uvloop and a gRPC channel that existed before look up names without Python, so they do reach Google.
"""

from __future__ import annotations

import functools
import importlib.util
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from urllib3.connectionpool import HTTPConnectionPool

from google_auth_botocore.emulator import _redirections
from google_auth_botocore.emulator._google_hosts import NotEmulatedError, host_header
from google_auth_botocore.emulator._late_import import WhenImported

_DEFAULT_PORTS = {"http": 80, "https": 443}


class _Patch:
    """Replaces an attribute, and restores it unless other code has replaced it again.

    Args:
        owner: the class or module.
        name: the attribute.
        wrap: returns the replacement, given the original. The replacement has no effect without an active redirection.
    """

    def __init__(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner = owner
        self._name = name
        self._original = getattr(owner, name)
        self._replacement = functools.wraps(self._original)(wrap(self._original))
        setattr(owner, name, self._replacement)

    def restore(self) -> None:
        if getattr(self._owner, self._name) is self._replacement:
            setattr(self._owner, self._name, self._original)


_patches: list[_Patch | WhenImported] = []


def apply() -> None:
    """Replace the methods of the clients."""
    _patches.append(_Patch(HTTPConnectionPool, "urlopen", _wrap_urlopen))
    _patches.append(_Patch(socket, "getaddrinfo", _wrap_getaddrinfo))
    if importlib.util.find_spec("httplib2") is not None:
        import httplib2  # noqa: PLC0415 - optional

        kinds = (httplib2.HTTPSConnectionWithTimeout, httplib2.HTTPConnectionWithTimeout)
        _patches.extend(_Patch(kind, "connect", _wrap_connect) for kind in kinds)
    # Not imported for this: it starts threads. Almost all of Google's clients import it.
    if "grpc" in sys.modules:
        _patch_grpc()
    else:
        _patches.append(WhenImported("grpc", _patch_grpc))


def _patch_grpc() -> None:
    """Patch gRPC.

    It acquires no lock: it runs while gRPC is imported, which another thread may be waiting for with the lock.
    """
    import grpc  # noqa: PLC0415 - see `apply`

    from google_auth_botocore.emulator import _grpc_rejection  # noqa: PLC0415 - it imports grpc

    rejected = _redirections.is_rejected
    _patches.append(_Patch(grpc, "secure_channel", _grpc_rejection.wrap_secure_channel(rejected)))
    _patches.append(_Patch(grpc.aio, "secure_channel", _grpc_rejection.wrap_async_secure_channel(rejected)))


def restore() -> None:
    """Restore the methods."""
    while _patches:
        _patches.pop().restore()


def _wrap_urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    def urlopen(
        pool: HTTPConnectionPool,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retries: Any = None,
        *arguments: Any,
        **options: Any,
    ) -> Any:
        # For http through a proxy, the pool is the proxy's, and the URL is complete.
        absolute = urlsplit(url) if not url.startswith("/") else None
        scheme, host, port = pool.scheme, pool.host, pool.port
        if absolute is not None and absolute.hostname:
            scheme, host, port = absolute.scheme, absolute.hostname, absolute.port
        found = _redirections.find(host, urlsplit(url).path) if port in (None, _DEFAULT_PORTS.get(scheme)) else None
        if found is None:
            return original(pool, method, url, body, headers, retries, *arguments, **options)
        redirection, server = found
        sent = dict(pool.headers if headers is None else headers)
        if not any(name.lower() == "host" for name in sent):
            sent["Host"] = host_header(host, url)
        if len(arguments) < 3:  # redirect, assert_same_host, timeout
            options.setdefault("timeout", pool.timeout)
        if absolute is not None:
            url = absolute._replace(scheme="", netloc="").geturl() or "/"
        retries = pool.retries if retries is None else retries
        return redirection.pool(server).urlopen(method, url, body, sent, retries, *arguments, **options)

    return urlopen


def _wrap_getaddrinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and _redirections.is_rejected(name):
            raise NotEmulatedError(
                f"A client looked up {name}, and intercept() sends nothing to the real Google. It redirects requests, urllib3"
                " and httplib2. Configure another client, such as httpx or aiohttp, with the emulator's URLs: `emulator.url` and"
                " `storage.url` of `GoogleCloud`."
            )
        return original(host, *arguments, **options)

    return getaddrinfo


def _wrap_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(connection: Any) -> Any:
        found = _redirections.find(connection.host, "") if connection.port in _DEFAULT_PORTS.values() else None
        if found is None:
            return original(connection)
        redirection, server = found
        address = urlsplit(server)
        connection.sock = socket.create_connection((address.hostname, address.port), connection.timeout)
        redirection.connections.add(connection)

    return connect
