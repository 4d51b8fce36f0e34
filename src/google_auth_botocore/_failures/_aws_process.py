"""credential_process: its program, its output, and the expiry that it prints."""

from __future__ import annotations

import os
import shlex

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import in_profile, profile_of
from google_auth_botocore._failures._entry import Failure, Remedy
from google_auth_botocore._failures._facts import Facts, Setting

_STEP = ("aws",)
_PROCESS = "credential_process"
# Exceptions for a file that cannot be used.
NO_FILE = ("FileNotFoundError", "PermissionError", "NotADirectoryError", "IsADirectoryError", "OSError")


def command_for(facts: Facts, setting: Setting | None, words: str) -> str:
    """Return an aws command for the profile that has a setting."""
    if setting is not None and facts.profile is not None and profile_of(setting) != facts.profile.value:
        return _commands.command(f"aws {words}", "--profile", profile_of(setting))
    return _commands.aws(facts, words, region=False)


def _process(facts: Facts) -> Setting | None:
    return in_profile(facts, _PROCESS)


def _program(setting: Setting) -> str | None:
    try:
        return next(iter(shlex.split(setting.value)), None)
    except ValueError:
        return None


def _no_program(facts: Facts) -> bool:
    setting = _process(facts)
    return facts.reason in NO_FILE and setting is not None and (facts.file is None or facts.file == _program(setting))


def _process_fails(facts: Facts) -> bool:
    if facts.reason == "CredentialRetrievalError":
        return facts.provider == "custom-process"
    # botocore raises these if it cannot split the command line, or cannot read the output.
    unreadable = ("JSONDecodeError", "KeyError", "UnicodeDecodeError", "AttributeError", "RecursionError", "TypeError")
    split = facts.reason == "ValueError" and facts.text in _UNSPLIT
    return (split or facts.reason in unreadable) and _process(facts) is not None


def run_process(facts: Facts, *sentences: str) -> Remedy:
    """Return these sentences, and where credential_process is set."""
    setting = _process(facts)
    where = "" if setting is None else f" It is set in {_commands.place(setting)}."
    get = command_for(facts, setting, f"configure get {_PROCESS}")
    return Remedy([" ".join(sentences) + where], aws=[get])


# What shlex, which botocore splits the command line with, says about it.
_UNSPLIT = ("No closing quotation", "No escaped character")
_EXPIRATION = ("offset-naive", "Parser must be a string", "Unknown string format", "String does not contain a date")


def _expiration(facts: Facts) -> bool:
    return facts.reason in ("ParserError", "TypeError", "ValueError", "OverflowError") and any(
        part in facts.text for part in _EXPIRATION
    )


def _write_expiration(facts: Facts) -> Remedy:
    form = "a string with a date, a time and a time zone, such as 2030-01-31T12:00:00Z"
    process = _process(facts)
    if process is not None and not os.environ.get("AWS_CREDENTIAL_EXPIRATION"):
        return run_process(facts, f"Change {_PROCESS} so that it prints Expiration as {form}.")
    return Remedy(
        [
            f"Correct the time at which the keys expire, in AWS_CREDENTIAL_EXPIRATION or in their source. It must be {form}."
        ]
    )


ENTRIES = (
    Failure(
        "process-missing",
        _STEP,
        _no_program,
        "The program that credential_process names cannot be started.",
        lambda facts: run_process(
            facts, "Correct credential_process: it must begin with the full path of an executable program."
        ),
    ),
    Failure(
        "expiry-invalid",
        _STEP,
        _expiration,
        "The time at which the keys expire is not a date and time with a time zone.",
        _write_expiration,
    ),
    Failure(
        "process-fails",
        _STEP,
        _process_fails,
        "The profile's credential_process fails, or its output is not the JSON object that botocore expects.",
        lambda facts: run_process(
            facts, "Run the profile's credential_process by hand. It must exit with status 0 and print one JSON object."
        ),
    ),
)
