"""The identity that the metadata server presents: account, scopes and project, without tokens."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from google_auth_botocore import Credentials
from google_auth_botocore._failures._names import project_in

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class Identity(NamedTuple):
    """The identity that the metadata server presents.

    Attributes:
        email: The service account. Without one, a name for the pool that is not an e-mail address.
        scopes: The scopes of access tokens if the client requests no others.
        project_id: The default project of clients.
        project_number: The number of the project that contains the pool.
        universe_domain: The domain of Google's endpoints.
    """

    email: str
    scopes: tuple[str, ...]
    project_id: str
    project_number: int
    universe_domain: str


def identity(credentials: Credentials) -> Identity:
    """Return the identity of credentials, without network calls.

    The project is the one that the user configured, or else the project of the service account, or else the project of
    the pool. The last is identified by its number, which Google's APIs accept as a project id. There is always a project,
    because gcloud fails without one. Clients prefer a project in their own environment or configuration.
    """
    parts = urlsplit(credentials.info["audience"]).path.strip("/").split("/")
    number, pool = parts[parts.index("projects") + 1], parts[parts.index("workloadIdentityPools") + 1]
    # Without a service account: the trust domain of the pool, which no client mistakes for an e-mail address.
    email = credentials.service_account_email or f"{pool}.global.{number}.workload.id.goog"
    return Identity(
        email=email,
        scopes=tuple(credentials.scopes or credentials.default_scopes or (CLOUD_PLATFORM,)),
        project_id=credentials.get_project_id() or project_in(email) or number,
        project_number=int(number),
        universe_domain=credentials.universe_domain,
    )
