"""AWS profiles and files: missing, broken or incomplete."""

from __future__ import annotations

import os

from google_auth_botocore._failures import _aws_settings, _commands
from google_auth_botocore._failures._aws_settings import in_profile
from google_auth_botocore._failures._entry import Failure, Remedy, reason
from google_auth_botocore._failures._facts import ARGUMENT, Facts
from google_auth_botocore._redaction import shown

_STEP = ("aws",)
_INCOMPLETE = "source_profile or credential_source"


def _choose_profile(facts: Facts) -> Remedy:
    profile = facts.profile
    commands = ["aws configure list-profiles"]
    empty = None if profile is not None and profile.origin == ARGUMENT else _empty_variable()
    if empty is not None:
        return Remedy(
            [f"{empty} is set, but empty. Unset it, or set it to a profile's name."], [_commands.unset(empty)]
        )
    found = [] if profile is None else _where_profiles_are(profile.value)
    if profile is None or profile.variable is None:
        name = "" if profile is None else f" {shown(profile.value)!r}"
        return Remedy([f"Check the profile name{name} (profile= or --profile).", *found], aws=commands)
    return Remedy(
        [f"Check {profile.variable}, which is {shown(profile.value)!r}, or unset it.", *found],
        [_commands.unset(profile.variable)],
        aws=commands,
        run=commands,
    )


def _empty_variable() -> str | None:
    """Return the variable from which botocore takes an empty profile name. It uses the first one that is set, even if empty."""
    name = next((name for name in _aws_settings.PROFILE_VARIABLES if name in os.environ), None)
    return name if name is not None and not os.environ[name] else None


def _where_profiles_are(profile: str) -> list[str]:
    """Say that the profile's section has the form of the other file, or that there is no file."""
    config, credentials = _aws_settings.config_file(), _aws_settings.credentials_file()
    for path, wrong, right in ((config, profile, f"profile {profile}"), (credentials, f"profile {profile}", profile)):
        line = _aws_settings.sections_of(path).get(wrong)
        if line is not None:
            return [f"Line {line} of {path} must be [{shown(right)}], not [{shown(wrong)}]."]
    if not any(os.path.exists(path) for path in (config, credentials)):  # noqa: PTH110 - pathlib may raise
        if config == credentials:
            return [f"There is no {shown(str(config))}."]
        return [f"There is neither {shown(str(config))} nor {shown(str(credentials))}."]
    return []


def _correct_profile(facts: Facts) -> Remedy:
    variable = _aws_settings.WEB_IDENTITY_VARIABLE
    if "web identity" in facts.text and os.environ.get(variable):
        return Remedy([f"{variable} requires a role: set AWS_ROLE_ARN, too, or unset {variable}."])
    profile = "default" if facts.profile is None else facts.profile.value
    return Remedy(
        [f"Correct profile {shown(profile)!r} in {_aws_settings.file_of(profile)} as the message says."],
        aws=[_commands.aws(facts, "configure list", region=False)],
    )


def _correct_file(facts: Facts) -> Remedy:
    path = facts.file or str(_aws_settings.config_file())
    mistake = _aws_settings.mistake_in(path)
    if mistake is None:
        return Remedy([f"Correct the file {path}."], [_commands.command("cat -vet", path)])
    return Remedy(
        [f"Correct line {mistake.line} of {path}: {mistake.why}."],
        [_commands.command("sed -n", f"{mistake.line}l", path)],
        run=(),
    )


def _incomplete_keys(facts: Facts) -> bool:
    # botocore ignores the secret access key in the environment if there is no access key id.
    only_secret = facts.reason == "NoCredentialsError" and bool(os.environ.get("AWS_SECRET_ACCESS_KEY"))
    return only_secret or (facts.reason == "PartialCredentialsError" and _INCOMPLETE not in facts.text)


def _set_both(facts: Facts) -> Remedy:
    source = facts.keys.source or facts.provider
    if source in ("shared-credentials-file", "config-file"):
        setting = in_profile(facts, *_aws_settings.KEY_SETTINGS)
        where = f" in [{setting.section}] of {setting.file}" if setting is not None else ""
        return Remedy(
            [
                f"Set both aws_access_key_id and aws_secret_access_key{where}, and aws_session_token for temporary keys. Or remove them all."
            ],
            aws=[_commands.aws(facts, "configure list", region=False)],
        )
    missing = ["AWS_ACCESS_KEY_ID is not set."] if facts.reason == "NoCredentialsError" else []
    return Remedy(
        [
            *missing,
            (
                "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys. Or unset them all, "
                "so that botocore tries the next source."
            ),
        ],
        [_commands.unset(*_aws_settings.KEY_VARIABLES)],
        aws=[_commands.aws(facts, "configure list", region=False)],
        run=(),
    )


def _break_loop(facts: Facts) -> Remedy:
    setting = in_profile(facts, "source_profile")
    where = f" in {_commands.place(setting)}" if setting is not None else ""
    return Remedy(
        [f"Set source_profile{where} to a profile that has its own keys, or use credential_source instead."],
        aws=[_commands.aws(facts, "configure get source_profile", region=False)],
    )


ENTRIES = (
    Failure("profile-missing", _STEP, reason("ProfileNotFound"), "There is no such AWS profile.", _choose_profile),
    Failure(
        "profile-loop",
        _STEP,
        reason("InfiniteLoopConfigError"),
        "The profiles name each other as source_profile, so none of them has keys.",
        _break_loop,
    ),
    Failure(
        "half-a-set-of-keys",
        _STEP,
        _incomplete_keys,
        "Either the access key id or the secret access key is missing.",
        _set_both,
    ),
    Failure(
        "profile-incomplete",
        _STEP,
        reason("InvalidConfigError", "PartialCredentialsError"),
        "The AWS profile lacks a setting.",
        _correct_profile,
    ),
    Failure("aws-file-broken", _STEP, reason("ConfigParseError"), "An AWS file cannot be read.", _correct_file),
)
