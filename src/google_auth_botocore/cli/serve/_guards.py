"""Which requests are answered: those that Google's metadata server would answer, and none from a web browser.

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

from google_auth_botocore.cli.serve._http import Reply, Request, text

# Headers that a browser adds and that no client of a metadata server sends. A page can neither set nor remove one whose
# name starts with `sec-`: https://fetch.spec.whatwg.org/#forbidden-request-header
_BROWSER_PREFIX = "sec-"
_BROWSER = ("origin", "referer", "cookie", "dnt", "upgrade-insecure-requests", "service-worker")
# All browsers have begun this header so since 1994; older ones send no Sec-Fetch-*.
_BROWSER_AGENT = "mozilla/"
_PROXY_PREFIX = "x-forwarded-"
_PROXY = ("forwarded", "x-real-ip")


def refusal(request: Request, port: int) -> Reply | None:
    """Return the reply to a request that is rejected, or None if it may be answered.

    A page of another origin cannot send `Metadata-Flavor` without a preflight request (OPTIONS), which is never
    granted. A page of the same origin can: one that was loaded from another server on this port, or whose name now
    resolves to loopback. The headers that its browser adds give it away, and `Host` if it was loaded by a name: only
    the address that is in the environment of clients is accepted, and not `localhost`, which may lead to another
    user's server on [::1].

    Args:
        request: The request.
        port: The port that the server listens on.
    """
    if request.method not in {"GET", "HEAD"}:
        return text(405, "This metadata server answers GET and HEAD.")
    hosts = [f"127.0.0.1:{port}", *(["127.0.0.1"] if port == 80 else [])]
    if request.headers.get("host") not in [[host] for host in hosts]:
        return text(403, f"The Host header must be the address of this metadata server, {hosts[0]}.")
    for name, values in request.headers.items():
        shown = name.title()
        if name.startswith(_PROXY_PREFIX) or name in _PROXY:
            return text(403, f"This metadata server answers no request with an {shown} header: a proxy sent it.")
        if name.startswith(_BROWSER_PREFIX) or name in _BROWSER:
            return text(403, f"This metadata server answers no web browser: the request has the header {shown}.")
        if name == "user-agent" and any(value.lower().startswith(_BROWSER_AGENT) for value in values):
            return text(403, "This metadata server answers no web browser: its User-Agent is Mozilla.")
    if request.headers.get("metadata-flavor") != ["Google"]:
        return text(403, "The request lacks the header Metadata-Flavor: Google.")
    return None
