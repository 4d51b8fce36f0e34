"""What works here and now, but fails elsewhere or later. Only `doctor` looks for it; the steps are its own."""

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
from google_auth_botocore._failures._regions import USUAL
from google_auth_botocore._failures._rejections import SET_CLOCK, clock_offset
from google_auth_botocore._redaction import shown

_ZONE = re.compile(r"[a-z]+(-[a-z]+)+-\d+(?P<zone>[a-z]|-[a-z0-9-]+)")
_GLOBAL = "https://sts.amazonaws.com"
_CLOCK_MEANING = "The clock of this machine is off. These credentials date their signatures by the servers' replies; other programs fail."


def _with_https(facts: Facts) -> Verdict:
    given = evidence(facts).given_audience or ""
    if not given.startswith("https:"):
        return False
    return [f"The audience is {given}. These credentials remove https:, but other libraries send it."]


def _regions(facts: Facts) -> Iterator[tuple[str, str]]:
    """Return each setting of the region and its value."""
    if facts.region is not None and facts.region.origin == ARGUMENT:
        yield "--region", facts.region.value
    for name in REGION_VARIABLES:
        if name in os.environ:
            yield name, shown(os.environ[name])


def _empty_region(facts: Facts) -> Verdict:
    return [
        f"{name} is set to nothing. These credentials ignore it; other programs look for the host sts..amazonaws.com."
        for name, value in _regions(facts)
        if not value.strip()
    ]


def _unset_empty(facts: Facts) -> Remedy:
    names = [name for name, value in _regions(facts) if not value.strip()]
    return Remedy(["Unset the empty variable."], [_commands.unset(*names)])


def _zone(facts: Facts) -> Verdict:
    region = evidence(facts).sts_region
    return [
        f"{name} is {value}, a zone. These credentials use its region, {region}; others look for sts.{value}.amazonaws.com."
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
    Failure("empty-region", ("signed request",), _empty_region, "A variable of the region is empty.", _unset_empty),
    Failure(
        "zone-for-region",
        ("signed request",),
        _zone,
        "The region is the name of a zone.",
        lambda facts: Remedy(
            ["Set the region in place of the zone."], [f"export AWS_REGION={evidence(facts).sts_region or 'REGION'}"]
        ),
    ),
    Failure(
        "no-region",
        ("signed request",),
        _no_region,
        "No AWS region is known.",
        do("Set the region.", local=[f"export AWS_REGION={USUAL}"]),
    ),
    Failure("clock-skew", ("AWS caller",), _rejected_date, _CLOCK_MEANING, SET_CLOCK),
    Failure(
        "aws-unreachable",
        ("AWS caller",),
        _unreachable,
        "AWS STS cannot be reached from here, so the caller is not known. A token can be issued all the same: Google itself calls AWS.",
        lambda facts: Remedy(
            ["If AWS STS has another address here, give --aws-sts-endpoint."],
            aws=[_commands.aws(facts, "sts get-caller-identity")],
        ),
    ),
    Failure("role-of-the-instance", ("AWS caller",), role_of_the_instance, OWN_ROLE_MEANING, own_role),
    Failure("clock-skew", ("clock",), _off, _CLOCK_MEANING, SET_CLOCK),
    Failure(
        "no-project",
        ("project",),
        lambda facts: [] if evidence(facts).project else ["Neither --project nor GOOGLE_CLOUD_PROJECT is set."],
        "No project is given. Client libraries that require one look for it, and may fail before the first call.",
        do("Give project= to the client, or set the variable.", local=["export GOOGLE_CLOUD_PROJECT=PROJECT_ID"]),
    ),
)
