"""What is wrong with the AWS region."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from google_auth_botocore._redaction import shown
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, reason
from google_auth_botocore.cli.doctor._seen import Seen

_KEYS = "AWS keys"


_ZONE = re.compile(r"[a-z]+(-[a-z]+)+-\d+(?P<zone>[a-z]|-[a-z0-9-]+)")


def _variables(seen: Seen) -> Iterator[tuple[str, str]]:
    yield "--region", seen.options.region or "unset"
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        yield name, shown(os.environ.get(name, "unset"))


def _empty_region(seen: Seen) -> Iterator[str]:
    for name, value in _variables(seen):
        if not value.strip():
            yield f"{name} is set to nothing. It is passed over here; other programs ask the host sts..amazonaws.com."


def _zone(seen: Seen) -> Iterator[str]:
    for name, value in _variables(seen):
        match = _ZONE.fullmatch(value.strip())
        if match and seen.request is not None:
            region = seen.request.region
            yield f"{name} is {value}, a zone. Here its region, {region}, is taken; others look for sts.{value}.amazonaws.com."


def _no_region(seen: Seen) -> Iterator[str]:
    if seen.request is not None and seen.request.url.startswith("https://sts.amazonaws.com"):
        yield "No region is set, so AWS's global endpoint is named; google.auth.aws would fail."


CAUSES: tuple[Cause, ...] = (
    Cause(
        "no-region",
        _KEYS,
        "AWS issues JWTs at regional endpoints alone, and no region is set.",
        reason("NoRegionError"),
        do(local=["export AWS_REGION=us-east-1"]),
    ),
    Cause(
        "region-unknown",
        _KEYS,
        "AWS has no such region.",
        reason("InvalidRegionError"),
        do(
            local=["unset AWS_REGION AWS_DEFAULT_REGION"],
            aws=["aws ec2 describe-regions --query 'Regions[].RegionName'"],
        ),
    ),
    Cause(
        "empty-region",
        "signed request",
        "A variable of the region is empty.",
        _empty_region,
        do(local=["unset AWS_REGION AWS_DEFAULT_REGION"]),
        fatal=False,
    ),
    Cause(
        "zone-for-region",
        "signed request",
        "A zone stands where a region belongs.",
        _zone,
        lambda seen: Mend(local=[f"export AWS_REGION={seen.request.region if seen.request else 'REGION'}"]),
        fatal=False,
    ),
    Cause(
        "no-region",
        "signed request",
        "No AWS region is known.",
        _no_region,
        do(local=["export AWS_REGION=us-east-1"]),
        fatal=False,
    ),
)
