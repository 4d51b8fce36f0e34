"""Looks at an `external_account` mapping field by field, so that one mistake does not hide another."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import as_json, quoted, shown
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.config._fields import MEANINGS, NEEDED_ELSEWHERE, NOT_SHOWN

# A file in which nothing is wrong, to put a field of another into.
_RIGHT: dict[str, Any] = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
    "credential_source": {"environment_id": "aws1"},
}
_EXECUTABLE = "credential_source.executable"
_LIFETIME = "service_account_impersonation.token_lifetime_seconds"
_OBJECTS = {"service_account_impersonation", "credential_source", _EXECUTABLE}
_METADATA = ("credential_source.url", "credential_source.region_url", "credential_source.imdsv2_session_token_url")
_METADATA_HOSTS = {"169.254.169.254", "fd00:ec2::254"}


@dataclass
class Field:
    """One field of a file.

    Attributes:
        name: With dots where it is in an object.
        value: As JSON; None where there is none, or where it may be a secret.
        meaning: What it is and what it should be.
        mistakes: Why it can't be right.
        notes: What may not be meant.
    """

    name: str
    value: str | None
    meaning: str
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examined(info: Mapping[str, Any], universe: str | None = None) -> list[Field]:
    """Every field of a configuration, with all that is wrong with it.

    Args:
        info: The mapping in the file.
        universe: The universe domain that is given in code.

    Raises:
        ConfigurationError: There can be no such universe.
    """
    if universe is not None:
        Credentials.from_info(_RIGHT, universe_domain=universe)
    if info.get("type") != "external_account":  # then the rest means something else
        return [_Examination({"type": info.get("type")}, None).one("type")]
    return _Examination(info, universe).all()


class _Examination:
    def __init__(self, info: Mapping[str, Any], universe: str | None) -> None:
        self.info = info
        self.universe = universe
        self.values = dict(_leaves(info))
        self.found = {name: _field(name, value) for name, value in self.values.items()}

    def all(self) -> list[Field]:
        for name in self.values:
            self.one(name)
        if "audience" not in self.info:
            self._add("audience").mistakes += _refusal({**_RIGHT, "audience": ""}, None)
        for name in NEEDED_ELSEWHERE:
            if name not in self.info:
                self._add(name).notes.append("It is missing, and Google's own libraries refuse the file.")
        source = self.info.get("credential_source")
        if isinstance(source, Mapping):
            self._executable(source["executable"]) if "executable" in source else self._aws(source)
        self._impersonation()
        return list(self.found.values())

    def one(self, name: str) -> Field:
        """Looks at a field as if the others were right."""
        value, universe = self.values[name], self._universe(name)
        if name not in MEANINGS:  # nothing reads it, but it may be nested too deeply
            self.found[name].mistakes += _refusal({**_RIGHT, "": {"": value} if "." in name else value}, universe)
        elif name == "token_info_url":
            exchange = value
            if isinstance(value, str):  # right where the endpoint beside it would be
                exchange = value.removesuffix("introspect") + "token" if value.endswith("/introspect") else ""
            if _refusal({**_RIGHT, "token_url": exchange}, universe):
                self.found[name].mistakes.append(
                    f"{quoted(value)} is not an endpoint of Google's (https://sts.googleapis.com/v1/introspect and its forms)."
                )
        elif not name.startswith(f"{_EXECUTABLE}."):
            outer, _, inner = name.partition(".")
            self.found[name].mistakes += _refusal(
                {**_RIGHT, outer: {**_RIGHT.get(outer, {}), inner: value} if inner else value}, universe
            )
        return self.found[name]

    def _universe(self, name: str) -> str | None:
        """The universe to look at a field in: the one in code; without it the stated one, which is a mistake of its own."""
        stated = self.info.get("universe_domain")
        if (
            name == "universe_domain"
            or self.universe is not None
            or not isinstance(stated, str)
            or _refusal(_RIGHT, stated)
        ):
            return self.universe
        return stated

    def _add(self, name: str) -> Field:
        return self.found.setdefault(name, Field(name, None, MEANINGS[name]))

    def _executable(self, given: object) -> None:
        if self.values.get("subject_token_type", JWT) != JWT:
            self.found["subject_token_type"].mistakes.append(f"An executable's proof is {JWT}.")
        if not isinstance(given, Mapping):
            self._add(_EXECUTABLE).mistakes.append("It must be a JSON object.")
            return
        command = self._add(f"{_EXECUTABLE}.command")
        words = _split(given.get("command"))
        if not words or not (PurePosixPath(words[0]).is_absolute() or PureWindowsPath(words[0]).is_absolute()):
            command.mistakes.append("It must be the whole path of a program, and its arguments.")
        elif words != str(given["command"]).split():
            command.notes.append("Google's libraries for Go and Java split it at blanks alone, quotes or not.")
        for name in ("timeout_millis", "output_file"):
            value, full = given.get(name), f"{_EXECUTABLE}.{name}"
            if name == "output_file" and not isinstance(value, (str, type(None))):
                self.found[full].mistakes.append("It must be a path.")
            if name == "timeout_millis" and value is not None and not (_whole(value) and 5000 <= value <= 120_000):
                self.found[full].mistakes.append("It must be a whole number of milliseconds, 5000 to 120000.")
        self.found[command.name].notes.append(
            "Credentials.from_file does not take the file; Google's own libraries do."
        )

    def _aws(self, source: Mapping[str, Any]) -> None:
        if "environment_id" not in source:
            self._add("credential_source.environment_id").mistakes += _refusal(
                {**_RIGHT, "credential_source": {}}, None
            )
        if "regional_cred_verification_url" not in source:
            name = "credential_source.regional_cred_verification_url"
            self._add(name).notes.append("It is missing, and Google's own libraries refuse the file.")
        if self.values.get("subject_token_type") == JWT:
            self.found["subject_token_type"].notes.append(
                "Google's own libraries know it from an executable alone: `google-auth-botocore config create --executable`."
            )
        for name in self.values.keys() & _METADATA:
            if _host(self.values[name]) not in _METADATA_HOSTS:
                self.found[name].notes.append(
                    "This is not AWS's instance metadata. Other libraries would believe its keys."
                )

    def _impersonation(self) -> None:
        if "service_account_impersonation_url" not in self.values:
            for name in self.values.keys() & {_LIFETIME, "service_account_impersonation"}:
                self.found[name].notes.append("Without a service_account_impersonation_url it has no effect.")
        lifetime = self.values.get(_LIFETIME)
        if _whole(lifetime) and lifetime > 3600:
            self.found[_LIFETIME].notes.append(
                "Over 3600 s it needs the organization policy "
                "constraints/iam.allowServiceAccountCredentialLifetimeExtension to list the service account."
            )


def _leaves(info: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in info.items():
        name = f"{prefix}{key}"
        if name in _OBJECTS and isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _field(name: str, value: object) -> Field:
    if name in MEANINGS:
        return Field(name, None if name in NOT_SHOWN else as_json(value), MEANINGS[name])
    unknown = Field(shown(name), None, "Nothing reads it.")
    outer, _, inner = name.rpartition(".")
    beside = [each.rpartition(".")[2] for each in MEANINGS if each.rpartition(".")[0] == outer]
    close = difflib.get_close_matches(inner.lower(), beside, 1, 0.8)
    if close:
        unknown.mistakes.append(f"There is no such field; {close[0]} is probably meant.")
    return unknown


def _refusal(info: Mapping[str, Any], universe: str | None) -> list[str]:
    try:
        Credentials.from_info(info, **({} if universe is None else {"universe_domain": universe}))
    except ConfigurationError as error:
        return [str(error)]
    return []


def _split(command: object) -> list[str]:
    try:
        return shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return []


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _host(url: object) -> str | None:
    try:
        return urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return None
