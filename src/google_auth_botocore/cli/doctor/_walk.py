"""The way of a token, step by step, up to the first failure."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import NamedTuple

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.doctor import _aws, _cause, _google
from google_auth_botocore.cli.doctor._cause import Diagnosis
from google_auth_botocore.cli.doctor._seen import Seen
from google_auth_botocore.cli.doctor._table import TABLE

OK, WARNING, FAILED, NOT_REACHED = "ok", "warning", "failed", "not reached"


class Look(NamedTuple):
    """One step of the way.

    Attributes:
        step: its name.
        at: looks, and gives what it saw in words.
        offline: whether it asks nobody.
    """

    step: str
    at: Callable[[Seen], str]
    offline: Callable[[Seen], bool]


class Step(NamedTuple):
    """What became of a step.

    Attributes:
        name: of the step.
        state: ok, warning, failed or not reached.
        saw: in words, in one or more lines.
        diagnosis: the cause of a failure or warning.
    """

    name: str
    state: str
    saw: str
    diagnosis: Diagnosis | None = None


def _always(_: Seen) -> bool:
    return True


def _never(_: Seen) -> bool:
    return False


def _keys_at_hand(seen: Seen) -> bool:
    """Whether signing asks nobody."""
    asks = seen.options.assume_role or seen.credentials.info["subject_token_type"] == JWT
    return not asks and (seen.winner in _aws.AT_HAND or not any(each.stated_by for each in seen.sources))


_WAY = (
    Look("configuration", _google.configuration, _always),
    Look("AWS source", _aws.source, _always),
    Look("AWS keys", _aws.keys, _keys_at_hand),
    Look("signed request", _aws.signed_request, lambda seen: seen.request is not None),
    Look("AWS caller", _aws.caller, _never),
    Look("clock", _google.clock, _never),
    Look("exchange", _google.exchange, _never),
    Look("principal", _google.principal, _never),
    Look("service account", _google.service_account, _never),
    Look("project", _google.project, _always),
    Look("call", _google.call, _never),
)


def walk(options: argparse.Namespace) -> tuple[Seen, list[Step]]:
    """Goes the way, and tells what it saw on each step of it."""
    seen, steps, failed = Seen(options), list[Step](), False
    for look in _asked_for(options):
        if failed:
            steps.append(Step(look.step, NOT_REACHED, ""))
        elif options.offline and not look.offline(seen):
            steps.append(Step(look.step, NOT_REACHED, "needs the network"))
        else:
            steps.append(_step(look, seen))
            failed = steps[-1].state == FAILED
    return seen, steps


def _asked_for(options: argparse.Namespace) -> Iterable[Look]:
    return (look for look in _WAY if look.at is not _google.call or options.call is not None)


def _step(look: Look, seen: Seen) -> Step:
    where = look.step
    try:
        saw = look.at(seen)
    except (ConfigurationError, FederationError) as error:
        seen.error = error
        saw = seen.said
        if look.at is _google.call:  # a token had to be had anew: it's not the call that failed
            where = {"aws": "AWS keys", "exchange": "exchange"}.get(seen.step or "", "service account")
    diagnosis = _cause.find(TABLE, where, seen, fatal=True)
    if diagnosis is not None:
        return Step(look.step, FAILED, seen.short if saw in diagnosis.evidence else saw, diagnosis)
    diagnosis = _cause.find(TABLE, look.step, seen, fatal=False)
    return Step(look.step, OK if diagnosis is None else WARNING, saw, diagnosis)
