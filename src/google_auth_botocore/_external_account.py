"""`external_account` files, as gcloud writes them: https://google.aip.dev/auth/4117.

A file may come from an attacker, so the endpoints in it must be Google's and AWS's own.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from google.auth import environment_vars

from google_auth_botocore import _google_urls, _settings
from google_auth_botocore._redaction import WRITE_FILE, json_mistake, path_mistake, quoted, without_user_part
from google_auth_botocore._settings import GOOGLEAPIS, Settings
from google_auth_botocore.exceptions import ConfigurationError

# gcloud writes this URL for every partition.
DEFAULT_VERIFICATION_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

# Levels of nesting that a document may have. gcloud writes three.
_DEEPEST = 32
_JSON_TYPES = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_IAM = "iam_credentials_endpoint"
# The names of two failures.
MISSING, UNREADABLE = "configuration-file-missing", "configuration-file-unreadable"
# What other files are, by their type.
_OTHER_KINDS = {
    "service_account": "It is a key file, with a private key that an AWS workload does not need. ",
    "authorized_user": "It contains a user's credentials, which gcloud wrote. ",
}
# Arguments of `Credentials` for which an external_account file has fields.
FILE_ARGUMENTS = {
    "audience",
    "service_account_email",
    "lifetime",
    "quota_project_id",
    "project_id",
    "subject_token_type",
    "universe_domain",
    "token_url",
    _IAM,
}


def project_arguments(project_id: str | None) -> dict[str, str]:
    """Return *project_id*, or else the project in the environment, as an argument of `Credentials`, if one is set."""
    found = project_id or os.environ.get(environment_vars.PROJECT) or os.environ.get(environment_vars.LEGACY_PROJECT)
    return {"project_id": found} if found else {}


def read(filename: object) -> tuple[Mapping[str, Any], None] | tuple[None, ConfigurationError]:
    """Read a configuration file.

    Args:
        filename: The path that the caller passed.

    Returns:
        The JSON object in the file and None, or None and the error to raise. It is returned, not raised: the file may be a
        key file, and the frames and the context of an error would carry its content into crash reports.
    """
    info, mistake, failure = _read(filename)
    return (info, None) if info is not None else (None, ConfigurationError(mistake, failure=failure))


def _read(filename: object) -> tuple[Mapping[str, Any] | None, str, str]:
    """Return the JSON object in a file, or None; what is wrong; and the name of this failure."""
    try:
        path = os.fsdecode(filename)  # type: ignore[arg-type]  # raises TypeError for another type
    except TypeError:
        path = ""
    if not path:
        if isinstance(filename, Mapping):
            seen, fix = "a mapping", "Pass the mapping to Credentials.from_info()."
        else:
            seen, fix = quoted(filename), "Pass the path of the JSON file."
        return None, f"The configuration file must be a path, not {seen}. {fix}", UNREADABLE
    mistake = path_mistake(path, "filename")
    if mistake is not None:
        return None, mistake, UNREADABLE
    named = without_user_part(repr(path))
    content = b""
    try:
        content = Path(path).read_bytes()
        info = json.loads(content.decode("utf-8-sig"))
    except FileNotFoundError:
        return None, missing(path), MISSING
    except OSError as error:
        mistake = f"The configuration file {named} cannot be read: {error.strerror}. {_unreadable_fix(error)}"
    except (ValueError, RecursionError) as error:
        reason = json_mistake(error, empty=not content.strip())
        mistake = f"The configuration file {named} cannot be read as JSON: {reason}"
    else:
        if isinstance(info, Mapping):
            return info, "", ""
        kind = _JSON_TYPES[type(info)]
        mistake = f"The configuration file {named} must hold a JSON object, not {kind}. Write it again.\n{WRITE_FILE}"
    return None, mistake, UNREADABLE


def missing(path: str) -> str:
    """Return the text of the error about a file that does not exist."""
    return f"There is no configuration file {without_user_part(repr(path))}. {missing_fix(path)}"


def missing_fix(path: str) -> str:
    """Return how to fix the path of a file that does not exist."""
    if path != path.strip():
        return "Remove the spaces before and after the path."
    if path.startswith(("'", '"')):
        return "Remove the quotes: only a shell removes them from a value. Jupyter's %env and Docker's --env-file keep them."
    if path.startswith("~") or "$" in path or "%" in path:
        return "Only a shell replaces ~ and variables. Write the whole path, or use os.path.expanduser() and os.path.expandvars()."
    if re.match("[a-z][a-z0-9+.-]+://", path, re.IGNORECASE):
        return "Download the file, and pass the path of the copy."
    if not os.path.isabs(path):  # noqa: PTH117 - as it was passed
        text = "Write the whole path, because this one is relative to the directory in which the process runs, or create the file."
        return f"{text}\n{WRITE_FILE}"
    return f"Correct the path, or create the file.\n{WRITE_FILE}"


def _unreadable_fix(error: OSError) -> str:
    """Return how to fix the path of a file that exists and cannot be read."""
    if isinstance(error, IsADirectoryError):
        return "Pass the path of the JSON file in it."
    if isinstance(error, PermissionError):
        return "Give the user of this process permission to read it."
    return "Check the path."


def _nested_too_deeply(info: Mapping[str, Any]) -> bool:
    """Return whether a document is nested so deeply that copying it could exceed the interpreter's recursion limit."""
    level: list[Any] = [info]
    for _ in range(_DEEPEST):
        parts = (part for each in level for part in (each.values() if isinstance(each, Mapping) else each))
        # Visit each container once, because a mapping that was created in code may contain itself.
        level = list({id(part): part for part in parts if isinstance(part, (Mapping, list))}.values())
        if not level:
            return False
    return True


def copied(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document as plain dictionaries and lists."""
    return {name: _copied(each) for name, each in info.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return copied(value)
    return [_copied(each) for each in value] if isinstance(value, list) else value


def is_aws(info: object) -> bool:
    """Return whether a document is the configuration of a workload on AWS, valid or not."""
    if not isinstance(info, Mapping) or info.get("type") != "external_account":
        return False
    source = info.get("credential_source")
    environment = source.get("environment_id") if isinstance(source, Mapping) else None
    return info.get("subject_token_type") == _settings.AWS4_REQUEST or str(environment).startswith("aws")


def from_info(info: object, in_code: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the arguments of `Credentials` that an `external_account` mapping contains.

    Args:
        info: The mapping that `gcloud iam workload-identity-pools create-cred-config --aws` wrote.
        in_code: Arguments that were set in code. The file's universe domain must be the same as theirs, or googleapis.com.
            An endpoint that one of them replaces is not checked.

    Raises:
        ConfigurationError: The mapping is not the configuration of a workload on AWS, or a field is invalid.
    """
    if not isinstance(info, Mapping):
        how = (
            "Use json.loads() for the text of a configuration, or Credentials.from_file() for a path."
            if isinstance(info, str)
            else "Pass the dict that json.load() returns for the file."
        )
        raise ConfigurationError(
            f"The configuration must be a JSON object, not {type(info).__name__}. {how}", failure=UNREADABLE
        )
    if _nested_too_deeply(info):
        raise ConfigurationError(
            f"The configuration is nested deeper than {_DEEPEST} levels. Write it again.\n{WRITE_FILE}",
            failure=UNREADABLE,
        )
    kind = info.get("type")
    if kind != "external_account":
        has = f"has the type {quoted(kind)}, not" if "type" in info else "lacks the field 'type', which must be"
        raise ConfigurationError(
            f"The configuration {has} 'external_account'. "
            f"{_OTHER_KINDS.get(kind, '') if isinstance(kind, str) else ''}Create one for a workload on AWS.\n{WRITE_FILE}",
            failure="file-of-another-kind",
        )
    for name in ("client_id", "client_secret", "workforce_pool_user_project"):
        if info.get(name):
            raise ConfigurationError(
                f"The configuration has {name}, which is for workforce identity and not for AWS workloads. Remove it."
            )
    if "audience" not in info:
        raise ConfigurationError(
            f"The configuration lacks 'audience'. Add {_settings.AUDIENCE_FORM}.", failure="audience-malformed"
        )
    universe = _settings.universe_domain(in_code.get("universe_domain", GOOGLEAPIS))
    file_universe = info.get("universe_domain")
    if _in_lower_case(file_universe) not in (None, "", GOOGLEAPIS, universe):
        raise ConfigurationError(
            f"The configuration names the universe domain {quoted(file_universe)}. "
            f"A universe other than {GOOGLEAPIS} must be set in code: universe_domain={quoted(file_universe)}."
        )
    arguments: dict[str, Any] = {"audience": info["audience"], "universe_domain": universe}
    arguments.update(_token_url(info, universe, in_code))
    arguments.update(_impersonation(info, universe, in_code))
    arguments.update(_credential_source(info))
    # For google-auth, an empty project is the same as a missing one.
    no_value = {"subject_token_type": (None,), "quota_project_id": (None, ""), "project_id": (None, "")}
    return {**arguments, **{name: info[name] for name, missing in no_value.items() if info.get(name) not in missing}}


def _in_lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) and value.isascii() else value


def _token_url(info: Mapping[str, Any], universe: str, in_code: Mapping[str, Any]) -> dict[str, Any]:
    url = info.get("token_url")
    if url is None or in_code.get("token_url") is not None:
        return {}
    return {"token_url": _google_urls.token_url(url, universe)}


def _impersonation(info: Mapping[str, Any], universe: str, in_code: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    url = info.get("service_account_impersonation_url")
    if url not in (None, ""):  # for google-auth, an empty URL is the same as a missing one
        found[_IAM], found["service_account_email"] = _google_urls.impersonation(
            url, universe, on_any_host=in_code.get(_IAM) is not None
        )
    options = info.get("service_account_impersonation")
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError("service_account_impersonation must be a JSON object. Correct it, or remove it.")
    seconds = options.get("token_lifetime_seconds") if options else None
    if seconds not in (None, "", 0) or isinstance(seconds, bool):  # google-auth then uses the default
        found["lifetime"] = _settings.lifetime(
            "service_account_impersonation's token_lifetime_seconds", _whole_number(seconds)
        )
    return found


def _whole_number(seconds: object) -> object:
    """Return a number that is written in another form of JSON, as `"3600"` or `3600.0`. Google accepts these forms."""
    if isinstance(seconds, str) and re.fullmatch(r"[0-9]{1,6}(?:\.0+)?", seconds):
        return int(seconds.partition(".")[0])
    return int(seconds) if isinstance(seconds, float) and seconds.is_integer() else seconds


def _credential_source(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verification URL. The sources of keys are ignored, because botocore's chain has the same ones."""
    source = info.get("credential_source")
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise ConfigurationError(f"credential_source must be a JSON object. Write the file again.\n{WRITE_FILE}")
    environment = source.get("environment_id")
    if not isinstance(environment, str) or not re.fullmatch("aws0*1", environment):
        what = (
            "AWS has only version 1: set environment_id to 'aws1'."
            if is_aws(info)
            else f"The configuration is for a workload elsewhere. Create one for a workload on AWS.\n{WRITE_FILE}"
        )
        raise ConfigurationError(
            f"credential_source has the environment_id {quoted(environment)}, not 'aws1'. {what}",
            failure="file-of-another-kind",
        )
    return {"verification_url": source.get("regional_cred_verification_url")}


def minimal(audience: str, verification_url: str) -> dict[str, Any]:
    """Return the shortest `external_account` mapping with these values."""
    source = {"environment_id": "aws1", "regional_cred_verification_url": verification_url}
    return {"type": "external_account", "audience": audience, "credential_source": source}


def to_info(settings: Settings, quota_project_id: str | None, project_id: str | None) -> dict[str, Any]:
    """Return the `external_account` mapping with these settings, as gcloud would write it."""
    metadata = "http://169.254.169.254/latest"
    info: dict[str, Any] = {
        "universe_domain": settings.universe_domain,
        "type": "external_account",
        "audience": settings.audience,
        "subject_token_type": settings.subject_token_type,
        "token_url": settings.sts_url,
        "credential_source": {
            "environment_id": "aws1",
            "region_url": f"{metadata}/meta-data/placement/availability-zone",
            "url": f"{metadata}/meta-data/iam/security-credentials",
            "regional_cred_verification_url": settings.verification_url or DEFAULT_VERIFICATION_URL,
            "imdsv2_session_token_url": f"{metadata}/api/token",
        },
    }
    if settings.service_account is not None:
        info["service_account_impersonation_url"] = (
            f"{settings.iam_url}/v1/projects/-/serviceAccounts/{settings.service_account}:generateAccessToken"
        )
        if settings.lifetime != Settings(settings.audience).lifetime:
            info["service_account_impersonation"] = {"token_lifetime_seconds": settings.lifetime}
    elif settings.sts_url.endswith("/token"):
        # From this endpoint, gcloud gets the principal of a federated token.
        info["token_info_url"] = settings.sts_url.removesuffix("token") + "introspect"
    if quota_project_id is not None:
        info["quota_project_id"] = quota_project_id
    if project_id is not None:
        info["project_id"] = project_id
    return info
