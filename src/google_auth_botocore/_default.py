"""Application Default Credentials: `google.auth.default`, but the file of an AWS workload loads this package's credentials.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import google.auth

# Private, and google-auth's only name for the file's location. A test fails if it disappears.
from google.auth import _cloud_sdk, environment_vars, exceptions
from google.auth import credentials as google_credentials

from google_auth_botocore import _external_account, _install
from google_auth_botocore._redaction import path_mistake, quoted, without_user_part
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import ConfigurationError

# A call passes at most one of these arguments.
_IDENTITIES = {"session", "profile"}

CredentialsAndProject = tuple[google_credentials.Credentials, str | None]


def default(
    scopes: Sequence[str] | None = None,
    request: Any = None,
    quota_project_id: str | None = None,
    default_scopes: Sequence[str] | None = None,
    **overrides: Any,
) -> tuple[google_credentials.Credentials, str | None]:
    """Return credentials as `google.auth.default` does, but `Credentials` for the `external_account` file of an AWS workload.

    The file is the one that GOOGLE_APPLICATION_CREDENTIALS names, or gcloud's own. Creating `Credentials` makes no network
    call. Every other file is left to google-auth. If there are no credentials, or the file is not a JSON object, the error
    says what is wrong. After `install`, its arguments apply here, too, except those that this call passes.

    https://googleapis.dev/python/google-auth/latest/reference/google.auth.html

    Args:
        scopes: OAuth scopes of the tokens.
        request: The transport with which google-auth looks for a project or a metadata server. Not used for an AWS workload.
        quota_project_id: Project that quota and billing are charged to. None: GOOGLE_CLOUD_QUOTA_PROJECT, or the file's.
        default_scopes: Scopes that a library requests if its user chose none.
        overrides: Other arguments of `Credentials`. If google-auth finds other credentials, for example on a developer's
            machine, only *project_id* has an effect.

    Returns:
        The credentials and the project: the argument, GOOGLE_CLOUD_PROJECT or GCLOUD_PROJECT, or the file's. For an AWS
        workload without these: None.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: There are no credentials, or they are invalid. `ConfigurationError`
            is a subclass.
    """
    # google-auth also uses gcloud's file if the variable is empty.
    path = os.environ.get(environment_vars.CREDENTIALS) or _cloud_sdk.get_application_default_credentials_path()
    mistake = path_mistake(path, environment_vars.CREDENTIALS)
    if mistake is not None:
        del path  # it may contain a private key, and crash reports show the variables of each frame
        raise ConfigurationError(mistake, failure=_external_account.UNREADABLE)
    return _load(
        path,
        _nothing_found,
        partial(google.auth.default, request=request),
        overrides,
        scopes=scopes,
        default_scopes=default_scopes,
        quota_project_id=quota_project_id,
    )


def load_credentials_from_file(
    filename: str | os.PathLike[str],
    scopes: Sequence[str] | None = None,
    default_scopes: Sequence[str] | None = None,
    quota_project_id: str | None = None,
    request: Any = None,
    **overrides: Any,
) -> tuple[google_credentials.Credentials, str | None]:
    """Return credentials as `google.auth.load_credentials_from_file` does; see `default`.

    Args:
        filename: Path of the JSON file.
        scopes: See `default`.
        default_scopes: See `default`.
        quota_project_id: See `default`.
        request: See `default`.
        overrides: See `default`.

    Returns:
        The credentials and the project, as `default` does.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: The file cannot be read or used. `ConfigurationError` is a
            subclass.
    """
    mistake = _type_mistake(filename) or path_mistake(filename, "filename")
    if mistake is not None:
        del filename  # see `default`
        raise ConfigurationError(mistake, failure=_external_account.UNREADABLE)
    return _load(
        filename,
        _file_missing,
        partial(google.auth.load_credentials_from_file, filename, request=request),
        overrides,
        scopes=scopes,
        default_scopes=default_scopes,
        quota_project_id=quota_project_id,
    )


def _load(
    filename: str | os.PathLike[str],
    missing: Callable[[str], ConfigurationError],
    google_auth_loader: Callable[..., CredentialsAndProject],
    overrides: Mapping[str, Any],
    **arguments: Any,
) -> CredentialsAndProject:
    """Return `Credentials` if the file is an AWS workload's, otherwise what google-auth loads.

    If there is neither, the error is the one that *missing* returns for the path.
    """
    info, mistake = None, None
    exists = os.path.exists(filename)  # noqa: PTH110 - a path of any kind
    if exists:
        info, mistake = _external_account.read(filename)
    if _external_account.is_aws(info):
        return _from_aws_file(info, os.fsdecode(filename), **arguments, **overrides)
    del info
    try:
        credentials, project_id = google_auth_loader(**arguments)
    except Exception as error:
        if not exists and isinstance(error, exceptions.DefaultCredentialsError):
            raise missing(os.fsdecode(filename)) from error
        if mistake is None:
            raise
    else:
        return credentials, overrides.get("project_id") or project_id
    # For a directory, or a file without a JSON object, google-auth raises an error that may contain the file's content.
    raise mistake


def _type_mistake(filename: object) -> str | None:
    """Return what is wrong with a path that is not a path; users also pass what the annotation excludes."""
    if isinstance(filename, (str, bytes, os.PathLike)) and os.fspath(filename):
        return None
    seen = "a mapping" if isinstance(filename, Mapping) else quoted(filename)
    return f"filename must be a path, not {seen}. Pass the path of the JSON file."


def _file_missing(path: str) -> ConfigurationError:
    return ConfigurationError(_external_account.missing(path), failure=_external_account.MISSING)


def _nothing_found(path: str) -> ConfigurationError:
    """Return why `default` finds no credentials, and how to set them. Neither the file nor a metadata server of Google exists."""
    named = without_user_part(repr(path))
    if os.environ.get(environment_vars.CREDENTIALS):
        return ConfigurationError(
            f"{environment_vars.CREDENTIALS} names {named}, which does not exist. {_external_account.missing_fix(path)}",
            failure=_external_account.MISSING,
        )
    return ConfigurationError(
        f"There are no Application Default Credentials: {environment_vars.CREDENTIALS} is not set, and {named} does not exist. "
        "Set the variable to the path of an external_account file, or pass the provider in code: Credentials(AUDIENCE).",
        failure="no-identity-named",
    )


def _from_aws_file(
    info: Any,
    path: str,
    /,
    *,
    scopes: Sequence[str] | None,
    default_scopes: Sequence[str] | None,
    project_id: str | None = None,
    quota_project_id: str | None = None,
    **overrides: Any,
) -> CredentialsAndProject:
    arguments = dict(_install.installed())
    if not _IDENTITIES.isdisjoint(overrides):
        arguments = {name: value for name, value in arguments.items() if name not in _IDENTITIES}
    arguments.update(overrides)
    for name, value in (("scopes", scopes), ("default_scopes", default_scopes)):
        if value is not None:
            arguments[name] = value
    arguments.update(_external_account.project_arguments(project_id))
    quota_project_id = quota_project_id or os.environ.get(environment_vars.GOOGLE_CLOUD_QUOTA_PROJECT)
    if quota_project_id:
        arguments["quota_project_id"] = quota_project_id
    credentials = Credentials._from(info, path, arguments)
    return credentials, credentials.get_project_id()
