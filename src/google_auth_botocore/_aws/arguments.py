"""Check the AWS arguments of `Credentials`, and keep those that a pickle contains."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from google_auth_botocore import _pickle_format, _redaction, _settings
from google_auth_botocore._aws import region as regions
from google_auth_botocore.exceptions import ConfigurationError

# Fixed, so that an IAM binding can name principal://…/subject/arn:aws:sts::ACCOUNT:assumed-role/ROLE/google-auth-botocore.
_ROLE_SESSION_NAME = "google-auth-botocore"
# The arguments of AssumeRole whose values are names or numbers.
_PUBLIC = {
    "RoleArn",
    "RoleSessionName",
    "DurationSeconds",
    "Policy",
    "PolicyArns",
    "SerialNumber",
    "SourceIdentity",
    "Tags",
    "TransitiveTagKeys",
}
_SUBJECT_MODES = ("AWSIdentity", "OriginIdentity")
_ROLE_ARN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+"


class Source(NamedTuple):
    """The source of the AWS identity. A pickle contains it.

    Attributes:
        profile: AWS profile, if no session is passed.
        region: Region that was set in code.
        assume_role: Arguments of AssumeRole, sorted by name. None: no role is assumed.
        tags: Claims that AWS adds to its JWT, sorted by name.
        subject_mode: Which identity AWS's JWT names. None: AWS's default.
    """

    profile: str | None = None
    region: str | None = None
    assume_role: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    subject_mode: str | None = None

    @property
    def role_arn(self) -> str | None:
        """The role to assume."""
        return self.assume_role.get("RoleArn") if self.assume_role else None


def source(profile: object, region: object, assume_role: object, tags: object, subject_mode: object) -> Source:
    """Return the AWS arguments of `Credentials`, checked.

    Raises:
        ConfigurationError: An argument is invalid.
    """
    arguments = {"RoleArn": assume_role} if isinstance(assume_role, str) else assume_role
    if arguments is not None:
        if (
            not isinstance(arguments, Mapping)
            or not all(isinstance(name, str) for name in arguments)
            or not isinstance(arguments.get("RoleArn"), str)
            or not re.fullmatch(_ROLE_ARN, str.__str__(arguments["RoleArn"]))
        ):
            if isinstance(assume_role, Mapping):  # do not show an ExternalId
                assume_role = {name: value if name == "RoleArn" else "…" for name, value in assume_role.items()}
            raise ConfigurationError(
                "assume_role must be a role's ARN, or a mapping of AssumeRole's arguments with a RoleArn, not "
                f"{_redaction.quoted(assume_role)}. Pass an ARN of the form arn:aws:iam::123456789012:role/NAME.",
                failure="role-arn-malformed",
            )
        try:
            # A copy in built-in types: the caller may change its own, and an enumeration member has another repr once unpickled.
            arguments = _pickle_format.plain({"RoleSessionName": _ROLE_SESSION_NAME, **arguments})
        except TypeError as error:
            raise ConfigurationError(
                f"assume_role holds {error}. Replace it: the arguments of AssumeRole are strings, numbers, lists and mappings.",
                failure="argument-of-wrong-type",
            ) from None
    return Source(
        _settings.optional_text("profile", profile or None),
        regions.checked(_settings.optional_text("region", region or None)),
        dict(sorted(arguments.items())) if arguments else None,
        _tags(tags) if tags else None,
        None if subject_mode is None else _subject_mode(subject_mode),
    )


def described(assume_role: Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    """Return the argument *assume_role* for a `repr`. Values that may be secrets are hidden."""
    if assume_role is None:
        return None
    if assume_role == {"RoleArn": assume_role["RoleArn"], "RoleSessionName": _ROLE_SESSION_NAME}:
        return str(assume_role["RoleArn"])
    # The hash distinguishes two roles whose hidden values differ.
    digest = hashlib.sha256(repr(sorted(assume_role.items())).encode()).hexdigest()[:8]
    return {
        name: value if name in _PUBLIC and not _redaction.hides(value) else f"[hidden: {digest}]"
        for name, value in assume_role.items()
        if (name, value) != ("RoleSessionName", _ROLE_SESSION_NAME)
    }


def _tags(value: object) -> dict[str, str]:
    """Return tags in built-in types, sorted by name. AWS checks their length, number and characters."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"tags must be a mapping of names to values, not {_redaction.quoted(value)}. Pass a dict, such as {{'team': 'data'}}.",
            failure="argument-of-wrong-type",
        )
    found = {_settings.text("A name in tags", name): each for name, each in value.items()}
    return {
        name: "" if found[name] == "" else _settings.text(f"The tag {name}", found[name])  # AWS accepts an empty value
        for name in sorted(found)
    }


def _subject_mode(value: object) -> str:
    if value not in _SUBJECT_MODES:
        modes = " or ".join(map(repr, _SUBJECT_MODES))
        raise ConfigurationError(
            f"subject_mode must be {modes}, not {_redaction.quoted(value)}. Leave it out to use AWS's default, the first.",
            failure="argument-of-wrong-type",
        )
    return next(mode for mode in _SUBJECT_MODES if mode == value)
