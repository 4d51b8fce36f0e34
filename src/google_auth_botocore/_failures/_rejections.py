"""AWS rejects the keys or their signature: directly, or as Google reports it after its call to AWS."""

from __future__ import annotations

import re
from collections.abc import Callable

from google_auth_botocore._failures import _aws_keys, _commands, _denials
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, do
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._regions import USUAL

STEPS = ("aws", "exchange")
_UNKNOWN_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "AuthFailure",
    "NotAuthorized",
)
# AWS accepts a date that is up to five minutes off.
_SECONDS_OFF = 60


def code(facts: Facts) -> str | None:
    """Return AWS's code for the rejection."""
    return facts.aws_reason or (facts.reason if facts.step == "aws" else None)


def _code(*codes: str) -> Callable[[Facts], bool]:
    return lambda facts: code(facts) in codes


def clock_offset(facts: Facts) -> list[str]:
    """Return how far this machine's clock is off, if `doctor` has seen it."""
    offset = evidence(facts).clock_offset
    if offset is None or abs(offset) <= _SECONDS_OFF:
        return []
    return [
        f"By the servers' replies, this machine's clock is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead'}."
    ]


def _skewed(facts: Facts) -> Verdict:
    return [facts.text, *clock_offset(facts)] if facts.rejected_date else False


SET_CLOCK = do(
    "Synchronize this machine's clock (chrony or systemd-timesyncd): it is too far off.",
    local=["timedatectl set-ntp true", "chronyc -a makestep"],
    more=["On EC2, use the time server 169.254.169.123."],
)


def _without_session_token(facts: Facts) -> Verdict:
    """Recognise temporary keys whose session token was not set: AWS does not know such a set."""
    incomplete = facts.keys.temporary and not facts.keys.has_session_token
    if not incomplete or code(facts) not in (None, *_UNKNOWN_KEYS):
        return False
    seen = [facts.text] if facts.text else []
    return [
        *seen,
        f"The access key id in {_aws_keys.place(facts)} is one of temporary keys, and there is no session token.",
    ]


def _copied(facts: Facts) -> Verdict:
    if code(facts) not in _aws_keys.EXPIRED or not _aws_keys.copied(facts):
        return False
    return [facts.text, f"The keys are in {_aws_keys.place(facts)}.", *_aws_keys.renewing_sources(facts)]


def _expired(facts: Facts) -> bool:
    return code(facts) in (*_aws_keys.EXPIRED, *(("RuntimeError",) if facts.step == "aws" else ()))


def _not_enabled(facts: Facts) -> Verdict:
    if code(facts) == "RegionDisabledException":
        return True
    region = evidence(facts).sts_region
    if code(facts) not in _UNKNOWN_KEYS or region in (None, USUAL) or not evidence(facts).accepted_in(USUAL):
        return False
    return [facts.text, f"AWS accepts the same keys in {USUAL}."]


def _enable_region(facts: Facts) -> Remedy:
    region = evidence(facts).sts_region or (facts.region.value if facts.region is not None else "REGION")
    return Remedy(
        ["Use a region that the account has enabled, or enable this one."],
        local=[f"export AWS_REGION={USUAL}"],
        aws=[_commands.aws(facts, f"account enable-region --region-name {region}", region=False)],
        terraform=[_commands.resource("aws_account_region", region_name=region, enabled=True)],
        run=[_commands.aws(facts, f"account enable-region --region-name {region}", region=False)],
    )


def _unknown_keys(facts: Facts) -> Remedy:
    remedy = _aws_keys.set_again(
        facts,
        "Check that the keys exist, that the session token is set if they are temporary, and that the account has the "
        "region enabled.",
    )
    return remedy._replace(aws=[*remedy.aws, _commands.aws(facts, "iam list-access-keys", region=False)])


def _partition(facts: Facts) -> str:
    match = re.search(r"sts\.([a-z0-9-]+)\.", evidence(facts).sts_url or "")
    return match[1] if match else "REGION"


REGION_NOT_ENABLED = Failure(
    "region-not-enabled",
    STEPS,
    _not_enabled,
    "The account has not enabled the region, so AWS does not know the keys there.",
    _enable_region,
)

ENTRIES = (
    Failure(
        "clock-skew",
        ("aws", "exchange", "impersonation", "id_token", "signing", "delegation"),
        _skewed,
        "The clock of this machine is too far off.",
        SET_CLOCK,
    ),
    Failure(
        "no-session-token",
        STEPS,
        _without_session_token,
        "The keys are temporary, and their session token is missing.",
        lambda facts: _aws_keys.set_again(facts)._replace(
            aws=[_commands.aws(facts, "configure export-credentials --format env", region=False)]
        ),
    ),
    Failure(
        "secret-key-wrong",
        STEPS,
        _code("SignatureDoesNotMatch", "IncompleteSignature"),
        "The secret access key does not belong to the access key id, or a proxy changes signed headers.",
        lambda facts: _aws_keys.set_again(facts, "AWS remembers a wrong key for some seconds."),
    ),
    Failure(
        "keys-frozen",
        STEPS,
        _copied,
        "These are copied temporary credentials. They have expired, and nothing renews them.",
        lambda facts: _aws_keys.remove(facts, "These are copied temporary credentials, and they have expired."),
    ),
    Failure(
        "keys-expired",
        STEPS,
        _expired,
        "The keys have expired, and their source gives no new ones.",
        lambda facts: Remedy(
            ["Renew the keys at their source. If they are fresh, synchronize this machine's clock."],
            aws=[_commands.aws(facts, _aws_keys.IDENTITY)],
        ),
    ),
    Failure(
        "region-not-enabled",
        STEPS,
        _code("RegionDisabledException"),
        "The account has not enabled the region, so AWS does not know the keys there.",
        _enable_region,
    ),
    Failure(
        "keys-unknown",
        STEPS,
        _code(*_UNKNOWN_KEYS),
        "AWS does not know these keys: they were deleted, belong to another partition, or came with another session token.",
        _unknown_keys,
        variants=[REGION_NOT_ENABLED],
    ),
    *_denials.ENTRIES,
    Failure(
        "caller-identity-denied",
        ("exchange",),
        _code("AccessDenied", "AccessDeniedException"),
        "A policy of a VPC endpoint or of the organization denies sts:GetCallerIdentity.",
        lambda facts: _denials.look_at_policies(facts, _partition(facts)),
    ),
    Failure(
        "aws-refuses",
        ("exchange",),
        lambda facts: facts.aws_reason is not None,
        "AWS rejected the signature.",
        lambda facts: Remedy(
            ["Look up the code in the documentation of AWS STS."], aws=[_commands.aws(facts, _aws_keys.IDENTITY)]
        ),
    ),
)
