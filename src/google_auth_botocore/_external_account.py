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

from google_auth_botocore import _settings
from google_auth_botocore._redaction import path_mistake, quoted, without_user_part
from google_auth_botocore._settings import GOOGLEAPIS, Settings
from google_auth_botocore.exceptions import ConfigurationError

# gcloud writes this URL for every partition.
USUAL_VERIFICATION_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

# Levels of nesting. gcloud writes three.
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
# Arguments of `Credentials` for which an external_account file has fields.
IN_A_FILE = {
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


def read(filename: object) -> tuple[Mapping[str, Any], None] | tuple[None, str]:
    """Read a configuration file.

    Args:
        filename: The path that the caller passed.

    Returns:
        The JSON object in the file and None, or None and what is wrong. An error that is raised here would keep the file's
        content in its frames and its context. It may be a key file, which must not be in a crash report.
    """
    try:
        path = os.fsdecode(filename)  # type: ignore[arg-type]  # raises TypeError for another type
    except TypeError:
        path = ""
    if not path:
        return None, f"The configuration file must be a path, not {quoted(filename)}."
    mistake = path_mistake(path, "filename")
    if mistake is not None:
        return None, mistake
    named = without_user_part(repr(path))
    try:
        info = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None, f"There is no configuration file {named}."
    except OSError as error:
        return None, f"The configuration file {named} cannot be read: {error.strerror}."
    except (ValueError, RecursionError) as error:
        return None, f"The configuration file {named} cannot be read as JSON: {error}."
    if not isinstance(info, Mapping):
        return None, f"The configuration file {named} must hold a JSON object, not {_JSON_TYPES[type(info)]}."
    return info, None


def _nested_too_deeply(info: Mapping[str, Any]) -> bool:
    """Return whether copying it could exceed the interpreter's stack, which the caller's frames share."""
    level: list[Any] = [info]
    for _ in range(_DEEPEST):
        parts = (part for each in level for part in (each.values() if isinstance(each, Mapping) else each))
        # Each once: a mapping that was created in code may contain itself.
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
        in_code: Arguments that were set in code. The file's universe domain must be theirs, or googleapis.com. An
            endpoint that one of them replaces is not checked.
    """
    if not isinstance(info, Mapping):
        raise ConfigurationError(f"The configuration must be a JSON object, not {type(info).__name__}.")
    if _nested_too_deeply(info):
        raise ConfigurationError(f"The configuration is nested deeper than {_DEEPEST} levels.")
    kind = info.get("type")
    if kind != "external_account":
        raise ConfigurationError(
            f"The configuration has the type {quoted(kind)}, not 'external_account'. "
            "Write one with: gcloud iam workload-identity-pools create-cred-config … --aws",
            failure="file-of-another-kind",
        )
    for name in ("client_id", "client_secret", "workforce_pool_user_project"):
        if info.get(name):
            raise ConfigurationError(
                f"The configuration has {name}, which is for workforce identity and not for AWS workloads. Remove it."
            )
    if "audience" not in info:
        raise ConfigurationError(
            f"The configuration lacks 'audience'. Expected {_settings.AUDIENCE_FORM}.", failure="audience-malformed"
        )
    universe = _settings.universe_domain(in_code.get("universe_domain", GOOGLEAPIS))
    stated = info.get("universe_domain")
    if stated not in (None, GOOGLEAPIS, universe):
        raise ConfigurationError(
            f"The configuration names the universe domain {quoted(stated)}. "
            f"A universe other than {GOOGLEAPIS} must be set in code: universe_domain={quoted(stated)}."
        )
    arguments: dict[str, Any] = {"audience": info["audience"], "universe_domain": universe}
    arguments.update(_token_url(info, universe, in_code))
    arguments.update(_impersonation(info, universe, in_code))
    arguments.update(_credential_source(info))
    as_they_are = ("subject_token_type", "quota_project_id", "project_id")
    return {**arguments, **{name: info[name] for name in as_they_are if info.get(name) is not None}}


def _token_url(info: Mapping[str, Any], universe: str, in_code: Mapping[str, Any]) -> dict[str, Any]:
    url = info.get("token_url")
    if url is None or in_code.get("token_url") is not None:
        return {}
    _google_url("token_url", url, "sts", universe, r"/v1/token")
    return {"token_url": url}


def _impersonation(info: Mapping[str, Any], universe: str, in_code: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    url = info.get("service_account_impersonation_url")
    if url is not None:
        path = r"/v1/projects/-/serviceAccounts/([^/?#]+):generateAccessToken"
        # If code sets another endpoint, only the service account of this URL is used.
        elsewhere = re.fullmatch(rf"https?://[^/]+{path}", str(url)) if in_code.get(_IAM) is not None else None
        match = elsewhere or _google_url("service_account_impersonation_url", url, "iamcredentials", universe, path)
        found["service_account_email"] = match[1].replace("%40", "@")
        found[_IAM] = url[: url.index("/v1/")]
    options = info.get("service_account_impersonation")
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError("service_account_impersonation must be a JSON object.")
    seconds = options.get("token_lifetime_seconds") if options else None
    if seconds is not None:
        found["lifetime"] = _settings.lifetime("service_account_impersonation's token_lifetime_seconds", seconds)
    return found


def _credential_source(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verification URL. The sources of keys are not used, because botocore's chain has them."""
    source = info.get("credential_source")
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise ConfigurationError("credential_source must be a JSON object.")
    environment = source.get("environment_id")
    if environment != "aws1":
        raise ConfigurationError(
            f"credential_source has the environment_id {quoted(environment)}, not 'aws1': the configuration is not for AWS. "
            "google.auth.load_credentials_from_file accepts it.",
            failure="file-of-another-kind",
        )
    return {"verification_url": source.get("regional_cred_verification_url")}


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
            "regional_cred_verification_url": settings.verification_url or USUAL_VERIFICATION_URL,
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
        # gcloud asks this endpoint for the principal of a federated token.
        info["token_info_url"] = settings.sts_url.removesuffix("token") + "introspect"
    if quota_project_id is not None:
        info["quota_project_id"] = quota_project_id
    if project_id is not None:
        info["project_id"] = project_id
    return info


def _google_url(name: str, url: object, service: str, universe: str, path: str) -> re.Match[str]:
    """Check that an endpoint from a file is Google's: the subject token and the federated token are sent there.

    Besides the plain host, mutual TLS, locational (`rep`) and Private Service Connect (`p`) endpoints are accepted.
    """
    domain = re.escape(universe)
    label = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    host = rf"(?:{service}(?:\.mtls|\.{label}\.rep)?\.{domain}|{service}-{label}\.p\.{domain})"
    match = re.fullmatch(rf"https://{host}(?::443)?{path}", url) if isinstance(url, str) else None
    if match is None:
        argument = name if name == "token_url" else _IAM
        raise ConfigurationError(
            f"The configuration's {name} {quoted(url)} is not an endpoint of Google's ({service}.{universe} and its forms). "
            f"Your own endpoint must be set in code, {argument}=, or on the command line, --{argument.replace('_', '-')}.",
            failure="foreign-endpoint",
        )
    return match
