"""Failures of botocore itself: its data, its settings and its calls to AWS services. Also the last entry of the AWS step."""

from __future__ import annotations

import os

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import in_profile, named_in
from google_auth_botocore._failures._entry import Failure, Remedy, always, do, never, reason, words
from google_auth_botocore._failures._facts import Facts, Setting
from google_auth_botocore._failures._network import GIVE_PASSWORD

_STEP = ("aws",)
_IDENTITY = "sts get-caller-identity"
_DATA = ("DataNotFoundError", "UnknownServiceError", "ApiVersionNotFoundError")
_SETTINGS = (
    "EndpointProviderError",
    "EndpointVariantError",
    "InvalidConfigError",
    "InvalidDefaultsMode",
    "InvalidEndpointConfigurationError",
    "InvalidProxiesConfigError",
    "InvalidRetryConfigurationError",
    "InvalidSTSRegionalEndpointsConfigError",
    "UnknownFIPSEndpointError",
    "ValidationError",
    "ValueError",
)
_METADATA_SETTINGS = ("InvalidIMDSEndpointError", "InvalidIMDSEndpointModeError")
_UNREACHED = (
    "ConnectionClosedError",
    "ConnectionError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "HTTPClientError",
    "IncompleteReadError",
    "ReadTimeoutError",
    "SSLError",
)
# OpenSSL's and the system's words for a file without certificates, or no file.
_UNREADABLE_FILE = ("[Errno", "[X509", "[PEM", "PEM lib")
# In the order in which botocore reads them.
_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def reach_endpoint(facts: Facts) -> Remedy:
    """Return how to find out why AWS cannot be reached."""
    return Remedy(
        [
            "Check DNS, routes, the firewall and the proxy (HTTPS_PROXY, NO_PROXY). In a private network, AWS STS requires a VPC endpoint."
        ],
        local=[_commands.PROXIES],
        aws=[_commands.aws(facts, _IDENTITY)],
        run=[_commands.aws(facts, _IDENTITY)],
    )


def _correct_setting(facts: Facts) -> Remedy:
    look = _commands.aws(facts, "configure list", region=False)
    setting = _token_of_container() if "Auth token" in facts.text else named_in(facts)
    if setting is None:
        return Remedy(
            [
                "Check the profile's settings and the variables that start with AWS_: botocore cannot use the value in the message."
            ],
            ["env | grep ^AWS_ | cut -d= -f1"],
            aws=[look],
            run=[look],
        )
    return Remedy(
        [f"The value comes from {_commands.place(setting)}. Correct it there, or remove it."], aws=[look], run=()
    )


def _correct_bundle(facts: Facts) -> Remedy:
    variable, *others = _BUNDLES
    setting = in_profile(facts, "ca_bundle")
    places = [variable] if os.environ.get(variable) else [_commands.place(setting)] if setting is not None else others
    return Remedy([f"Check the file in {places[0]}: it must exist, and contain certificates in PEM form."])


def _token_of_container() -> Setting | None:
    names = (f"AWS_CONTAINER_AUTHORIZATION_TOKEN{each}" for each in ("_FILE", ""))
    return next((Setting("", name) for name in names if os.environ.get(name)), None)


def _imds_setting(facts: Facts) -> Remedy:
    if facts.reason == "InvalidIMDSEndpointModeError":
        name, form = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6"
    else:
        name, form = "AWS_EC2_METADATA_SERVICE_ENDPOINT", "a URL such as http://169.254.169.254"
    return Remedy([f"Set {name} to {form}, or unset it."], [_commands.unset(name)])


# Tried before the entries of the sources.
LOCAL = (
    Failure(
        "botocore-data-missing",
        _STEP,
        reason(*_DATA),
        "botocore's data files are missing, or cannot be read.",
        do(
            "Assuming roles, single sign-on and AWS login require these files. Install botocore as a folder with its data, not from "
            "a zip on sys.path, and keep botocore/data in the bundle. Or provide keys through the environment, a file, or the "
            "metadata of the container or the instance.",
        ),
    ),
    Failure(
        "botocore-too-old",
        _STEP,
        reason("UnknownOperation"),
        "This version of botocore does not have GetWebIdentityToken, or lacks one of its arguments.",
        do("Upgrade botocore.", local=["pip install --upgrade botocore"]),
    ),
    Failure(
        "metadata-setting-invalid",
        _STEP,
        reason(*_METADATA_SETTINGS),
        "The setting of the metadata endpoint is invalid.",
        _imds_setting,
    ),
)

# Tried after all others of the AWS step.
ENTRIES = (
    Failure(
        "aws-certificate-not-trusted",
        _STEP,
        lambda facts: facts.reason == "SSLError" and "CERTIFICATE_VERIFY_FAILED" in facts.text,
        "This machine does not trust the certificate of an AWS endpoint: a proxy intercepts TLS.",
        do(
            "Add the proxy's CA to a CA bundle, and set AWS_CA_BUNDLE to its path. Never turn verification off.",
            local=["export AWS_CA_BUNDLE=/path/to/bundle.pem"],
        ),
        lasting=True,
    ),
    Failure(
        "aws-certificate-file-invalid",
        _STEP,
        lambda facts: facts.reason == "SSLError" and any(each in facts.text for each in _UNREADABLE_FILE),
        "The CA bundle for AWS cannot be read.",
        _correct_bundle,
        lasting=True,
    ),
    Failure(
        "proxy-authentication",
        _STEP,
        words("407 Proxy Authentication"),
        "The proxy requires a user and a password.",
        GIVE_PASSWORD,
        lasting=True,
    ),
    Failure(
        "aws-proxy-unreachable",
        _STEP,
        reason("ProxyConnectionError"),
        "The proxy for AWS cannot be reached, or rejects the connection.",
        do("Check HTTPS_PROXY and HTTP_PROXY, and the proxy itself.", local=[_commands.PROXIES]),
    ),
    Failure(
        "aws-endpoint-unreachable",
        _STEP,
        reason(*_UNREACHED),
        "An AWS endpoint cannot be reached from here.",
        reach_endpoint,
    ),
    Failure(
        "aws-setting-invalid",
        _STEP,
        reason(*_SETTINGS),
        "botocore cannot use a setting of the profile or of the environment.",
        _correct_setting,
    ),
    Failure(
        "aws-unavailable",
        _STEP,
        lambda facts: facts.transient and facts.reason is not None,
        "AWS is failing or throttling the requests at the moment.",
        do("Try again. Many workers that start at once can cause it."),
    ),
    Failure(
        "keys-awaited",
        _STEP,
        never,
        "Another thread is still resolving the AWS keys.",
        do("Try again when that thread has the keys."),
    ),
    Failure(
        "keys-in-use",
        _STEP,
        never,
        "This thread is already resolving the AWS keys, and was interrupted by code that requests a token.",
        do("Use other credentials in the log handler, finalizer or AWS credential provider that requests a token."),
    ),
    Failure(
        "aws-side-fails",
        _STEP,
        always,
        "botocore cannot get the keys.",
        lambda facts: Remedy(
            ["Check which keys the AWS CLI finds on this machine."],
            aws=[_commands.aws(facts, "configure list", region=False), _commands.aws(facts, _IDENTITY)],
            run=[_commands.aws(facts, _IDENTITY)],
        ),
    ),
)
