"""Application Default Credentials: `google.auth.default`, with ours where the file is an AWS workload's.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import google.auth

# Private, and google-auth's only name for the place; a test sees that it is there.
from google.auth import _cloud_sdk, environment_vars, exceptions
from google.auth import credentials as google_credentials

from google_auth_botocore import _external_account
from google_auth_botocore._redaction import path_mistake
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import ConfigurationError

Found = tuple[google_credentials.Credentials, str | None]


def default(
    scopes: Sequence[str] | None = None,
    request: Any = None,
    quota_project_id: str | None = None,
    default_scopes: Sequence[str] | None = None,
    **overrides: Any,
) -> tuple[google_credentials.Credentials, str | None]:
    """As `google.auth.default`; an AWS workload's `external_account` file gives `Credentials`, and asks nobody.

    The file is the one that GOOGLE_APPLICATION_CREDENTIALS names, else gcloud's own. Everything else, a broken file
    too, is left to google-auth.

    https://googleapis.dev/python/google-auth/latest/reference/google.auth.html

    Args:
        scopes: OAuth scopes of the tokens.
        request: What google-auth looks for a project or a metadata server with; not used for an AWS workload.
        quota_project_id: Project that quota and billing are charged to. None: GOOGLE_CLOUD_QUOTA_PROJECT, else the file's.
        default_scopes: Scopes that a library asks for where its user gave none.
        overrides: Other arguments of `Credentials`. Where the credentials turn out to be others, on a developer's
            machine for one, *project_id* alone has an effect.

    Returns:
        The credentials and the project: the argument, GOOGLE_CLOUD_PROJECT or GCLOUD_PROJECT, or the file's; for an
        AWS workload None without these.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: There are no credentials, or they are wrong. A
            ConfigurationError is one.
    """
    # google-auth looks at gcloud's file where the variable is empty, too.
    path = os.environ.get(environment_vars.CREDENTIALS) or _cloud_sdk.get_application_default_credentials_path()
    mistake = path_mistake(path, environment_vars.CREDENTIALS)
    if mistake is not None:
        del path  # it may be a private key, and crash reports show the variables of each frame
        raise ConfigurationError(mistake)
    return _found(
        path,
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
    """As `google.auth.load_credentials_from_file`; see `default`.

    Args:
        filename: Path of the JSON file.
        scopes: As in `default`, and so are all others.
        default_scopes: See there.
        quota_project_id: See there.
        request: See there.
        overrides: See there.

    Returns:
        The credentials and the project, as `default` does.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: The file can't be read or used. A ConfigurationError is one.
    """
    mistake = path_mistake(filename, "filename")
    if mistake is not None:
        del filename  # see `default`
        raise ConfigurationError(mistake)
    return _found(
        filename,
        partial(google.auth.load_credentials_from_file, filename, request=request),
        overrides,
        scopes=scopes,
        default_scopes=default_scopes,
        quota_project_id=quota_project_id,
    )


def _found(
    filename: str | os.PathLike[str], otherwise: Callable[..., Found], overrides: Mapping[str, Any], **arguments: Any
) -> Found:
    info, mistake = None, None
    if os.path.exists(filename):  # noqa: PTH110 - a path of any kind
        info, mistake = _external_account.read(filename)
    if _external_account.is_aws(info):
        return _ours(info, os.fsdecode(filename), **arguments, **overrides)
    del info
    try:
        credentials, project_id = otherwise(**arguments)
    except Exception as error:
        if mistake is None or isinstance(error, exceptions.GoogleAuthError):
            raise
    else:
        return credentials, overrides.get("project_id") or project_id
    # google-auth's error of another kind, for a directory or a file that holds no object, has the file's content in it.
    raise ConfigurationError(mistake)


def _ours(
    info: Any, path: str, *, project_id: str | None = None, quota_project_id: str | None = None, **arguments: Any
) -> Found:
    environment = os.environ.get
    winning = {
        "project_id": project_id
        or environment(environment_vars.PROJECT)
        or environment(environment_vars.LEGACY_PROJECT),
        "quota_project_id": quota_project_id or environment(environment_vars.GOOGLE_CLOUD_QUOTA_PROJECT),
    }
    arguments.update({name: value for name, value in winning.items() if value})
    credentials = Credentials._from(info, path, arguments)
    return credentials, getattr(credentials, "project_id", None)
