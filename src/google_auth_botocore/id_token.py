"""`IDTokenCredentials`: ID tokens of the service account, for Cloud Run, IAP and your own gRPC services."""

from __future__ import annotations

from typing import Any

from google_auth_botocore import _pickle_format, _settings
from google_auth_botocore._redaction import described
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import ConfigurationError


class IDTokenCredentials(SourceCredentials):
    """Credentials whose token is an OpenID Connect ID token of the service account.

    The AWS identity requests it directly, with the federated token that it shares with *credentials*. It requires
    roles/iam.workloadIdentityUser on the service account, like access tokens, or only
    roles/iam.serviceAccountOpenIdTokenCreator.

    https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken

    Args:
        credentials: Credentials with a service account.
        target_audience: The service that accepts the token, such as a Cloud Run service's URL or an IAP client id.
        include_email: Whether the token has the claims `email` and `email_verified`.

    Raises:
        ConfigurationError: The credentials have no service account, or an argument is invalid.
    """

    def __init__(self, credentials: Credentials, target_audience: str, *, include_email: bool = False) -> None:
        if not isinstance(credentials, Credentials):
            raise ConfigurationError(
                f"credentials must be google_auth_botocore.Credentials, not {described(credentials)}. "
                "Pass an object of this class, with a service account.",
                failure="argument-of-wrong-type",
            )
        if credentials.service_account_email is None:
            raise ConfigurationError(
                "ID tokens require a service account, and the credentials have none. Set service_account_email (--service-account).",
                failure="no-service-account",
            )
        self._credentials = credentials
        self._target_audience = _settings.text("target_audience", target_audience)
        self._include_email = bool(include_email)
        super().__init__(credentials._id_tokens(self._target_audience, self._include_email))
        self._quota_project_id = credentials.quota_project_id

    @property
    def service_account_email(self) -> str | None:
        """The service account that the token identifies."""
        return self._credentials.service_account_email

    @property
    def universe_domain(self) -> str:
        """The domain of Google's endpoints."""
        return self._credentials.universe_domain

    def with_target_audience(self, target_audience: str) -> IDTokenCredentials:
        """Return a copy whose token is for another audience.

        Raises:
            ConfigurationError: The audience is invalid.
        """
        changed = IDTokenCredentials(self._credentials, target_audience, include_email=self._include_email)
        return changed.with_quota_project(self._quota_project_id)

    def __repr__(self) -> str:
        """Return an expression that creates equal credentials, as `repr` of *credentials* does."""
        shown = f"{type(self).__name__}({self._credentials!r}, {self._target_audience!r}, include_email={self._include_email!r})"
        if self._quota_project_id == self._credentials.quota_project_id:
            return shown
        return f"{shown}.with_quota_project({self._quota_project_id!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the configuration and the credentials. Objects in one pickle keep sharing their credentials."""
        names = ("credentials", "target_audience", "include_email", "quota_project_id")
        return _pickle_format.dump({name: getattr(self, f"_{name}") for name in names})

    def __setstate__(self, state: object) -> None:
        names = _pickle_format.ID_TOKEN_CREDENTIALS
        configuration, own = _pickle_format.load(state, type(self), IDTokenCredentials, names)
        quota_project_id = _settings.quota_project_id(configuration.pop("quota_project_id"))
        IDTokenCredentials.__init__(self, **configuration)
        self._quota_project_id = quota_project_id
        self.__dict__.update(own)
