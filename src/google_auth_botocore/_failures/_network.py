"""What keeps requests from reaching Google, or Google from answering: proxies, portals, outages, perimeters and quotas."""

from __future__ import annotations

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._entry import Failure, Remedy, do, never, words
from google_auth_botocore._failures._facts import EVERY, GOOGLE, Facts
from google_auth_botocore._failures._local import host

NOT_JSON, UNUSABLE = "not JSON", "unusable"
_PERIMETER = ("vpcServiceControls", "VPC_SERVICE_CONTROLS")
_UNRESOLVED = ("NameResolutionError", "gaierror")
_NO_NAME = (
    "Name or service not known",
    "getaddrinfo failed",
    "nodename nor servname",
    "Temporary failure in name resolution",
)
_SERVICES = ("sts", "iamcredentials")
# HTTP status of a request beyond the quota.
_TOO_MANY = 429
_NOT_FOUND = 404


def _url(facts: Facts) -> str:
    return facts.url or "https://sts.googleapis.com/v1/token"


def _not_googles(facts: Facts) -> bool:
    # The Security Token Service itself never answers with 404: it answers that a provider does not exist with 400.
    absent = facts.step == "exchange" and facts.status == _NOT_FOUND
    return absent or facts.detail == UNUSABLE or (facts.detail == NOT_JSON and not facts.transient)


def _proxy(facts: Facts) -> bool:
    return facts.detail == "unreachable" and "ProxyError" in facts.kinds


def _unresolved(facts: Facts) -> bool:
    # If there is a proxy, the name that cannot be resolved is the proxy's.
    return (
        facts.detail == "unreachable"
        and not _proxy(facts)
        and (any(kind in _UNRESOLVED for kind in facts.kinds) or any(each in facts.text for each in _NO_NAME))
    )


def _proxy_authentication(facts: Facts) -> bool:
    return facts.status == 407 or "407 Proxy Authentication" in facts.text


def _perimeter(facts: Facts) -> bool:
    return facts.reason == "SECURITY_POLICY_VIOLATED" or any(each in facts.text for each in _PERIMETER)


def _let_in(facts: Facts) -> Remedy:
    return Remedy(
        [
            (
                "A VPC Service Controls perimeter blocks the call. Add an ingress rule for sts.googleapis.com and "
                "iamcredentials.googleapis.com."
            )
        ],
        gcloud=[
            "gcloud access-context-manager perimeters update PERIMETER --set-ingress-policies=ingress.yaml --policy=POLICY"
        ],
        terraform=[
            _commands.resource(
                "google_access_context_manager_service_perimeter_ingress_policy",
                _commands.inner(
                    "ingress_from", _commands.inner("sources", access_level="*"), identity_type="ANY_IDENTITY"
                ),
                _commands.inner(
                    "ingress_to",
                    *(_commands.inner("operations", service_name=f"{each}.googleapis.com") for each in _SERVICES),
                    resources=[f"projects/{_commands.number(facts)}"],
                ),
                label="aws",
                perimeter="accessPolicies/POLICY/servicePerimeters/PERIMETER",
            )
        ],
        run=[],
    )


def _raise_quota(facts: Facts) -> Remedy:
    number = _commands.number(facts)
    service = "sts.googleapis.com" if facts.step == "exchange" else "iamcredentials.googleapis.com"
    return Remedy(
        [
            (
                f"The project has exceeded its quota of requests to {service} per minute. Share one Credentials object in a process, or raise "
                "the quota."
            )
        ],
        gcloud=[f"gcloud alpha services quota list --service={service} --consumer=projects/{number}"],
        terraform=[
            _commands.resource(
                "google_cloud_quotas_quota_preference",
                _commands.inner("quota_config", preferred_value=12000),
                label="sts",
                parent=f"projects/{number}",
                service=service,
                quota_id="QUOTA_ID",
            )
        ],
        run=[],
    )


GIVE_PASSWORD = do(
    "The proxy requires a user and a password. Set both in its URL, percent-encoded: http://USER:PASSWORD@HOST:PORT.",
    local=[_commands.PROXIES],
    run=[],
)

ENTRIES = (
    Failure(
        "redirected",
        GOOGLE,
        lambda facts: 300 <= (facts.status or 0) < 400,
        "The reply is a redirect, which Google does not send: a captive portal, a proxy or a wrong endpoint.",
        lambda facts: Remedy(
            [f"Check what is between this machine and {_url(facts)}: a proxy, a captive portal, or a wrong endpoint."],
            [_commands.command("curl -sI", _url(facts))],
        ),
    ),
    Failure(
        "proxy-authentication",
        GOOGLE,
        _proxy_authentication,
        "The proxy requires a user and a password.",
        GIVE_PASSWORD,
        lasting=True,
    ),
    Failure(
        "quota-exceeded",
        GOOGLE,
        lambda facts: facts.status == _TOO_MANY or facts.reason in ("quota_exceeded", "RESOURCE_EXHAUSTED"),
        "The project has exceeded its quota of requests per minute. Each process makes its own exchanges.",
        _raise_quota,
    ),
    Failure("perimeter", GOOGLE, _perimeter, "A VPC Service Controls perimeter blocks the call.", _let_in),
    Failure(
        "reply-too-long",
        GOOGLE,
        lambda facts: "ReplyTooLong" in facts.kinds,
        "The reply is longer than any reply from Google that contains a token.",
        do("Check what is between this machine and Google: a proxy, a captive portal, or a wrong endpoint."),
    ),
    Failure(
        "reply-not-googles",
        GOOGLE,
        _not_googles,
        "The reply is not from Google: a proxy changes replies, or the endpoint is wrong.",
        lambda facts: Remedy(
            [
                f"Check that {_url(facts)} is a Google endpoint, and that no proxy or captive portal changes its replies."
            ],
            [_commands.PROXIES, _commands.command("curl -s -d ''", _url(facts))],
            run=[],
        ),
    ),
    Failure(
        "name-not-resolved",
        GOOGLE,
        _unresolved,
        "The host name of the Google endpoint cannot be resolved.",
        lambda facts: Remedy(
            [
                f"Check DNS. In a private network, {host(facts)} requires Private Google Access or a proxy (HTTPS_PROXY)."
            ],
            [f"getent hosts {host(facts).partition(':')[0]}", _commands.PROXIES],
        ),
    ),
    Failure(
        "proxy-unreachable",
        GOOGLE,
        _proxy,
        "The proxy cannot be reached, or rejects the connection.",
        do(
            "Check HTTPS_PROXY and the proxy itself. Requests to the hosts in NO_PROXY bypass it.",
            local=[_commands.PROXIES],
        ),
    ),
    Failure(
        "unreachable",
        GOOGLE,
        lambda facts: facts.detail == "unreachable",
        "Google cannot be reached from here.",
        lambda facts: Remedy(
            ["Check the network, DNS, the proxy (HTTPS_PROXY, NO_PROXY) and the firewall."],
            [_commands.command("curl -sv -d ''", _url(facts)), _commands.PROXIES],
        ),
    ),
    Failure(
        "process-suspended",
        EVERY,
        never,
        "The token expired before it arrived, because this process was suspended.",
        do("The next call fetches a new token."),
    ),
    Failure(
        "token-requires-itself",
        EVERY,
        never,
        "The exchange for a token requested a token of the same identity.",
        do("Use other credentials in the transport, log handler or AWS credential provider that requests the token."),
    ),
    Failure(
        "google-unavailable",
        GOOGLE,
        lambda facts: facts.transient,
        "Google's server is failing at the moment.",
        do(
            "Nothing is wrong with the request, and the next attempt may succeed.",
            more=["See https://status.cloud.google.com."],
        ),
    ),
    Failure(
        "authorization-stripped",
        GOOGLE,
        words("missing required authentication"),
        "The Authorization header does not arrive at Google: a proxy removes it.",
        do(
            "Configure the proxy to pass the Authorization header to iamcredentials.googleapis.com.",
            local=[_commands.PROXIES],
        ),
    ),
)
