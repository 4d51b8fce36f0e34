"""Adapter for pyiceberg: `AuthManager`, for REST catalogs such as BigLake's.

https://py.iceberg.apache.org/configuration/#rest-catalog
"""

from __future__ import annotations

from typing import Any

import google.auth.credentials
from google.auth.transport.requests import Request

from google_auth_botocore import Credentials, default, load_credentials_from_file
from google_auth_botocore.adapters._extras import requires
from google_auth_botocore.adapters._sharing import shared

with requires("pyiceberg"):
    from pyiceberg.catalog.rest import auth


class AuthManager(auth.AuthManager):
    """Adds a valid token to each request of a REST catalog. pyiceberg's own `google` fetches a new token for each request.

    pyiceberg creates it from the catalog's properties:
    `auth={"type": "custom", "impl": "google_auth_botocore.adapters.pyiceberg.AuthManager", "custom": {…}}`. The keys of
    `custom` are the arguments below. Without any, it uses `google_auth_botocore.default()`. If the catalog requires a quota
    project, add the property `header.x-goog-user-project`.

    It can be pickled. The pickle contains the configuration of the credentials, but no token.

    Args:
        credentials: The credentials to get tokens from.
        credentials_path: The path of a configuration file, as of pyiceberg's own `google`.
        arguments: With a path, the arguments of `load_credentials_from_file`, such as *scopes*; otherwise, with *audience*, the
            arguments of `Credentials`; otherwise the arguments of `default`. pyiceberg changes the keys of mappings in its file to
            lower case, so *assume_role* must be an ARN there.

    Raises:
        ConfigurationError: An argument or a file is invalid.
        TypeError: Unknown arguments, arguments together with *credentials*, or *credentials* of another type.
        google.auth.exceptions.DefaultCredentialsError: There are no default credentials.
    """

    def __init__(
        self,
        credentials: google.auth.credentials.Credentials | None = None,
        *,
        credentials_path: str | None = None,
        **arguments: Any,
    ) -> None:
        lifetime = arguments.get("lifetime")
        if isinstance(lifetime, str) and lifetime.isdecimal():  # in pyiceberg's file, each value is text
            arguments["lifetime"] = int(lifetime)
        # pyiceberg creates two managers for one catalog, so credentials that are created here are shared.
        if credentials is not None:
            if credentials_path is not None or arguments:
                raise TypeError("pass either credentials or arguments that create them, not both")
            if not isinstance(credentials, google.auth.credentials.Credentials):
                raise TypeError(
                    f"credentials must be a google-auth credentials object, not {type(credentials).__name__}"
                )
        elif credentials_path is not None:
            credentials = shared(load_credentials_from_file(credentials_path, **arguments)[0])
        elif "audience" in arguments:
            credentials = shared(Credentials(**arguments))
        else:
            credentials = shared(default(**arguments)[0])
        self._credentials = credentials
        self._request = Request()

    def auth_header(self) -> str:
        """Return the value of the header `Authorization`, with a valid token.

        Raises:
            FederationError: No token could be obtained.
        """
        headers: dict[str, str] = {}
        self._credentials.before_request(self._request, "GET", "", headers)  # pyiceberg does not pass the URL
        return headers["authorization"]
