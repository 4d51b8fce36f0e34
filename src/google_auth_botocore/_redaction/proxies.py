"""Find the passwords of proxies, so that no error shows them."""

from __future__ import annotations

import functools
import re
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

# A user name without a password is a secret only if it is long enough to be a token.
_SHORTEST_TOKEN = 12


def proxy_secrets(transport: object = None) -> Iterator[str]:
    """Yield the passwords of the proxies that the environment and a transport use.

    Args:
        transport: A google-auth transport for requests, urllib3 or httplib2, or a partial of one. Other objects are searched for
            the same attributes.
    """
    for url in urllib.request.getproxies().values():
        yield from _of_url(url)
    while isinstance(transport, functools.partial):
        transport = transport.func
    transport = getattr(transport, "__self__", transport)  # of a bound method
    for owner in (transport, getattr(transport, "session", None), getattr(transport, "http", None)):
        if owner is not None:
            yield from _of_owner(owner)


def _of_owner(owner: Any) -> Iterator[str]:
    """Yield the secrets of a requests session, a urllib3 pool manager or an httplib2 client."""
    for name in ("proxies", "proxy"):
        found = _attribute(owner, name)
        for url in found.values() if isinstance(found, Mapping) else [found]:
            yield from _of_url(url)
    yield from _of_headers(_attribute(owner, "headers"))
    yield from _of_headers(_attribute(owner, "proxy_headers"))
    adapters = _attribute(owner, "adapters")
    for adapter in adapters.values() if isinstance(adapters, Mapping) else ():
        managers = _attribute(adapter, "proxy_manager")
        for url, manager in managers.items() if isinstance(managers, Mapping) else ():
            yield from _of_url(url)
            yield from _of_headers(_attribute(manager, "proxy_headers"))
    yield from _of_proxy_info(_attribute(owner, "proxy_info"))


def _of_proxy_info(info: Any) -> Iterator[str]:
    """Yield the password of httplib2's proxy, which may be a function of the scheme."""
    if callable(info):
        try:
            info = info("https")
        except Exception:  # noqa: BLE001 - a function of the application; httplib2 reports the failure
            return
    password = _attribute(info, "proxy_pass")
    if isinstance(password, bytes):
        password = password.decode("latin-1")
    if isinstance(password, str):
        yield from _parts(password)
    yield from _of_headers(_attribute(info, "proxy_headers"))


def _of_headers(headers: Any) -> Iterator[str]:
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if str(name).lower() == "proxy-authorization" and isinstance(value, (str, bytes)):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            yield text.partition(" ")[2] or text


def _of_url(url: Any) -> Iterator[str]:
    """Yield the password in a URL, even if the URL is malformed. If there is none, yield a long user name."""
    text = str(url) if url is not None else ""
    user_part, at, _ = re.sub(r"\A[^/:@]*:?//", "", text).rpartition("@")
    user, colon, password = user_part.partition(":")
    if at and (colon or len(user) >= _SHORTEST_TOKEN):
        yield from _parts(password if colon else user)


def _parts(password: str) -> Iterator[str]:
    """Yield a password, and those parts of it that a URL parser mistakes for the host, the path or the fragment."""
    yield password
    yield from re.split("[/#?@:]", password)


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 - a property of the application's class
        return None
