"""AWS rejects the keys or their signature: directly, or as Google reports it after its call to AWS."""

from __future__ import annotations

import re
from collections.abc import Callable

from google_auth_botocore._failures import _aws_keys, _commands, _denials
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, do
from google_auth_botocore._failures._facts import EVERY, Facts
from google_auth_botocore._failures._regions import DEFAULT_REGION

STEPS = ("aws", "exchange")
_UNKNOWN_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "AuthFailure",
    "NotAuthorized",
)
# The regions of all partitions but the default one.
_OTHER_PARTITIONS = re.compile(r"(cn|us-gov|us-iso[a-z]*|eu-iso[a-z]*|eusc)-")
# Seconds. A smaller offset is not worth mentioning: AWS accepts a date that is up to five minutes off.
_SECONDS_OFF = 60


def code(facts: Facts) -> str | None:
    """Return AWS's code for the rejection."""
    return facts.aws_reason or (facts.reason if facts.step == "aws" else None)


def _code(*codes: str) -> Callable[[Facts], bool]:
    return lambda facts: code(facts) in codes


def clock_offset(facts: Facts) -> list[str]:
    """Return a line that says how far this machine's clock is off, if `doctor` knows it."""
    offset = evidence(facts).clock_offset
    if offset is None or abs(offset) <= _SECONDS_OFF:
        return []
    return [
        f"According to the servers' replies, this machine's clock is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead'}."
    ]


def _skewed(facts: Facts) -> Verdict:
    return [facts.text, *clock_offset(facts)] if facts.rejected_date else False


SET_CLOCK = do(
    "Synchronize this machine's clock (chrony or systemd-timesyncd): it is too far off.",
    local=["timedatectl set-ntp true", "chronyc -a makestep"],
    more=["On EC2, use the time server 169.254.169.123."],
)


def _without_session_token(facts: Facts) -> Verdict:
    """Recognise temporary keys whose session token is not set. AWS does not accept them without it."""
    incomplete = facts.keys.temporary and not facts.keys.has_session_token
    if not incomplete or code(facts) not in (None, *_UNKNOWN_KEYS):
        return False
    seen = [facts.text] if facts.text else []
    return [
        *seen,
        f"The access key id in {_aws_keys.place(facts)} is that of temporary keys, and there is no session token.",
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
    if (
        code(facts) not in _UNKNOWN_KEYS
        or region in (None, DEFAULT_REGION)
        or not evidence(facts).accepted_in(DEFAULT_REGION)
    ):
        return False
    return [facts.text, f"AWS accepts the same keys in {DEFAULT_REGION}."]


def _enable_region(facts: Facts) -> Remedy:
    region = evidence(facts).sts_region or (facts.region.value if facts.region is not None else "REGION")
    return Remedy(
        ["Use a region that the account has enabled, or enable this one."],
        local=[f"export AWS_REGION={DEFAULT_REGION}"],
        aws=[_commands.aws(facts, f"account enable-region --region-name {region}", region=False)],
        terraform=[_commands.resource("aws_account_region", region_name=region, enabled=True)],
        run=[_commands.aws(facts, f"account enable-region --region-name {region}", region=False)],
    )


def _unknown_keys(facts: Facts) -> Remedy:
    remedy = _aws_keys.set_again(
        facts,
        "Check that the keys exist, and that the account has enabled the region.",
    )
    return remedy._replace(aws=[*remedy.aws, _commands.aws(facts, "iam list-access-keys", region=False)])


def _sts_region(facts: Facts) -> str:
    match = re.search(r"sts\.([a-z0-9-]+)\.", evidence(facts).sts_url or "")
    return match[1] if match else "REGION"


def _of_another_partition(facts: Facts) -> Verdict:
    region = evidence(facts).sts_region
    return _not_enabled(facts) if _OTHER_PARTITIONS.match(region or "") else False


_OF_ANOTHER_PARTITION = Failure(
    "region-of-another-partition",
    STEPS,
    _of_another_partition,
    "The region belongs to another partition (AWS China, GovCloud or a sovereign cloud) than the keys.",
    lambda facts: Remedy(
        ["Use a region of the partition that the keys belong to, or keys of an account in the region's partition."],
        local=[f"export AWS_REGION={DEFAULT_REGION}"],
        aws=[_commands.aws(facts, _aws_keys.IDENTITY, "--region", DEFAULT_REGION, region=False)],
    ),
)

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
        EVERY,
        _skewed,
        "The clock of this machine is too far off.",
        SET_CLOCK,
    ),
    Failure(
        "no-session-token",
        STEPS,
        _without_session_token,
        "The keys are temporary, and their session token is missing.",
        lambda facts: _aws_keys.set_again(
            facts, "The access key id is one of temporary keys, which require a session token."
        )._replace(aws=[_commands.aws(facts, "configure export-credentials --format env", region=False)]),
    ),
    Failure(
        "secret-key-wrong",
        STEPS,
        _code("SignatureDoesNotMatch", "IncompleteSignature"),
        "The secret access key does not belong to the access key id, or a proxy changes signed headers.",
        lambda facts: _aws_keys.set_again(
            facts,
            "The secret does not belong to the access key id, or a proxy changes headers.",
        )._replace(more=["After a correction, AWS may still reject the keys for some seconds."]),
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
        "The keys have expired, and their source provides no new ones.",
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
        variants=[_OF_ANOTHER_PARTITION, REGION_NOT_ENABLED],
    ),
    *_denials.ENTRIES,
    Failure(
        "caller-identity-denied",
        ("exchange",),
        _code("AccessDenied", "AccessDeniedException"),
        "A policy of a VPC endpoint or of the organization denies sts:GetCallerIdentity.",
        lambda facts: _denials.look_at_policies(facts, _sts_region(facts)),
    ),
    Failure(
        "aws-rejects",
        ("exchange",),
        lambda facts: facts.aws_reason is not None,
        "AWS rejected the signature.",
        lambda facts: Remedy(
            ["Look up the code in the documentation of AWS STS."], aws=[_commands.aws(facts, _aws_keys.IDENTITY)]
        ),
    ),
)
