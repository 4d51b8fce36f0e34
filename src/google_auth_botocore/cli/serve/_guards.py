"""Who may ask: what Google's metadata server demands of a request, and what a browser's page can't send.

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

from google_auth_botocore.cli.serve._http import Reply, Request, text


def refusal(request: Request, port: int) -> Reply | None:
    """Why a request is not answered; None: it may be.

    A page cannot send `Metadata-Flavor` to another origin without asking first, by OPTIONS, which is never granted.
    One whose name has been pointed at loopback meanwhile is of the same origin to the browser, and is given away by
    the name in `Host`.

    Args:
        request: The request.
        port: Where the server listens.
    """
    if request.method not in {"GET", "HEAD"}:
        return text(405, "This metadata server answers GET and HEAD.")
    hosts = [host.lower() for host in request.headers.get("host", ())]
    if len(hosts) != 1 or hosts[0] not in _names(port):
        return text(403, "The Host header must be the one loopback name and port of this metadata server.")
    if "x-forwarded-for" in request.headers:
        return text(403, "This metadata server answers no request with an X-Forwarded-For header.")
    if "origin" in request.headers:
        return text(403, "This metadata server answers no web page: the request has an Origin header.")
    if request.headers.get("metadata-flavor") != ["Google"]:
        return text(403, "The request lacks the header Metadata-Flavor: Google.")
    return None


def _names(port: int) -> set[str]:
    names = {"127.0.0.1", "localhost"}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())
