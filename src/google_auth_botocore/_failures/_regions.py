"""AWS regions: none, an unknown one, one that Google rejects."""

from __future__ import annotations

import re

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import REGION_VARIABLES, credentials_file, profile_of
from google_auth_botocore._failures._entry import Failure, Remedy, reason, words
from google_auth_botocore._failures._facts import Facts

# A region that every account has enabled.
DEFAULT_REGION = "us-east-1"
_SET = "Set AWS_REGION, region= or the profile's region to a region such as eu-central-1; for a local zone, to its parent region."
_NAME = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_LIST = "ec2 describe-regions --query 'Regions[].RegionName'"


def _correct(facts: Facts) -> Remedy:
    """Return where the wrong region is set, and how to correct it there."""
    region = facts.region
    list_regions = _commands.aws(facts, _LIST, "--region", DEFAULT_REGION, region=False)
    if region is None:
        return _set_region(facts)
    sentences = [f"The region comes from {_commands.place(region)}."]
    if region.variable is not None:
        names = [name for name in REGION_VARIABLES if name == region.variable]
        return Remedy(
            [*sentences, "Set it to a region such as eu-central-1, or unset it."],
            [_commands.unset(*names)],
            aws=[list_regions],
        )
    if region.file is not None:
        if "#" in region.value or ";" in region.value:
            sentences.append("In these files, a comment must be on a separate line.")
        # The command writes to the config file, and the credentials file comes first.
        if region.file == str(credentials_file()):
            return Remedy([*sentences, "Correct it there."], aws=[list_regions])
        match = _NAME.search(region.value)
        right = match[0] if match is not None and match[0] != region.value else "REGION"
        write = _commands.command("aws configure set region", right, "--profile", profile_of(region))
        return Remedy([*sentences, "Correct it there."], aws=[write, list_regions])
    return Remedy([*sentences, "Pass a region such as eu-central-1."], aws=[list_regions])


def _set_region(facts: Facts) -> Remedy:
    look = _commands.aws(facts, _LIST, "--region", DEFAULT_REGION, region=False)
    return Remedy([_SET], [f"export AWS_REGION={DEFAULT_REGION}"], aws=[look], run=())


ENTRIES = (
    Failure(
        "no-region",
        ("aws",),
        reason("NoRegionError"),
        "AWS issues JWTs only at regional endpoints, and no region is set.",
        _set_region,
    ),
    Failure(
        "region-unknown",
        ("aws",),
        reason("InvalidRegionError", "InvalidRegion"),
        "AWS has no such region.",
        _correct,
    ),
    Failure(
        "region-not-accepted",
        ("exchange",),
        words("is not an AWS STS endpoint"),
        "Google does not know the AWS STS endpoint of this region.",
        _correct,
    ),
)
