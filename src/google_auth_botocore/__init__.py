"""Google Cloud credentials for workloads on AWS, backed by botocore.

- `Credentials`: access tokens. Pass the object to Google's client libraries as `credentials=`.
- `IDTokenCredentials`: ID tokens, for Cloud Run, IAP and other services that verify them.
- `default`, `load_credentials_from_file`: `Credentials` from a configuration file, as google-auth's functions of these names.
- `install`, `uninstall`: the same for libraries that accept no credentials and call `google.auth.default()` themselves.
- `Token`: what `Credentials.get_token` returns.
- `ConfigurationError`, `FederationError`, `TransientFederationError`: see `google_auth_botocore.exceptions`.

PYTEST_DONT_REWRITE: without this word, pytest warns if this package is imported before pytest starts, as by a line in
sitecustomize.py. The reason is that the package contains a plugin for pytest.
"""

from google_auth_botocore._default import default, load_credentials_from_file
from google_auth_botocore._install import install, uninstall
from google_auth_botocore._refresh.token import Token
from google_auth_botocore._version import __version__
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import (
    ConfigurationError,
    FederationError,
    TransientFederationError,
)
from google_auth_botocore.id_token import IDTokenCredentials

__all__ = [
    "ConfigurationError",
    "Credentials",
    "FederationError",
    "IDTokenCredentials",
    "Token",
    "TransientFederationError",
    "__version__",
    "default",
    "install",
    "load_credentials_from_file",
    "uninstall",
]
