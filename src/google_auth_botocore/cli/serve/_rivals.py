"""Credentials that a client would use instead of the metadata server: variables, and files of gcloud.

What each reads, in the order in which it looks:

- Application Default Credentials: https://cloud.google.com/docs/authentication/application-default-credentials
- gcloud: `Store.Load` in googlecloudsdk/core/credentials/store.py; any property is a variable, too:
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

# Without a word: what these hold is what the command line of `serve` gave, or no credentials at all.
_EXPECTED = ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "CLOUDSDK_CORE_CHECK_GCE_METADATA")
_RIVALS = (
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
    # gcsfs, by fsspec's configuration
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
# All of them, for a shell.
UNSET = (*_EXPECTED, *_RIVALS)
# Ruby's for one service.
_OF_SERVICE = re.compile(
    r"(?:BIGQUERY|BIGTABLE|DATASTORE|DEBUGGER|DNS|ERROR_REPORTING|FIRESTORE|LANGUAGE|LOGGING|MONITORING|PUBSUB|"
    r"RESOURCE_MANAGER|SPANNER|SPEECH|STORAGE|TRACE|TRANSLATE|VISION|VIDEO_INTELLIGENCE)_(?:CREDENTIALS|KEYFILE)(?:_JSON)?"
)
# Properties of a gcloud configuration that have the same effect as the variables above, and a value that has none.
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


def variables(present: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables that are to be unset."""
    return tuple(name for name in present if name in UNSET or _OF_SERVICE.fullmatch(name))


def warnings(present: Mapping[str, str]) -> list[str]:
    """Return what to tell the user: which variables are unset for the command, and what wins and is not unset."""
    told = []
    unset = sorted(name for name in variables(present) if name not in _EXPECTED and present[name])
    if unset:
        names = ", ".join(unset)
        told.append(f"unset for the command, because clients would use it instead of the identity served: {names}")
    places = gcloud_directories(present)
    files = (place / "application_default_credentials.json" for place in places)
    path = next(filter(_exists, files), None)
    if path is not None:
        told.append(f"{path} exists, and clients take it before any metadata server.")
    told += [
        f"gcloud's configuration sets {name}, which changes who gcloud acts as. Run `gcloud config unset {name}`."
        for name in (_properties(places[0], present) if places else ())
    ]
    return told


def gcloud_directories(present: Mapping[str, str]) -> list[Path]:
    """Return where gcloud keeps its files, and where some clients believe that it does."""
    # Not Path.home, which raises if there is none.
    usual = Path(present.get("APPDATA", "") if os.name == "nt" else os.path.expanduser("~/.config"))  # noqa: PTH111
    chosen = present.get("CLOUDSDK_CONFIG")
    places = [Path(chosen)] if chosen else []
    return [*places, usual / "gcloud"] if usual.is_absolute() else places


def _properties(place: Path, present: Mapping[str, str]) -> list[str]:
    """Return the names of the properties that are set in the active configuration, and win."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    name = present.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or _text(place / "active_config") or "default"
    try:
        parser.read_string(_text(place / "configurations" / f"config_{name}"))
    except configparser.Error:
        return []
    return [
        f"{section}/{name}"
        for section, names in _PROPERTIES.items()
        for name, harmless in names.items()
        if parser.get(section, name, fallback="").lower() not in {"", harmless}
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
    except (OSError, ValueError):  # it is not there, or no text, or no path
        return ""
