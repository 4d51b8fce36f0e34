"""Check the AWS arguments of `Credentials`, and keep those that a pickle contains."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from google_auth_botocore import _pickle_format, _redaction, _settings
from google_auth_botocore._aws import region as regions
from google_auth_botocore.exceptions import ConfigurationError

# Fixed, so that principal://…/subject/arn:aws:sts::ACCOUNT:assumed-role/ROLE/google-auth-botocore can be bound to.
_ROLE_SESSION_NAME = "google-auth-botocore"
_ROLE_ARN = r"arn:aws[a-z-]*:iam::\d{12}:role/\S+"


class Source(NamedTuple):
    """The source of the AWS identity, which a pickle contains.

    Attributes:
        profile: AWS profile, if no session is passed.
        region: Region that was set in code.
        assume_role: Arguments of AssumeRole, in the order of their names.
    """

    profile: str | None = None
    region: str | None = None
    assume_role: tuple[tuple[str, Any], ...] = ()


def source(profile: object, region: object, assume_role: object) -> Source:
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
                "assume_role must be a role's ARN (arn:aws:iam::123456789012:role/NAME), or a mapping of AssumeRole's "
                f"arguments with such a RoleArn, not {_redaction.quoted(assume_role)}."
            )
        try:
            # A copy in plain types: the caller's may change, and an enumeration's member prints differently once unpickled.
            arguments = _pickle_format.plain({"RoleSessionName": _ROLE_SESSION_NAME, **arguments})
        except TypeError as error:
            raise ConfigurationError(
                f"assume_role holds {error}. The arguments of AssumeRole are texts, numbers, lists and mappings."
            ) from None
    return Source(
        _settings.optional_text("profile", profile or None),
        regions.given(_settings.optional_text("region", region or None)),
        tuple(sorted(arguments.items())) if arguments else (),
    )
