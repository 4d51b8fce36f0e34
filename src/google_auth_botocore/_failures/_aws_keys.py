"""Where static AWS keys are, and how to replace them: variables of the environment, or lines of a file."""

from __future__ import annotations

import os

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._aws_settings import KEY_SETTINGS, KEY_VARIABLES, in_profile
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Remedy
from google_auth_botocore._failures._facts import ARGUMENT, Facts, Setting

# The sources whose keys are there already; all others have to be requested.
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
    """Return sources that renew their keys, but that botocore does not try because of the static keys."""
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
    setting = static_keys(facts)
    look = [_commands.aws(facts, "configure list", region=False), _commands.aws(facts, IDENTITY)]
    if setting is None:
        return Remedy(sentences, aws=look)
    if setting.variable is not None:
        return Remedy(
            [*sentences, "Unset the variables, so that botocore uses a source that renews its keys."],
            [_commands.unset(*KEY_VARIABLES)],
            aws=look,
        )
    return Remedy(
        [
            *sentences,
            f"Remove the keys from [{setting.section}] of {setting.file} (line {setting.line}), or write new ones there.",
        ],
        aws=look,
        run=(),
    )


def set_again(facts: Facts, *sentences: str) -> Remedy:
    """Return how to set the three of a set of keys again."""
    setting = static_keys(facts)
    look = [_commands.aws(facts, "configure list", region=False), _commands.aws(facts, IDENTITY)]
    if setting is None:
        return Remedy(sentences, aws=look)
    if setting.variable is not None:
        names = f"{', '.join(KEY_VARIABLES[:2])} and, for temporary keys, {KEY_VARIABLES[2]}"
        return Remedy(
            [*sentences, f"Set {names} again: they must belong together."],
            [_commands.unset(*KEY_VARIABLES)],
            aws=look,
            run=(),
        )
    names = f"{', '.join(KEY_SETTINGS[:2])} and, for temporary keys, {KEY_SETTINGS[2]}"
    return Remedy(
        [
            *sentences,
            f"Write {names} again in [{setting.section}] of {setting.file} (line {setting.line}): they must belong together.",
        ],
        aws=look,
        run=(),
    )
