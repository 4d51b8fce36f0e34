"""Check an `external_account` mapping field by field, so that one mistake does not hide another."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import as_json, quoted, shown
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.config import _own_command, _remarks
from google_auth_botocore.cli.config._field_meanings import MEANINGS, REQUIRED_ELSEWHERE, SECRET_FIELDS

# A valid configuration. Each field is checked by putting it into this one.
_VALID: dict[str, Any] = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
    "credential_source": {"environment_id": "aws1"},
}
_EXECUTABLE = "credential_source.executable"
_LIFETIME = "service_account_impersonation.token_lifetime_seconds"
# Milliseconds: 31 s for an exchange, and the start of Python on a busy machine.
_LONG_ENOUGH = 40_000
_OBJECTS = {"service_account_impersonation", "credential_source", _EXECUTABLE}
_METADATA = ("credential_source.url", "credential_source.region_url", "credential_source.imdsv2_session_token_url")
_METADATA_HOSTS = {"169.254.169.254", "fd00:ec2::254"}


@dataclass
class Field:
    """One field of a file.

    Attributes:
        name: The name, with the names of the enclosing objects and dots before it.
        value: The value as JSON. None if the field is missing, or may contain a secret.
        meaning: What the field is for, and the valid values.
        mistakes: Why the value is invalid.
        notes: What may be unintended.
    """

    name: str
    value: str | None
    meaning: str
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_fields(info: Mapping[str, Any], universe: str | None = None) -> list[Field]:
    """Return every field of a configuration, with its mistakes.

    Args:
        info: The mapping in the file.
        universe: The universe domain that the code passes to `Credentials`.

    Raises:
        ConfigurationError: The universe domain is invalid.
    """
    if universe is not None:
        Credentials.from_info(_VALID, universe_domain=universe)
    if info.get("type") != "external_account":  # the other fields then have other meanings
        return [_Checker({"type": info.get("type")}, None).check("type")]
    return _Checker(info, universe).check_all()


class _Checker:
    """Collects the fields of one file, with their mistakes and notes."""

    def __init__(self, info: Mapping[str, Any], universe: str | None) -> None:
        self.info = info
        self.universe = universe
        self.values = dict(_leaves(info))
        self.fields = {name: _field(name, value) for name, value in self.values.items()}

    def check_all(self) -> list[Field]:
        """Check all fields, and add the missing ones."""
        for name in self.values:
            self.check(name)
        if "audience" not in self.info:
            self._add("audience").mistakes += _mistakes({**_VALID, "audience": ""}, None)
        for name in REQUIRED_ELSEWHERE:
            if name not in self.info:
                self._add(name).notes.append("The field is missing. Google's libraries reject the file.")
        source = self.info.get("credential_source")
        if isinstance(source, Mapping):
            self._executable(source["executable"]) if "executable" in source else self._aws(source)
        self._impersonation()
        for name, each in self.fields.items():
            each.notes += _remarks.of(name, self.values.get(name))
        return list(self.fields.values())

    def check(self, name: str) -> Field:
        """Check a field as if all others were valid."""
        value, universe = self.values[name], self._universe(name)
        if name not in MEANINGS:  # unused, but it may be nested too deeply
            self.fields[name].mistakes += _mistakes({**_VALID, "": {"": value} if "." in name else value}, universe)
        elif name == "token_info_url":
            token_url = value
            if isinstance(value, str):  # valid if the token endpoint of the same host is valid
                token_url = value.removesuffix("introspect") + "token" if value.endswith("/introspect") else ""
            if _mistakes({**_VALID, "token_url": token_url}, universe):
                self.fields[name].mistakes.append(
                    f"{quoted(value)} is not the introspection endpoint of Google's Security Token Service, "
                    "https://sts.googleapis.com/v1/introspect or another form of it."
                )
        elif not name.startswith(f"{_EXECUTABLE}."):
            outer, _, inner = name.partition(".")
            self.fields[name].mistakes += _mistakes(
                {**_VALID, outer: {**_VALID.get(outer, {}), inner: value} if inner else value}, universe
            )
        return self.fields[name]

    def _universe(self, name: str) -> str | None:
        """Return the universe to check a field in: the one passed in code, or else the one in the file if it is valid."""
        in_file = self.info.get("universe_domain")
        if (
            name == "universe_domain"
            or self.universe is not None
            or not isinstance(in_file, str)
            or _mistakes(_VALID, in_file)
        ):
            return self.universe
        return in_file

    def _add(self, name: str) -> Field:
        return self.fields.setdefault(name, Field(name, None, MEANINGS[name]))

    def _executable(self, value: object) -> None:
        if self.values.get("subject_token_type", JWT) != JWT:
            self.fields["subject_token_type"].mistakes.append(f"An executable must return {JWT}.")
        if not isinstance(value, Mapping):
            self._add(_EXECUTABLE).mistakes.append("It must be a JSON object.")
            return
        command = self._add(f"{_EXECUTABLE}.command")
        words = _split(value.get("command"))
        if not words or not _own_command.is_absolute(words[0]):
            command.mistakes.append("It must be the absolute path of a program, followed by its arguments.")
        elif words != str(value["command"]).split():
            command.notes.append(
                "Google's libraries for Go and Java split the command at every space, even inside quotes."
            )
        for name in ("timeout_millis", "output_file"):
            setting, full = value.get(name), f"{_EXECUTABLE}.{name}"
            if name == "output_file" and not isinstance(setting, (str, type(None))):
                self.fields[full].mistakes.append("It must be a path.")
            if (
                name == "timeout_millis"
                and setting is not None
                and not (_is_int(setting) and 5000 <= setting <= 120_000)
            ):
                self.fields[full].mistakes.append("It must be a whole number of milliseconds, 5000 to 120000.")
        timeout = value.get("timeout_millis")
        if "executable" in words[1:] and (timeout is None or (_is_int(timeout) and timeout < _LONG_ENOUGH)):
            self._add(f"{_EXECUTABLE}.timeout_millis").notes.append(
                "google-auth-botocore reports a failure after up to 31 s, and the default timeout is 30000. Set 60000, or the "
                "library stops the command before it prints the reason."
            )
        self.fields[command.name].notes.append(
            "Credentials.from_file does not accept this file. Google's own libraries do."
        )

    def _aws(self, source: Mapping[str, Any]) -> None:
        if "environment_id" not in source:
            self._add("credential_source.environment_id").mistakes += _mistakes(
                {**_VALID, "credential_source": {}}, None
            )
        if "regional_cred_verification_url" not in source:
            name = "credential_source.regional_cred_verification_url"
            self._add(name).notes.append("The field is missing. Google's libraries reject the file.")
        if self.values.get("subject_token_type") == JWT:
            self.fields["subject_token_type"].notes.append(
                "Google's own libraries accept this type only from an executable: `google-auth-botocore config create --executable`."
            )
        for name in self.values.keys() & _METADATA:
            if _host(self.values[name]) not in _METADATA_HOSTS:
                self.fields[name].notes.append(
                    "This is not the address of AWS instance metadata. Other libraries would use keys from it."
                )

    def _impersonation(self) -> None:
        if "service_account_impersonation_url" not in self.values:
            for name in self.values.keys() & {_LIFETIME, "service_account_impersonation"}:
                self.fields[name].notes.append("It has no effect without service_account_impersonation_url.")
        lifetime = self.values.get(_LIFETIME)
        seconds = _number(lifetime)
        if seconds > 3600:
            self.fields[_LIFETIME].notes.append(
                "For more than 3600 s, the organization policy "
                "constraints/iam.allowServiceAccountCredentialLifetimeExtension must list the service account."
            )
        if 0 < seconds < 600:
            self.fields[_LIFETIME].notes.append("Google's library for Java rejects less than 600 s.")
        if isinstance(lifetime, (str, float)):
            self.fields[_LIFETIME].notes.append(
                "Google's library for Go accepts only a whole number, without quotes and a decimal point."
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
        return Field(name, None if name in SECRET_FIELDS else as_json(value), MEANINGS[name])
    unknown = Field(shown(name), None, "Unknown field. It is ignored.")
    outer, _, inner = name.rpartition(".")
    siblings = [each.rpartition(".")[2] for each in MEANINGS if each.rpartition(".")[0] == outer]
    close = difflib.get_close_matches(inner.lower(), siblings, 1, 0.8)
    if close:
        unknown.mistakes.append(f"There is no such field. Did you mean {close[0]}?")
    return unknown


def _mistakes(info: Mapping[str, Any], universe: str | None) -> list[str]:
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


def _number(value: object) -> float:
    """Return a lifetime in any of the forms that are accepted, or 0."""
    if isinstance(value, str):
        return float(value) if re.fullmatch("[0-9]{1,6}", value) else 0
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _host(url: object) -> str | None:
    try:
        return urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return None
