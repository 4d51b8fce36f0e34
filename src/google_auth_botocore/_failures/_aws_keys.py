"""Find static AWS keys, in environment variables or in a file, and explain how to replace them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import KEY_SETTINGS, KEY_VARIABLES, in_profile
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Remedy
from google_auth_botocore._failures._facts import ARGUMENT, Facts, Setting

# The sources that hold keys. All others request them.
STATIC = {"env", "shared-credentials-file", "config-file"}
# Codes for keys that expired.
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_SOURCES_OF_ROLES = (None, "assume-role")
IDENTITY = "sts get-caller-identity"


def static_keys(facts: Facts) -> Setting | None:
    """Return where the access key id is, if it is in the environment or in a file."""
    source = facts.keys.source or facts.provider
    variable, file = KEY_VARIABLES[0], KEY_SETTINGS[0]
    in_environment = bool(os.environ.get(variable)) and (facts.profile is None or facts.profile.origin != ARGUMENT)
    # While AWS keys are resolved, those that a role is assumed with may be at fault.
    of_role = facts.step == "aws" and source in _SOURCES_OF_ROLES
    if source == "env" or (of_role and in_environment):
        return Setting("", variable)
    if source in STATIC or of_role:
        return in_profile(facts, file)
    return None


def copied(facts: Facts) -> bool:
    """Return whether the keys are in a place where nothing renews them."""
    # AWS Lambda puts its role's keys into the environment itself, and they outlive the process.
    return static_keys(facts) is not None and not os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


def renewing_sources(facts: Facts) -> list[str]:
    """Return a sentence for each source that renews its keys, but that botocore does not try because of the static keys."""
    return [
        f"{each.name} (configured by {each.configured_by}) renews its keys, but botocore does not try it."
        for each in evidence(facts).sources
        if each.configured_by and each.method not in STATIC
    ]


def place(facts: Facts) -> str:
    """Return where the keys are, in words."""
    setting = static_keys(facts)
    if setting is None:
        source = facts.keys.source or facts.provider
        return "their source" if source is None else f"the source {source}"
    return f"[{setting.section}] of {setting.file}" if setting.file is not None else "environment variables"


def remove(facts: Facts, *sentences: str) -> Remedy:
    """Return how to remove static keys, so that botocore finds those of a source that renews them."""
    return _change(
        facts,
        sentences,
        in_environment="Unset the variables, so that botocore uses a source that renews its keys.",
        in_file="Remove the keys from {line}, or write new ones there.",
    )


def set_again(facts: Facts, *sentences: str) -> Remedy:
    """Return how to set the three of a set of keys again."""
    remedy = _change(
        facts,
        sentences,
        in_environment=f"Set {_set_of(KEY_VARIABLES)} again, from one set of keys.",
        in_file=f"Write {_set_of(KEY_SETTINGS)} again in {{line}}, all from one set of keys.",
    )
    # No command sets keys.
    return remedy if static_keys(facts) is None else remedy._replace(run=())


def _set_of(names: Sequence[str]) -> str:
    key_id, secret, token = names
    return f"{key_id}, {secret} and {token} (if any)"


def _change(facts: Facts, sentences: Sequence[str], *, in_environment: str, in_file: str) -> Remedy:
    """Return how to change static keys where they are; for the keys of another source, only how to look at them."""
    setting = static_keys(facts)
    look = [_commands.aws(facts, "configure list", region=False), _commands.aws(facts, IDENTITY)]
    if setting is None:
        return Remedy(sentences, aws=look)
    if setting.file is None:
        return Remedy([*sentences, in_environment], [_commands.unset(*KEY_VARIABLES)], aws=look)
    line = f"{place(facts)} (line {setting.line})"
    return Remedy([*sentences, in_file.format(line=line)], aws=look, run=())
