"""`IDTokenCredentials`: ID tokens of the service account, for Cloud Run, IAP and gRPC services of one's own."""

from __future__ import annotations

from typing import Any

from google_auth_botocore import _settings
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import ConfigurationError


class IDTokenCredentials(SourceCredentials):
    """Credentials whose token is an OpenID Connect ID token of the service account.

    The AWS identity asks for it directly, with the federated token that it shares with *credentials*: the role
    roles/iam.serviceAccountOpenIdTokenCreator on the service account is enough.

    https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken

    Args:
        credentials: Credentials with a service account.
        target_audience: Who is to accept the token: a Cloud Run service's URL, an IAP client id.
        include_email: Whether the claims `email` and `email_verified` are in it.

    Raises:
        ConfigurationError: The credentials have no service account, or an argument can't be right.
    """

    def __init__(self, credentials: Credentials, target_audience: str, *, include_email: bool = False) -> None:
        if not isinstance(credentials, Credentials):
            raise ConfigurationError(
                f"credentials must be google_auth_botocore.Credentials, not {type(credentials).__name__}."
            )
        if credentials.service_account_email is None:
            raise ConfigurationError(
                "ID tokens are a service account's: set service_account_email on the credentials.",
                failure="no-service-account",
            )
        self._credentials = credentials
        self._target_audience = _settings.text("target_audience", target_audience)
        self._include_email = include_email
        super().__init__(credentials._id_tokens(target_audience, include_email))
        self._quota_project_id = credentials.quota_project_id

    @property
    def service_account_email(self) -> str | None:
        """Whose token it is."""
        return self._credentials.service_account_email

    @property
    def universe_domain(self) -> str:
        """The domain of the Google that issues it."""
        return self._credentials.universe_domain

    def with_target_audience(self, target_audience: str) -> IDTokenCredentials:
        """A copy whose token is for another audience."""
        changed = IDTokenCredentials(self._credentials, target_audience, include_email=self._include_email)
        return changed.with_quota_project(self._quota_project_id)

    def __repr__(self) -> str:
        return (
            f"IDTokenCredentials({self._credentials!r}, {self._target_audience!r}, include_email={self._include_email!r}, "
            f"quota_project_id={self._quota_project_id!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        names = ("_credentials", "_target_audience", "_include_email", "_quota_project_id")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        source = self._credentials._id_tokens(self._target_audience, self._include_email)
        super().__init__(source)
        self._quota_project_id = state["_quota_project_id"]
