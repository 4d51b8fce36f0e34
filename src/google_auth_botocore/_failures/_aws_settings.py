"""Find out where the AWS settings come from: an argument, an environment variable, or a line of a file.

This reads the environment and the two AWS files, tolerantly and without botocore, and only after something has failed.
"""

import configparser
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from google_auth_botocore._failures import _urls
from google_auth_botocore._failures._facts import ARGUMENT, DEFAULT, Facts, Setting
from google_auth_botocore._redaction import shown

# In botocore's order. It uses the first one that is set, even if its value is empty.
PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
KEY_SETTINGS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
# The settings of a profile for IAM Identity Center, and the setting of a profile for AWS login.
SSO_SETTINGS = ("sso_session", "sso_start_url", "sso_account_id")
LOGIN_SETTING = "login_session"
# What names the file with a web identity token.
WEB_IDENTITY_VARIABLE, WEB_IDENTITY_SETTING = "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"

_HEADER = re.compile(r"\[([^\]]+)\]")
_ASSIGNMENT = re.compile(r"([A-Za-z0-9_]+)\s*[=:]\s*(.*)")
_LONGEST_FILE = 1 << 20
_SECRET_SETTINGS = {*KEY_SETTINGS[1:]}


class Mistake(NamedTuple):
    """A line of an AWS file that cannot be read, and why."""

    line: int
    why: str


def config_file() -> Path:
    """Return the path of the AWS config file."""
    return _path("AWS_CONFIG_FILE", "~/.aws/config")


def credentials_file() -> Path:
    """Return the path of the AWS credentials file."""
    return _path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")


def _path(variable: str, usual: str) -> Path:
    # Not Path.expanduser, which raises for a user without a home directory.
    return Path(os.path.expanduser(os.path.expandvars(os.environ.get(variable) or usual)))  # noqa: PTH111


def completed(facts: Facts) -> Facts:
    """Add the profile and the region from the environment and the files, and where each of them is set."""
    profile = facts.profile or _of_environment(PROFILE_VARIABLES) or Setting("default", DEFAULT)
    facts = facts._replace(profile=_shown(profile))
    region = facts.region or _of_environment(REGION_VARIABLES) or in_profile(facts, "region")
    return facts._replace(region=None if region is None else _shown(region))


def _shown(setting: Setting) -> Setting:
    """Return a setting without secrets, which users sometimes paste into the wrong place."""
    return setting._replace(value=shown(setting.value), origin=shown(setting.origin))


def _of_environment(names: tuple[str, ...]) -> Setting | None:
    return next((Setting(os.environ[name], name) for name in names if os.environ.get(name)), None)


def in_profile(facts: Facts, *names: str) -> Setting | None:
    """Return a setting of the profile, or of a profile that it takes its keys from (`source_profile`)."""
    return next((settings[name] for settings in _chain(facts) for name in names if name in settings), None)


def source_of_role(facts: Facts, role_arn: str | None) -> str | None:
    """Return the profile whose keys a role of the profile, or of its sources, is assumed with.

    Args:
        facts: The facts.
        role_arn: The role. None: the profile's own.
    """
    for settings in _chain(facts):
        role, source = settings.get("role_arn"), settings.get("source_profile")
        if role is not None and source is not None and role_arn in (None, role.value):
            return source.value
    return None


def _chain(facts: Facts) -> Iterator[dict[str, Setting]]:
    """Yield the settings of the profile, of its source_profile, and so on."""
    name: str | None = "default" if facts.profile is None else facts.profile.value
    visited = set[str]()
    while name is not None and name not in visited:
        visited.add(name)
        settings = _profile(name)
        yield settings
        source = settings.get("source_profile")
        name = None if source is None else source.value


def web_identity_file(facts: Facts) -> Setting | None:
    """Return the path of the web identity token, and where it is set. A profile given as an argument hides the variable."""
    setting = in_profile(facts, WEB_IDENTITY_SETTING)
    by_argument = facts.profile is not None and facts.profile.origin == ARGUMENT
    path = os.environ.get(WEB_IDENTITY_VARIABLE)
    return Setting(path, WEB_IDENTITY_VARIABLE) if path and not (by_argument and setting) else setting


def file_of(profile: str) -> Path:
    """Return the file that a profile is in: the credentials file only if it is not in the config file."""
    names = {profile_of(Setting("", "", section)) for section in sections_of(config_file())}
    return credentials_file() if profile not in names and profile in sections_of(credentials_file()) else config_file()


def profile_of(setting: Setting) -> str:
    """Return the name of the profile that a setting of a file belongs to."""
    return re.sub(r"^profile\s+", "", setting.section or "default").strip("\"' ")


def _profile(name: str) -> dict[str, Setting]:
    """Return a profile's settings, from both files; the credentials file wins, as in botocore."""
    found: dict[str, Setting] = {}
    for path, sections in ((config_file(), ("default",) if name == "default" else ()), (credentials_file(), (name,))):
        for setting, each in _settings_of(path):
            section = each.section or ""
            of_config = path == config_file() and section.startswith("profile") and profile_of(each) == name
            if section in sections or of_config:
                found[setting] = each
    return found


def sections_of(path: Path) -> dict[str, int]:
    """Return the sections of an AWS file and their lines."""
    found: dict[str, int] = {}
    for number, line in enumerate(_lines(path), 1):
        header = _HEADER.match(line)
        if header is not None:
            found.setdefault(header[1].strip(), number)
    return found


def named_in(facts: Facts) -> Setting | None:
    """Return the variable or the setting of the profile whose value is in the words of botocore."""
    variables = (Setting(value, name) for name, value in os.environ.items() if name.startswith("AWS_"))
    settings = (setting for settings in _chain(facts) for setting in settings.values())
    named = (each for each in (*variables, *settings) if _is_named(each.value, facts.text))
    return max(named, key=lambda each: len(each.value), default=None)


def _is_named(value: str, text: str) -> bool:
    parts = (value, _urls.parts(value).hostname if "//" in value else None)
    return any(part and re.search(rf"(?<![\w.-]){re.escape(part)}(?![\w-])", text) for part in parts)


def _settings_of(path: Path) -> Iterator[tuple[str, Setting]]:
    section = ""
    for number, line in enumerate(_lines(path), 1):
        header, assignment = _HEADER.match(line), _ASSIGNMENT.match(line)
        if header is not None:
            section = header[1].strip()
        elif assignment is not None and section:
            name = assignment[1].lower()
            value = "" if name in _SECRET_SETTINGS else assignment[2].strip()
            yield name, Setting(value, str(path), section, number)


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(_LONGEST_FILE).splitlines()
    except (OSError, ValueError):
        return []


def mistake_in(path: str) -> Mistake | None:
    """Return the first line of an AWS file that botocore cannot read. None: there is no such line, or no such file."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONGEST_FILE)
    except (OSError, ValueError):
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        return Mistake(1, "it begins with a byte order mark (BOM). Save the file as UTF-8 without one")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        return Mistake(1, "the file is UTF-16. Save it as UTF-8")
    try:
        configparser.RawConfigParser().read_string(data.decode())  # as botocore reads it
    except UnicodeDecodeError as error:
        return Mistake(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8")
    except configparser.DuplicateSectionError as error:
        return Mistake(error.lineno or 1, f"section [{shown(error.section)}] occurs twice")
    except configparser.DuplicateOptionError as error:
        return Mistake(error.lineno or 1, f"{shown(error.option)} occurs twice in [{shown(error.section)}]")
    except configparser.MissingSectionHeaderError as error:
        return Mistake(error.lineno, "it comes before the first section, such as [default]")
    except configparser.ParsingError as error:
        return Mistake(error.errors[0][0] if error.errors else 1, "it does not have the form NAME = VALUE")
    except configparser.Error:
        return None
    return None
