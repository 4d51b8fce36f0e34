"""Redirects Google's and AWS's addresses to loopback, so that a sample runs as printed, without endpoints in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:  # a started program requires only requests
    from google_auth_botocore.emulator import Emulator
    from google_auth_botocore.emulator.sandbox import Sandbox

_Send = Callable[..., requests.Response]


def google_apis(google: Emulator) -> dict[str, str]:
    """Return the redirects of the APIs that the emulator provides: from the start of a URL to its replacement."""
    return {f"https://{api}.googleapis.com/": f"{google.url}/" for api in ("sts", "iamcredentials", "oauth2", "www")}


def of_sandbox(sandbox: Sandbox) -> dict[str, str]:
    """Return the redirects to the sandbox: from the start of a URL to its replacement."""
    return {
        **google_apis(sandbox.google),
        **{f"{scheme}://storage.googleapis.com/": f"{sandbox.storage.url}/" for scheme in ("http", "https")},
        "http://169.254.169.254/": f"{sandbox.imds.url}/",
    }


def redirected(send: _Send, addresses: Mapping[str, str]) -> _Send:
    """Return a `requests.adapters.HTTPAdapter.send` that redirects requests, as a private name server would.

    Args:
        send: the original method.
        addresses: maps the start of a URL to its replacement; the longest start wins.
    """

    def sent(self: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = str(request.url)
        start = max((start for start in addresses if url.startswith(start)), key=len, default=None)
        if start is not None:
            # A copy, so that the caller's request stays unchanged. The signature covers the original host.
            request = request.copy()
            request.headers["Host"] = start.split("/")[2]
            request.url = addresses[start] + url[len(start) :]
        return send(self, request, *args, **kwargs)

    return sent


def redirect_children(addresses: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return environment variables with which a new Python process redirects requests, too.

    Args:
        addresses: like those of `redirected`.
        directory: for the module that Python loads when it starts.
    """
    (directory / "sitecustomize.py").write_text(
        "from requests.adapters import HTTPAdapter\n"
        "from samples.addresses import redirected\n"
        f"HTTPAdapter.send = redirected(HTTPAdapter.send, {dict(addresses)!r})\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(directory), str(Path(__file__).parents[1])])}
