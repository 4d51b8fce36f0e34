"""What stands between this machine and the two clouds: proxies, certificates, portals, outages and clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from google_auth_botocore import FederationError
from google_auth_botocore._redaction import shown
from google_auth_botocore.cli.doctor import _commands, _metadata
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, reason, said
from google_auth_botocore.cli.doctor._seen import Seen

_LINK_LOCAL = "169.254.169.254,169.254.170.2,169.254.170.23"
# AWS takes a date that is off by less than five minutes, and Google an assertion's by less than that.
_SECONDS_OFF = 60
# Where Google is asked.
_STEPS = ("exchange", "service account")
# What botocore raises where it reaches nobody.
_UNREACHED = ("NoCredentialsError", "ProxyConnectionError", "MetadataRetrievalError", "CredentialRetrievalError")
_PERIMETER = ("vpcServiceControls", "VPC_SERVICE_CONTROLS")


def _proxied(seen: Seen) -> Iterator[str]:
    if _metadata.proxied() and seen.step == "aws" and seen.reason in _UNREACHED:
        yield f"The environment's proxy stands before {shown(_metadata.endpoint())}, which only this machine can reach."
        yield seen.said


def _redirected(seen: Seen) -> list[str]:
    return [seen.said] if 300 <= (seen.status or 0) < 400 else []


def _unavailable(seen: Seen) -> list[str]:
    retryable = isinstance(seen.error, FederationError) and seen.error.retryable
    return [seen.said] if retryable and (seen.status or 0) != 200 else []


def _unusable(seen: Seen) -> list[str]:
    return [seen.said] if seen.status == 200 or "can't be read" in seen.said else []


def _perimeter(seen: Seen) -> list[str]:
    inside = seen.reason == "SECURITY_POLICY_VIOLATED" or any(each in seen.said for each in _PERIMETER)
    return [seen.said] if inside else []


def _off(seen: Seen) -> Iterator[str]:
    if seen.ahead is not None and abs(seen.ahead) > _SECONDS_OFF:
        yield f"By their replies, this machine's clock is {abs(seen.ahead):.0f} s {'behind' if seen.ahead > 0 else 'ahead'}."


def skewed(text: str) -> bool:
    """Whether somebody found the date of a signature too old or too new."""
    return any(words in text for words in ("Signature expired", "Signature not yet current", "short-lived token"))


def _too_far_off(seen: Seen) -> Iterator[str]:
    if skewed(seen.said):
        yield seen.said
        yield from _off(seen)


SET_CLOCK = do(
    "Let this machine's clock be set (chrony or systemd-timesyncd); on EC2, from 169.254.169.123.",
    local=["timedatectl set-ntp true", "chronyc -a makestep"],
)


def _each(name: str, says: str, evidence: Callable[[Seen], object], mend: Callable[[Seen], Mend]) -> tuple[Cause, ...]:
    return tuple(Cause(name, step, says, evidence, mend) for step in _STEPS)  # type: ignore[arg-type]  # what it yields is text


CAUSES: tuple[Cause, ...] = (
    Cause(
        "proxy-for-link-local",
        "AWS keys",
        "A proxy is asked for link-local addresses, where AWS keeps the keys.",
        _proxied,
        do(
            "Except these hosts from the proxy, also in the unit, the container or the task definition.",
            local=[f"export NO_PROXY={_LINK_LOCAL} no_proxy={_LINK_LOCAL}"],
        ),
        lasting=True,
    ),
    Cause(
        "clock-skew",
        "clock",
        "The clock of this machine is off. These credentials date their signatures by the replies; other programs' fail.",
        _off,
        SET_CLOCK,
        fatal=False,
    ),
    *_each("clock-skew", "The clock of this machine is too far off.", _too_far_off, SET_CLOCK),
    *_each(
        "certificate-not-trusted",
        "Somebody on the way shows a certificate that this machine does not trust: a proxy that reads TLS.",
        reason("CERTIFICATE_VERIFY_FAILED"),
        do(
            "Add the proxy's CA to a bundle and name that; never switch verification off.",
            local=["export REQUESTS_CA_BUNDLE=/path/to/bundle.pem"],
        ),
    ),
    *_each(
        "redirected",
        "Not Google answers, but something that sends clients elsewhere: a captive portal, a proxy, a wrong endpoint.",
        _redirected,
        do(
            "Let sts.googleapis.com and iamcredentials.googleapis.com pass.",
            local=["curl -sI https://sts.googleapis.com/v1/token"],
        ),
    ),
    *_each(
        "quota-exceeded",
        "The project has used up its requests of this minute: one exchange for each process or client.",
        lambda seen: [seen.said] if seen.status == 429 else [],
        lambda seen: Mend(
            ["Share one Credentials object in a process, or raise the quota."],
            gcloud=[
                f"gcloud alpha services quota list --service=sts.googleapis.com --consumer=projects/{_number(seen)}"
            ],
            terraform=[
                _commands.resource(
                    "google_cloud_quotas_quota_preference",
                    _commands.inner("quota_config", preferred_value=12000),
                    label="sts",
                    parent=f"projects/{_number(seen)}",
                    service="sts.googleapis.com",
                    quota_id="QUOTA_ID",
                )
            ],
        ),
    ),
    *_each(
        "perimeter",
        "A VPC Service Controls perimeter keeps the call out.",
        _perimeter,
        lambda seen: Mend(
            ["Add an ingress rule for sts.googleapis.com and iamcredentials.googleapis.com."],
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
                        *(
                            _commands.inner("operations", service_name=f"{each}.googleapis.com")
                            for each in ("sts", "iamcredentials")
                        ),
                        resources=[f"projects/{_number(seen)}"],
                    ),
                    label="aws",
                    perimeter="accessPolicies/POLICY/servicePerimeters/PERIMETER",
                )
            ],
        ),
    ),
    *_each(
        "reply-not-googles",
        "What answers is not what Google answers: a proxy changes replies, or the endpoint is another's.",
        _unusable,
        do(
            "Let the proxy pass replies of sts.googleapis.com and iamcredentials.googleapis.com as they are.",
            local=["env | grep -i _proxy", "curl -s -d '' https://sts.googleapis.com/v1/token"],
        ),
    ),
    *_each(
        "unreachable",
        "Google can't be reached from here.",
        said("could not be reached"),
        do(
            "Check DNS, routes, the firewall and the proxy.",
            local=["curl -sv -d '' https://sts.googleapis.com/v1/token", "env | grep -i _proxy"],
        ),
    ),
    *_each(
        "google-unavailable",
        "Google's server fails for the time being.",
        _unavailable,
        do("Try again; it may be on https://status.cloud.google.com."),
    ),
)


def _number(seen: Seen) -> str:
    return seen.audience.split("/")[4]
