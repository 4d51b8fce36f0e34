"""Google's and AWS's own addresses on loopback, so that a sample runs as it is printed: no endpoint is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:  # what is started needs requests alone
    from google_auth_botocore.emulator import Emulator
    from google_auth_botocore.emulator.sandbox import Sandbox

_Send = Callable[..., requests.Response]


def google_apis(google: Emulator) -> dict[str, str]:
    """The emulator in the place of the APIs that it stands in for, by the start of a URL."""
    return {f"https://{api}.googleapis.com/": f"{google.url}/" for api in ("sts", "iamcredentials", "oauth2", "www")}


def of(sandbox: Sandbox) -> dict[str, str]:
    """What takes the place of each address in the sandbox, by the start of a URL."""
    return {
        **google_apis(sandbox.google),
        **{f"{scheme}://storage.googleapis.com/": f"{sandbox.storage.url}/" for scheme in ("http", "https")},
        "http://169.254.169.254/": f"{sandbox.imds.url}/",
    }


def led(send: _Send, addresses: Mapping[str, str]) -> _Send:
    """`requests.adapters.HTTPAdapter.send` as it is where a name server of one's own leads elsewhere.

    Args:
        send: the method as it was.
        addresses: by the start of a URL, what takes its place; the longest start wins.
    """

    def sent(self: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = str(request.url)
        start = max((start for start in addresses if url.startswith(start)), key=len, default=None)
        if start is not None:
            # Whoever asked needs no change, and what was signed names the host.
            request = request.copy()
            request.headers["Host"] = start.split("/")[2]
            request.url = addresses[start] + url[len(start) :]
        return send(self, request, *args, **kwargs)

    return sent


def for_children(addresses: Mapping[str, str], place: Path) -> dict[str, str]:
    """Lets every Python that is started from now on do the same; gives the variable that makes it.

    Args:
        addresses: as `led` takes them.
        place: a directory for the module that Python loads at its start.
    """
    (place / "sitecustomize.py").write_text(
        "from requests.adapters import HTTPAdapter\n"
        "from samples.addresses import led\n"
        f"HTTPAdapter.send = led(HTTPAdapter.send, {dict(addresses)!r})\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(place), str(Path(__file__).parents[1])])}
