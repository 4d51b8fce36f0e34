"""Mistakes on this machine that stop requests to Google: transports, proxies, certificates, limits of the process."""

from __future__ import annotations

from urllib.parse import urlsplit

from google_auth_botocore._failures import OUT_OF_RESOURCES, _gevent
from google_auth_botocore._failures._entry import Failure, Remedy, do, never, reason
from google_auth_botocore._failures._facts import Facts

GOOGLE = ("exchange", "impersonation", "id_token", "signing", "delegation")
_ALL = ("aws", *GOOGLE)
# What lets our requests through a library that replaces the network in a test.
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
    """Return the host that was called."""
    return urlsplit(facts.url or "").netloc or "sts.googleapis.com"


def _let_through(facts: Facts) -> Remedy:
    parts = urlsplit(facts.url or "")
    line = MOCKS.get(facts.detail or "", "").format(
        url=facts.url, origin=f"{parts.scheme}://{parts.netloc}", host=parts.hostname
    )
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
        _ALL,
        never,
        "The process or the machine has run out of open files, memory or processes.",
        do(OUT_OF_RESOURCES, local=["ulimit -a"], run=[]),
    ),
    Failure(
        "gevent-patched-late",
        _ALL,
        lambda facts: _recursion(facts) and _gevent.patched_late(),
        "gevent patched the process after urllib3 was imported, so TLS calls itself without end.",
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
        "A function calls itself without end.",
        do("Look for a function that calls itself, such as the transport passed to refresh()."),
    ),
    Failure(
        "transport-wrong",
        _ALL,
        lambda facts: facts.detail == "transport",
        "What was passed as the transport cannot send requests.",
        do(
            "Pass refresh() a google.auth.transport.Request object, and not its class. Or pass None, for a transport of our own."
        ),
    ),
    Failure("network-replaced", GOOGLE, reason("HttpMock"), "A test library replaces the network.", _let_through),
    Failure(
        "certificate-not-trusted",
        GOOGLE,
        reason("CERTIFICATE_VERIFY_FAILED"),
        "This machine does not trust the certificate that it was shown: a proxy reads TLS, or the endpoint is wrong.",
        lambda facts: Remedy(
            [
                f"The certificate of {host(facts)} is not trusted. Give the transport the right CA bundle; never switch verification off."
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
