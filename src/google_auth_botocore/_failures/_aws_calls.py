"""botocore itself: its data, its settings, and its calls to AWS services; and the last entry of the AWS step."""

from __future__ import annotations

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._entry import Failure, Remedy, always, do, never, reason
from google_auth_botocore._failures._facts import Facts

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
)


def _endpoint(facts: Facts) -> Remedy:
    return Remedy(
        [
            "Check DNS, routes, the firewall and the proxy (HTTPS_PROXY, NO_PROXY). In a private network, AWS STS requires a VPC endpoint."
        ],
        local=["env | grep -i _proxy"],
        aws=[_commands.aws(facts, _IDENTITY)],
        run=[_commands.aws(facts, _IDENTITY)],
    )


def _imds_setting(facts: Facts) -> Remedy:
    if facts.reason == "InvalidIMDSEndpointModeError":
        name, form = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6"
    else:
        name, form = "AWS_EC2_METADATA_SERVICE_ENDPOINT", "a URL such as http://169.254.169.254"
    return Remedy([f"Set {name} to {form}, or unset it."], [_commands.unset(name)])


# Before the entries of the sources.
LOCAL = (
    Failure(
        "botocore-data-missing",
        _STEP,
        reason(*_DATA),
        "botocore's data files are missing, or cannot be read.",
        do(
            "Assuming roles, single sign-on and AWS login require these files. Install botocore as a folder with its data, not from "
            "a zip on sys.path, and keep botocore/data in the bundle. Or give the process keys in the environment, a file, the "
            "container's or the instance's metadata.",
        ),
    ),
    Failure(
        "botocore-too-old",
        _STEP,
        reason("UnknownOperation"),
        "This botocore does not know GetWebIdentityToken.",
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

# After all others of the AWS step.
ENTRIES = (
    Failure(
        "aws-certificate-not-trusted",
        _STEP,
        reason("SSLError"),
        "This machine does not trust the certificate of an AWS endpoint: a proxy reads TLS.",
        do(
            "Add the proxy's CA to a bundle and name that. Never switch verification off.",
            local=["export AWS_CA_BUNDLE=/path/to/bundle.pem"],
        ),
    ),
    Failure(
        "aws-proxy-unreachable",
        _STEP,
        reason("ProxyConnectionError"),
        "The proxy for AWS cannot be reached, or rejects the connection.",
        do("Check HTTPS_PROXY and HTTP_PROXY, and the proxy itself.", local=["env | grep -i _proxy"]),
    ),
    Failure(
        "aws-endpoint-unreachable",
        _STEP,
        reason(*_UNREACHED),
        "An AWS endpoint cannot be reached from here.",
        _endpoint,
    ),
    Failure(
        "aws-setting-invalid",
        _STEP,
        reason(*_SETTINGS),
        "botocore cannot use a setting of the profile or of the environment.",
        lambda facts: Remedy(
            [
                "Check the profile's settings and the variables that start with AWS_: botocore cannot use the value in the message."
            ],
            ["env | grep ^AWS_ | cut -d= -f1"],
            aws=[_commands.aws(facts, "configure list", region=False)],
            run=[_commands.aws(facts, "configure list", region=False)],
        ),
    ),
    Failure(
        "aws-unavailable",
        _STEP,
        lambda facts: facts.transient and facts.reason is not None,
        "AWS fails or throttles the requests at the moment.",
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
        do("Give the log handler, finalizer or AWS credential provider that requests a token other credentials."),
    ),
    Failure(
        "aws-side-fails",
        _STEP,
        always,
        "botocore cannot get the keys.",
        lambda facts: Remedy(
            ["See what AWS's own tools find here."],
            aws=[_commands.aws(facts, "configure list", region=False), _commands.aws(facts, _IDENTITY)],
            run=[_commands.aws(facts, _IDENTITY)],
        ),
    ),
)
