"""Reject requests that Google's metadata server would reject, and all requests from web browsers.

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

from google_auth_botocore.cli.serve import _health
from google_auth_botocore.cli.serve._http import Reply, Request, text_reply

# Headers that browsers add, and that no client of a metadata server sends. A page can neither set nor remove headers
# whose names start with `sec-`: https://fetch.spec.whatwg.org/#forbidden-request-header
_BROWSER_PREFIX = "sec-"
_BROWSER = ("origin", "referer", "cookie", "dnt", "upgrade-insecure-requests", "service-worker")
# The User-Agent of all browsers starts with this. Older ones do not send Sec-Fetch-* headers.
_BROWSER_AGENT = "mozilla/"
_PROXY_PREFIX = "x-forwarded-"
_PROXY = ("forwarded", "x-real-ip")


def rejection(request: Request, port: int) -> Reply | None:
    """Return the reply that rejects a request, or None if the request is acceptable.

    A page of another origin cannot send `Metadata-Flavor` without a preflight request (OPTIONS), which is always
    rejected. A page of the same origin can send it. Such a page was loaded from another server on this port, or from a
    host name that now resolves to loopback (DNS rebinding). It is detected by the headers that the browser adds, or by
    `Host`: only the address in the clients' environment variables is accepted. `localhost` is not accepted, because it
    may resolve to another user's server on [::1].

    A probe of `/healthz` needs no `Metadata-Flavor`, because many probes cannot set a header, and the reply contains no
    token. All other rules apply to it: the browser's headers still give a page away.

    Args:
        request: The request.
        port: The port that the server listens on.
    """
    if request.method not in {"GET", "HEAD"}:
        return text_reply(405, "This metadata server only accepts GET and HEAD.")
    hosts = [f"127.0.0.1:{port}", *(["127.0.0.1"] if port == 80 else [])]
    if request.headers.get("host") not in [[host] for host in hosts]:
        return text_reply(403, f"The Host header must be the address of this metadata server, {hosts[0]}.")
    for name, values in request.headers.items():
        shown = name.title()
        if name.startswith(_PROXY_PREFIX) or name in _PROXY:
            return text_reply(
                403, f"This metadata server rejects requests from proxies. The request has the header {shown}."
            )
        if name.startswith(_BROWSER_PREFIX) or name in _BROWSER:
            return text_reply(
                403, f"This metadata server rejects requests from web browsers. The request has the header {shown}."
            )
        if name == "user-agent" and any(value.lower().startswith(_BROWSER_AGENT) for value in values):
            return text_reply(
                403, "This metadata server rejects requests from web browsers. The User-Agent starts with Mozilla."
            )
    if request.path != _health.PATH and request.headers.get("metadata-flavor") != ["Google"]:
        return text_reply(403, "The request lacks the header Metadata-Flavor: Google.")
    return None
