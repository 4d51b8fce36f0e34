"""The format of pickles: a number and named plain values, so that modules, classes and fields can move.

A pickle names the public class by its path and holds this mapping::

    {"format": 2, "written_by": "0.1.0", "configuration": {"audience": "//iam.…", "lifetime": 3600, …}}

To add, rename or remove a name, add a format with its names to the tables below, increase `FORMAT`, and supply a value for
pickles of an older format where the mapping is read. Older versions then report a format that they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google_auth_botocore._redaction import quoted
from google_auth_botocore._version import __version__
from google_auth_botocore.exceptions import ConfigurationError

FORMAT = 2

# The names of each format. They do not include the effective scopes, which follow from the scopes that the caller chose.
SETTINGS = {
    1: {
        "audience",
        "service_account",
        "lifetime",
        "delegates",
        "subject",
        "subject_token_type",
        "universe_domain",
        "token_url",
        "iam_credentials_endpoint",
        "oauth_token_url",
        "verification_url",
    }
}
SETTINGS[2] = SETTINGS[1]
_PROJECTS = {"quota_project_id", "project_id"}
CREDENTIALS = {
    1: SETTINGS[1]
    | _PROJECTS
    | {"scopes", "default_scopes", "profile", "region", "assume_role", "filename", "source_info"}
}
CREDENTIALS[2] = CREDENTIALS[1] | {"tags", "subject_mode"}
# The mapping that credentials were created from, and the settings in it. A copy with other settings does not match the mapping.
SOURCE_INFO = {1: SETTINGS[1] | _PROJECTS | {"document"}}
SOURCE_INFO[2] = SOURCE_INFO[1]
ID_TOKEN_CREDENTIALS = {1: {"credentials", "target_audience", "include_email", "quota_project_id"}}
ID_TOKEN_CREDENTIALS[2] = ID_TOKEN_CREDENTIALS[1]

# The types of values that nothing else checks. Each may be None. The profile and the region of a session may have any name.
_TYPES: dict[str, type] = {
    "profile": str,
    "region": str,
    "assume_role": Mapping,
    "tags": Mapping,
    "subject_mode": str,
    "filename": str,
    "source_info": Mapping,
    "document": Mapping,
}
_ENVELOPE = {"format", "written_by", "configuration"}
# Deeper than any configuration file may be, and far below the interpreter's recursion limit.
_DEEPEST = 64


def dump(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping that a pickle holds."""
    return {"format": FORMAT, "written_by": __version__, "configuration": dict(configuration)}


def load(state: object, kind: type, base: type, names: Mapping[int, set[str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check a mapping that `dump` returned, perhaps in another version of this package.

    Args:
        state: What the pickle holds.
        kind: The class of the object.
        base: The class of this package that it is, or that it derives from.
        names: The names of the configuration in each format.

    Returns:
        The configuration, and the attributes that a subclass has added to the state.

    Raises:
        ConfigurationError: This version of the package cannot read the mapping.
    """
    writer = None
    try:
        if not isinstance(state, Mapping):
            raise _UnreadableError(f"its state is of type {type(state).__name__}, not a mapping")
        writer = state.get("written_by")
        format_ = state.get("format")
        if type(format_) is not int or format_ not in names:
            known = ", ".join(map(str, names))
            raise _UnreadableError(f"it has the format {quoted(format_)}, and this version reads formats {known}")
        own = {name: value for name, value in state.items() if name not in _ENVELOPE}
        _check_names(state, _ENVELOPE if kind is base else _ENVELOPE | own.keys())
        configuration = state["configuration"]
        _check_names(configuration, names[format_])
        if configuration.get("source_info") is not None:
            _check_names(configuration["source_info"], SOURCE_INFO[format_])
    except _UnreadableError as error:
        version = quoted(writer).strip("'\"")
        wrote = "An unknown version of google-auth-botocore" if writer is None else f"google-auth-botocore {version}"
        message = (
            f"This pickle of {kind.__name__} cannot be read: {error}. {wrote} wrote it, and {__version__} reads it. "
            "Install the same version of google-auth-botocore on both sides."
        )
    else:
        return dict(configuration), own
    raise ConfigurationError(message, failure="pickle-unreadable")


def plain(value: object, levels: int = _DEEPEST) -> Any:
    """Return a copy of a value in built-in types, so that unpickling it requires no other class.

    Args:
        value: A string, a number, None, or a list, a tuple or a mapping of them. The types may be derived from these.
        levels: How deeply it may be nested.

    Raises:
        TypeError: It contains a value of another type, or is nested too deeply.
    """
    if value is None or isinstance(value, bool):
        return value
    # A member of an enumeration becomes its value.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if not levels:
        raise TypeError("a value that is nested too deeply")
    if isinstance(value, Mapping):
        return {plain(name, 0): plain(each, levels - 1) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        kept: Any = [plain(each, levels - 1) for each in value]
        return tuple(kept) if isinstance(value, tuple) else kept
    raise TypeError(f"a value of type {type(value).__qualname__}")


class _UnreadableError(Exception):
    """What is wrong with a state."""


def _check_names(found: object, expected: set[str]) -> None:
    if not isinstance(found, Mapping):
        raise _UnreadableError(f"its configuration is of type {type(found).__name__}, not a mapping")
    for what, names in (("lacks", expected - found.keys()), ("has the unexpected", found.keys() - expected)):
        if names:
            raise _UnreadableError(f"it {what} {', '.join(sorted(map(quoted, names)))}")
    for name, kind in _TYPES.items():
        value = found.get(name)
        if value is not None and not isinstance(value, kind):
            raise _UnreadableError(f"its {name!r} is of type {type(value).__name__}")
