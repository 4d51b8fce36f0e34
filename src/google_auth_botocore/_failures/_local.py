"""Mistakes on this machine that stop requests to Google: transports, proxies, certificates, limits of the process."""

from __future__ import annotations

from google_auth_botocore._failures import OUT_OF_RESOURCES, _commands, _gevent, _urls
from google_auth_botocore._failures._entry import Failure, Remedy, do, never, reason, words
from google_auth_botocore._failures._facts import EVERY, GOOGLE, Facts

# How to let requests through a library that replaces the network in a test.
MOCKS = {
    "responses": 'responses.add_passthru("{origin}")',
    "requests_mock": 'mocker.register_uri("POST", "{url}", real_http=True)',
    "pytest_socket": "@pytest.mark.enable_socket, or --allow-hosts={host}",
    "httpretty": "httpretty.enable(allow_net_connect=True)",
    "pook": 'pook.enable_network("{host}")',
    "vcr": 'vcr.VCR(ignore_hosts=["{host}"])',
    "betamax": 'session.mount("{origin}", requests.adapters.HTTPAdapter())',
    "mocket": 'Mocketizer(strict_mode_allowed=["{host}"])',
}


def host(facts: Facts) -> str:
    """Return the host of the request."""
    return _urls.parts(facts.url).netloc or "sts.googleapis.com"


def _let_through(facts: Facts) -> Remedy:
    if facts.detail not in MOCKS:
        return Remedy([f"Let requests to {host(facts)} through in the settings of that library."])
    parts = _urls.parts(facts.url)
    line = MOCKS[facts.detail].format(url=facts.url, origin=f"{parts.scheme}://{parts.netloc}", host=parts.hostname)
    return Remedy([f"To let this request through: {line}"])


def _correct_proxy(facts: Facts) -> Remedy:
    name = facts.detail or "the transport's own settings"
    if "SOCKS" in facts.text:
        return Remedy(
            [f"The proxy comes from {name}. A SOCKS proxy requires PySocks."], ["pip install 'requests[socks]'"]
        )
    return Remedy(
        [
            (
                f"Correct {name}: a proxy has the form http://HOST:PORT, with a user and a password http://USER:PASSWORD@HOST:PORT, "
                "both percent-encoded."
            )
        ],
    )


def _correct_file(facts: Facts) -> Remedy:
    variable = f"{facts.detail}, or in " if facts.detail else ""
    return Remedy(
        [
            (
                f"Check the file in {variable}the transport's own settings (`verify`, `cert`, `ca_certs`): it must exist, and contain "
                "certificates in PEM form."
            )
        ]
    )


def _recursion(facts: Facts) -> bool:
    return "RecursionError" in (facts.reason, *facts.kinds)


ENTRIES = (
    Failure(
        "resources-exhausted",
        EVERY,
        never,
        "The process or the machine has run out of open files, memory or processes.",
        do(OUT_OF_RESOURCES, local=["ulimit -a"], run=[]),
    ),
    Failure(
        "gevent-patched-late",
        EVERY,
        lambda facts: _recursion(facts) and _gevent.patched_late(),
        "gevent patched the process after urllib3 was imported, so TLS calls itself endlessly.",
        do(
            "gevent patched the process after urllib3 was imported.",
            "Call gevent.monkey.patch_all() before any other import, for example in gunicorn's configuration file, or start gunicorn "
            "without --preload.",
        ),
    ),
    Failure(
        "endless-recursion",
        GOOGLE,
        _recursion,
        "A function calls itself endlessly.",
        do("Look for a function that calls itself, such as the transport passed to refresh()."),
    ),
    Failure(
        "transport-wrong",
        EVERY,
        lambda facts: facts.detail == "transport",
        "The object that was passed as the transport cannot send requests.",
        do(
            "Pass refresh() an object such as google.auth.transport.requests.Request(), not a class. Or pass None, to use the transport of "
            "this package."
        ),
    ),
    Failure(
        "tls-not-spoken",
        EVERY,
        words("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "appears to only use HTTP"),
        "The server or the proxy answers a TLS connection without TLS.",
        do(
            "The server or the proxy does not use TLS on this port. Write the proxy's URL with http:// (HTTPS_PROXY=http://HOST:PORT), "
            "and check the port of the endpoint.",
            local=[_commands.PROXIES],
        ),
        lasting=True,
    ),
    Failure("network-replaced", GOOGLE, reason("HttpMock"), "A test library replaces the network.", _let_through),
    Failure(
        "certificate-not-trusted",
        GOOGLE,
        reason("CERTIFICATE_VERIFY_FAILED"),
        "This machine does not trust the server's certificate: a proxy intercepts TLS, or the endpoint is wrong.",
        lambda facts: Remedy(
            [
                f"The certificate of {host(facts)} is not trusted. Set the right CA bundle for the transport. Never turn verification off."
            ],
            ["export REQUESTS_CA_BUNDLE=/path/to/bundle.pem"],
        ),
    ),
    Failure("proxy-invalid", GOOGLE, reason("InvalidProxy"), "The setting of the proxy is invalid.", _correct_proxy),
    Failure(
        "client-certificate-invalid",
        GOOGLE,
        reason("InvalidClientCertificate"),
        "The client certificate of the transport cannot be read.",
        do("Check the client certificate (`cert`) of the transport's session."),
    ),
    Failure(
        "certificate-file-invalid",
        GOOGLE,
        reason("InvalidCertificateFile"),
        "The CA bundle, or another file with certificates, cannot be read.",
        _correct_file,
    ),
)
