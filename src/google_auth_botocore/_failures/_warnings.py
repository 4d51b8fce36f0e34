"""What works here and now, but may fail elsewhere or later. Only `doctor` checks this, and names the steps itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from google_auth_botocore._failures import _aws_keys, _commands
from google_auth_botocore._failures._aws_settings import REGION_VARIABLES
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, do
from google_auth_botocore._failures._facts import ARGUMENT, Facts
from google_auth_botocore._failures._instances import OWN_ROLE_MEANING, own_role, role_of_the_instance
from google_auth_botocore._failures._regions import DEFAULT_REGION
from google_auth_botocore._failures._rejections import SET_CLOCK, clock_offset
from google_auth_botocore._redaction import shown

_ZONE = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+(?P<zone>[a-z]|-[a-z0-9-]+)")
_GLOBAL = "https://sts.amazonaws.com"
_CLOCK_MEANING = "The clock of this machine is off. These credentials take the time from the servers' replies, but other programs fail."


def _with_https(facts: Facts) -> Verdict:
    audience = evidence(facts).given_audience or ""
    if not audience.startswith("https:"):
        return False
    return [f"The audience is {audience}. These credentials remove https:, but other libraries send it."]


def _regions(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each flag and variable that sets the region."""
    if facts.region is not None and facts.region.origin == ARGUMENT:
        yield "--region", facts.region.value
    for name in REGION_VARIABLES:
        if name in os.environ:
            yield name, shown(os.environ[name])


def _empty_region(facts: Facts) -> Verdict:
    return [
        f"{name} is empty. These credentials ignore it, but other programs look for the host sts..amazonaws.com."
        for name, value in _regions(facts)
        if not value.strip()
    ]


def _unset_empty(facts: Facts) -> Remedy:
    names = [name for name, value in _regions(facts) if not value.strip()]
    return Remedy(["Unset the empty variable."], [_commands.unset(*(names or REGION_VARIABLES))])


def _zone(facts: Facts) -> Verdict:
    region = evidence(facts).sts_region
    return [
        f"{name} is {value}, a zone. These credentials use its region, {region}, but other programs look for sts.{value}.amazonaws.com."
        for name, value in _regions(facts)
        if _ZONE.fullmatch(value.strip()) and region is not None
    ]


def _no_region(facts: Facts) -> Verdict:
    if not (evidence(facts).sts_url or "").startswith(_GLOBAL):
        return False
    return ["No region is set, so the signed request is for AWS's global endpoint. google.auth.aws would fail."]


def _copied(facts: Facts) -> Verdict:
    if not facts.keys.has_session_token or facts.keys.source not in _aws_keys.STATIC or not _aws_keys.copied(facts):
        return False
    return [
        f"There are temporary keys in {_aws_keys.place(facts)}. Nothing renews them, and they expire within hours.",
        *_aws_keys.renewing_sources(facts),
    ]


def _unreachable(facts: Facts) -> Verdict:
    looked_up = evidence(facts)
    if not looked_up.unreachable or looked_up.sts_url is None:
        return False
    return [f"{looked_up.sts_url.partition('?')[0]}: {looked_up.unreachable}"]


def _off(facts: Facts) -> Verdict:
    return clock_offset(facts)


def _rejected_date(facts: Facts) -> Verdict:
    return [facts.text] if facts.rejected_date else False


ENTRIES = (
    Failure(
        "https-in-audience",
        ("configuration",),
        _with_https,
        "The audience begins with https:.",
        do("Begin the audience with //iam.googleapis.com/."),
    ),
    Failure(
        "keys-frozen",
        ("AWS keys",),
        _copied,
        "These are copied temporary credentials. They work for some hours, and nothing renews them.",
        lambda facts: _aws_keys.remove(
            facts, "Let botocore find the keys at their source. To name the source, set AWS_PROFILE."
        ),
    ),
    Failure(
        "empty-region", ("signed request",), _empty_region, "A variable that sets the region is empty.", _unset_empty
    ),
    Failure(
        "zone-for-region",
        ("signed request",),
        _zone,
        "The region is set to the name of a zone.",
        lambda facts: Remedy(
            ["Set the region instead of the zone."], [f"export AWS_REGION={evidence(facts).sts_region or 'REGION'}"]
        ),
    ),
    Failure(
        "no-region",
        ("signed request",),
        _no_region,
        "No AWS region is set.",
        do("Set the region.", local=[f"export AWS_REGION={DEFAULT_REGION}"]),
    ),
    Failure("clock-skew", ("AWS caller",), _rejected_date, _CLOCK_MEANING, SET_CLOCK),
    Failure(
        "aws-unreachable",
        ("AWS caller",),
        _unreachable,
        "AWS STS cannot be reached from here, so the caller is not known. Google can still issue a token, because it calls AWS itself.",
        lambda facts: Remedy(
            ["If AWS STS has another address here, pass --aws-sts-endpoint."],
            aws=[_commands.aws(facts, "sts get-caller-identity")],
        ),
    ),
    Failure("role-of-the-instance", ("AWS caller",), role_of_the_instance, OWN_ROLE_MEANING, own_role),
    Failure("clock-skew", ("clock",), _off, _CLOCK_MEANING, SET_CLOCK),
    Failure(
        "no-project",
        ("project",),
        lambda facts: [] if evidence(facts).project else ["Neither --project nor GOOGLE_CLOUD_PROJECT is set."],
        "No project is set. Client libraries that require one search for it, and may fail before the first call.",
        do("Pass project= to the client, or set the variable.", local=["export GOOGLE_CLOUD_PROJECT=PROJECT_ID"]),
    ),
)
