"""Credentials that a client would prefer to the metadata server: environment variables, and files of gcloud.

The sources of these lists, in the order in which each client looks:

- Application Default Credentials: https://cloud.google.com/docs/authentication/application-default-credentials
- gcloud: `Store.Load` in googlecloudsdk/core/credentials/store.py; every property can also be set by a variable:
  https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables
- Terraform: https://registry.terraform.io/providers/hashicorp/google/latest/docs/guides/provider_reference and
  https://developer.hashicorp.com/terraform/language/backend/gcs
- Ruby: `PATH_ENV_VARS` and `JSON_ENV_VARS` in credentials.rb of each google-cloud-* gem
- Rust: https://docs.rs/object_store/latest/object_store/gcp/struct.GoogleCloudStorageBuilder.html
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

# Unset without a warning: they name the same file as the flags of `serve`, or no credentials at all.
_UNSET_SILENTLY = ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "CLOUDSDK_CORE_CHECK_GCE_METADATA")
_UNSET_WITH_WARNING = (
    # Node.js
    "google_application_credentials",
    # gcloud, bq and gsutil; google-github-actions/auth exports the first
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_AUTHORIZATION_TOKEN_FILE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_AUTH_DISABLE_CREDENTIALS",
    "CLOUDSDK_CORE_API_KEY",
    # Terraform, OpenTofu and Pulumi: the providers google and google-beta
    "GOOGLE_CREDENTIALS",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
    # and the backend gcs
    "GOOGLE_BACKEND_CREDENTIALS",
    "GOOGLE_BACKEND_OAUTH_ACCESS_TOKEN",
    "GOOGLE_BACKEND_IMPERSONATE_SERVICE_ACCOUNT",
    # Ruby
    "GOOGLE_CLOUD_CREDENTIALS",
    "GOOGLE_CLOUD_CREDENTIALS_JSON",
    "GOOGLE_CLOUD_KEYFILE",
    "GCLOUD_KEYFILE",
    "GOOGLE_PRIVATE_KEY",
    "GOOGLE_REFRESH_TOKEN",
    # Rust's object_store: obstore, polars, delta-rs
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SKIP_SIGNATURE",
    # gcsfs, through fsspec's configuration
    "FSSPEC_GCS_TOKEN",
    "FSSPEC_GS_TOKEN",
    # Cloud SQL and AlloyDB Auth Proxy
    *(
        f"{proxy}_PROXY_{name}"
        for proxy in ("CSQL", "ALLOYDB")
        for name in (
            "CREDENTIALS_FILE",
            "JSON_CREDENTIALS",
            "TOKEN",
            "LOGIN_TOKEN",
            "GCLOUD_AUTH",
            "IMPERSONATE_SERVICE_ACCOUNT",
        )
    ),
)
# All variables with fixed names.
UNSET = (*_UNSET_SILENTLY, *_UNSET_WITH_WARNING)
# Ruby: variables for one service.
_RUBY_SERVICE = re.compile(
    r"(?:BIGQUERY|BIGTABLE|DATASTORE|DEBUGGER|DNS|ERROR_REPORTING|FIRESTORE|LANGUAGE|LOGGING|MONITORING|PUBSUB|"
    r"RESOURCE_MANAGER|SPANNER|SPEECH|STORAGE|TRACE|TRANSLATE|VISION|VIDEO_INTELLIGENCE)_(?:CREDENTIALS|KEYFILE)(?:_JSON)?"
)
# Properties in a gcloud configuration with the effect of the variables above, each with a value that has no effect.
_PROPERTIES = {
    "auth": {
        "credential_file_override": "",
        "access_token_file": "",
        "authorization_token_file": "",
        "impersonate_service_account": "",
        "disable_credentials": "false",
    },
    "core": {"api_key": "", "check_gce_metadata": "true"},
}


def variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables to unset."""
    return tuple(name for name in environment if name in UNSET or _RUBY_SERVICE.fullmatch(name))


def warnings(environment: Mapping[str, str]) -> list[str]:
    """Return warnings for the user: which variables are unset, and which files clients prefer to the metadata server."""
    found = []
    unset = sorted(name for name in variables(environment) if name not in _UNSET_SILENTLY and environment[name])
    if unset:
        names = ", ".join(unset)
        found.append(f"unset for the command, because clients would prefer these to the metadata server: {names}")
    directories = gcloud_directories(environment)
    files = (directory / "application_default_credentials.json" for directory in directories)
    path = next(filter(_exists, files), None)
    if path is not None:
        found.append(f"{path} exists. Clients prefer it to a metadata server. Remove it if they should use the server.")
    found += [
        f"the gcloud configuration sets {name}, so gcloud uses another identity. Run `gcloud config unset {name}`."
        for name in (_properties(directories[0], environment) if directories else ())
    ]
    return found


def gcloud_directories(environment: Mapping[str, str]) -> list[Path]:
    """Return the directory of gcloud's files, and then the default one, which some clients use regardless."""
    # Not Path.home: it raises an error if there is no home directory.
    default = Path(environment.get("APPDATA", "") if os.name == "nt" else os.path.expanduser("~/.config"))  # noqa: PTH111
    configured = environment.get("CLOUDSDK_CONFIG")
    directories = [Path(configured)] if configured else []
    return [*directories, default / "gcloud"] if default.is_absolute() else directories


def _properties(directory: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the properties in the active configuration that change which credentials gcloud uses."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    name = environment.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or _text(directory / "active_config") or "default"
    try:
        parser.read_string(_text(directory / "configurations" / f"config_{name}"))
    except configparser.Error:
        return []
    return [
        f"{section}/{name}"
        for section, names in _PROPERTIES.items()
        for name, no_effect in names.items()
        if parser.get(section, name, fallback="").lower() not in {"", no_effect}
    ]


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # missing, not text, or not a valid path
        return ""
