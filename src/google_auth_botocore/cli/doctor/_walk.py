"""Follows a token, step by step, up to the first failure."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import NamedTuple

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore._failures import _table
from google_auth_botocore._failures._entry import Diagnosis
from google_auth_botocore.cli.doctor import _aws, _google
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._findings import StepFailed, Unknown

OK, WARNING, FAILED, UNKNOWN, NOT_REACHED = "ok", "warning", "failed", "unknown", "not reached"


class Look(NamedTuple):
    """One step.

    Attributes:
        step: Its name.
        at: Looks, and returns in words what it saw.
        offline: Tells whether it makes no network call.
    """

    step: str
    at: Callable[[Evidence], str]
    offline: Callable[[Evidence], bool]


class Step(NamedTuple):
    """The result of a step.

    Attributes:
        name: Its name.
        state: ok, warning, failed, unknown or not reached.
        saw: What was seen, in one or more lines.
        diagnosis: The entry of a failure or a warning.
    """

    name: str
    state: str
    saw: str
    diagnosis: Diagnosis | None = None


def _always(_: Evidence) -> bool:
    return True


def _never(_: Evidence) -> bool:
    return False


def _keys_at_hand(evidence: Evidence) -> bool:
    """Tell whether signing makes no network call."""
    calls = evidence.options.assume_role or evidence.uses_jwt
    none = not any(each.configured_by for each in evidence.sources)
    return not calls and (evidence.winner in _aws.AT_HAND or none)


_STEPS = (
    Look("configuration", _google.configuration, _always),
    Look("AWS source", _aws.source, _always),
    Look("AWS keys", _aws.keys, _keys_at_hand),
    Look("signed request", _aws.signed_request, lambda evidence: evidence.request is not None),
    Look("AWS caller", _aws.caller, _never),
    Look("clock", _google.clock, _never),
    Look("exchange", _google.exchange, _never),
    Look("principal", _google.principal, _never),
    Look("service account", _google.service_account, _never),
    Look("project", _google.project, _always),
    Look("call", _google.call, _never),
)


def walk(options: argparse.Namespace) -> tuple[Evidence, list[Step]]:
    """Take each step until one fails, and return what was seen."""
    evidence, steps, failed = Evidence(options), list[Step](), False
    for look in _requested(options):
        if failed:
            steps.append(Step(look.step, NOT_REACHED, ""))
        elif options.offline and not look.offline(evidence):
            steps.append(Step(look.step, NOT_REACHED, "needs the network"))
        else:
            steps.append(_step(look, evidence))
            failed = steps[-1].state == FAILED
    return evidence, steps


def _requested(options: argparse.Namespace) -> Iterable[Look]:
    return (look for look in _STEPS if look.at is not _google.call or options.call is not None)


def _step(look: Look, evidence: Evidence) -> Step:
    try:
        saw = look.at(evidence)
    except (ConfigurationError, FederationError) as error:
        return _failed(look, evidence, error)
    except StepFailed as failure:
        return Step(look.step, FAILED, str(failure), _table.find(failure.facts))
    diagnosis = _table.warn(evidence.facts(look.step, **_rejection(look, evidence)))
    if diagnosis is not None:
        return Step(look.step, WARNING, saw, diagnosis)
    return Step(look.step, UNKNOWN if isinstance(saw, Unknown) else OK, saw)


def _rejection(look: Look, evidence: Evidence) -> dict[str, object]:
    """Return the facts of a signature whose date AWS rejects. The exchange dates it again."""
    if look.at is not _aws.caller or evidence.rejection is None:
        return {}
    return {"rejected_date": True, "text": f"AWS says {evidence.rejection.code}: {evidence.rejection.message}"}


def _failed(look: Look, evidence: Evidence, error: ConfigurationError | FederationError) -> Step:
    evidence.error = error
    facts = evidence.facts_of(error)
    found = _table.find(facts)
    message = _message(error)
    if found is None:
        return Step(look.step, FAILED, message)
    # The whole message in place of the server's words in it.
    seen = [message, *(line for line in found.seen if line and line != facts.text)]
    if found.failure is not found.general and facts.text not in found.seen:
        seen = seen[1:]
    return Step(look.step, FAILED, _short(error), found._replace(seen=tuple(seen)))


def _message(error: ConfigurationError | FederationError) -> str:
    """Return the text of an error without its hint."""
    text, hint = str(error), getattr(error, "hint", None)
    return text.removesuffix(hint).rstrip() if hint else text


def _short(error: ConfigurationError | FederationError) -> str:
    """Return an error in a few words."""
    if isinstance(error, ConfigurationError):
        return "invalid"
    status = f"HTTP {error.status_code}" if error.status_code else None
    return ", ".join(filter(None, (status, error.reason))) or "no reply"
