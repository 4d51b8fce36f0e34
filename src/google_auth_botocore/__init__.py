"""Google Cloud credentials for workloads on AWS, backed by botocore."""

from google_auth_botocore._default import default, load_credentials_from_file
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
    "load_credentials_from_file",
]
