"""No token within 30 seconds: with `doctor`'s evidence, which source of AWS keys does not reply."""

from __future__ import annotations

from google_auth_botocore._failures import _aws_calls, _aws_process, _aws_sources, _commands, _instances
from google_auth_botocore._failures._aws_keys import STATIC
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, never
from google_auth_botocore._failures._evidence import Source
from google_auth_botocore._failures._facts import EVERY, Facts

_STEP = ("aws",)


def _source(facts: Facts) -> Source | None:
    """Return the source that botocore waits for: the first one that makes a call, and is configured."""
    if facts.step not in _STEP:
        return None
    return next(
        (each for each in evidence(facts).sources if each.configured_by is not None and each.method not in STATIC),
        None,
    )


def _silent(facts: Facts) -> Verdict:
    source = _source(facts)
    return [facts.text, f"botocore waits for {source.name}, configured by {source.configured_by}."] if source else False


def _look_at_source(facts: Facts) -> Remedy:
    source = _source(facts)
    method = "" if source is None else source.method
    if method == "custom-process":
        return _aws_process.run_process(
            facts,
            "Run the profile's credential_process by hand. It must end within 30 seconds, and must not wait for input.",
        )
    if method == "container-role":
        return _aws_sources.CHECK_CONTAINER(facts)
    if method == "iam-role":
        return _instances.try_metadata(facts)
    return _aws_calls.reach_endpoint(facts)


def _try_again(facts: Facts) -> Remedy:
    sentences = ["The exchange continues in the background, and the next call gets its token."]
    if facts.step not in _STEP:
        return Remedy(sentences)
    sentences.append("If it does not, doctor shows which source of AWS keys does not reply.")
    return Remedy(sentences, [_commands.doctor(facts)])


ENTRIES = (
    Failure(
        "deadline-exceeded",
        EVERY,
        never,
        "The exchange takes longer than 30 seconds.",
        _try_again,
        variants=(
            _instances.METADATA_UNREACHABLE,
            Failure(
                "source-of-keys-silent",
                _STEP,
                _silent,
                "A source of AWS keys does not reply within 30 seconds.",
                _look_at_source,
            ),
        ),
    ),
)
