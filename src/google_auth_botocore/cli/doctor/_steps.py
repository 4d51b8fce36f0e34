"""Run the steps of `doctor` in order, up to the first failure."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore._failures import _page, _table
from google_auth_botocore._failures._aws_keys import STATIC
from google_auth_botocore._failures._entry import Diagnosis
from google_auth_botocore.cli.doctor import _aws, _google
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._step_outcomes import StepFailed, Unknown

OK, WARNING, FAILED, UNKNOWN, NOT_REACHED = "ok", "warning", "failed", "unknown", "not reached"


class Step(NamedTuple):
    """One step.

    Attributes:
        name: The name in the report.
        run: Performs the step, adds to the evidence, and returns what it saw.
        works_offline: Returns whether the step makes no network call.
        limit: Seconds after which the credentials stop waiting for a reply. None: the step sets its own limits.
    """

    name: str
    run: Callable[[Evidence], str]
    works_offline: Callable[[Evidence], bool]
    limit: float | None = None


class Result(NamedTuple):
    """The result of a step.

    Attributes:
        step: The name of the step.
        state: ok, warning, failed, unknown or not reached.
        saw: What the step saw, in one or more lines.
        diagnosis: The failure or warning, as an entry of the table of failures.
        requests: The requests that the step made: see `Recorder.requests`.
    """

    step: str
    state: str
    saw: str
    diagnosis: Diagnosis | None = None
    requests: tuple[str, ...] = ()


# Seconds. The credentials wait this long for AWS and Google together.
_EXCHANGE = 30.0


def _always(_: Evidence) -> bool:
    return True


def _never(_: Evidence) -> bool:
    return False


def _signs_offline(evidence: Evidence) -> bool:
    """Return whether reading the keys and signing with them makes no network call."""
    makes_call = evidence.options.assume_role or evidence.uses_jwt
    no_source = not any(each.configured_by for each in evidence.sources)
    return not makes_call and (evidence.key_source in STATIC or no_source)


_STEPS = (
    Step("configuration", _google.configuration, _always),
    Step("AWS source", _aws.source, _always),
    Step("AWS keys", _aws.keys, _signs_offline, _EXCHANGE),
    Step("signed request", _aws.signed_request, lambda evidence: evidence.request is not None),
    Step("AWS caller", _aws.caller, _never),
    Step("clock", _google.clock, _never),
    Step("exchange", _google.exchange, _never, _EXCHANGE),
    Step("principal", _google.principal, _never),
    Step("service account", _google.service_account, _never),
    Step("project", _google.project, _always),
    Step("call", _google.call, _never),
)


def run(evidence: Evidence) -> Iterator[Result]:
    """Run the steps until one fails, and yield the result of each step as soon as it is known."""
    failed = False
    for step in _requested(evidence.options):
        if failed:
            yield Result(step.name, NOT_REACHED, "")
        elif evidence.options.offline and not step.works_offline(evidence):
            yield Result(step.name, NOT_REACHED, "requires the network")
        else:
            before = len(evidence.recorder.requests)
            with evidence.waiting.step(step.name, step.limit):
                result = _run(step, evidence)
            failed = result.state == FAILED
            yield result._replace(requests=tuple(evidence.recorder.requests[before:]))


def _requested(options: argparse.Namespace) -> Iterable[Step]:
    return (step for step in _STEPS if step.run is not _google.call or options.call is not None)


def _run(step: Step, evidence: Evidence) -> Result:
    try:
        saw = step.run(evidence)
    except (ConfigurationError, FederationError) as error:
        return _failed(step, evidence, error)
    except StepFailed as failure:
        return Result(step.name, FAILED, str(failure), _table.find(failure.facts))
    diagnosis = _table.warn(evidence.facts(step.name, **_rejected_date(step, evidence)))
    if diagnosis is not None:
        return Result(step.name, WARNING, saw, diagnosis)
    return Result(step.name, UNKNOWN if isinstance(saw, Unknown) else OK, saw)


def _rejected_date(step: Step, evidence: Evidence) -> dict[str, object]:
    """Return the facts if AWS rejected the date of the signature. The exchange signs again with a corrected date."""
    if step.run is not _aws.caller or evidence.rejection is None:
        return {}
    return {"rejected_date": True, "text": f"AWS replied {evidence.rejection.code}: {evidence.rejection.message}"}


def _failed(step: Step, evidence: Evidence, error: ConfigurationError | FederationError) -> Result:
    evidence.error = error
    facts = evidence.facts_of(error)
    found = _table.find(facts)
    message = _message(error)
    if found is None:
        return Result(step.name, FAILED, message)
    # Show the whole message instead of only the server's part of it.
    seen = [message, *(line for line in found.seen if line and line != facts.text)]
    if found.failure is not found.general and facts.text not in found.seen:
        seen = seen[1:]
    return Result(step.name, FAILED, _short(error), found._replace(seen=tuple(seen)))


def _message(error: ConfigurationError | FederationError) -> str:
    """Return the text of an error without its hint, its link and its command."""
    text, hint = str(error), getattr(error, "hint", None)
    return _page.without_link(text.removesuffix(hint or ""))


def _short(error: ConfigurationError | FederationError) -> str:
    """Return a few words about an error."""
    if isinstance(error, ConfigurationError):
        return "invalid"
    status = f"HTTP {error.status_code}" if error.status_code else None
    return ", ".join(filter(None, (status, error.reason))) or "no reply"
