"""The URLs at which the emulator serves what Google serves at its own hosts."""

from __future__ import annotations

import abc

from google_auth_botocore.emulator._oauth import ID_TOKEN_ISSUER


class Endpoints(abc.ABC):
    """The emulator's URLs, derived from its base URL."""

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """The emulator's base URL: `http://127.0.0.1:PORT`."""

    @property
    def token_url(self) -> str:
        """The token exchange. Google's is `https://sts.googleapis.com/v1/token`."""
        return f"{self.url}/v1/token"

    @property
    def introspect_url(self) -> str:
        """The token introspection. Google's is `https://sts.googleapis.com/v1/introspect`."""
        return f"{self.url}/v1/introspect"

    @property
    def iam_credentials_endpoint(self) -> str:
        """Scheme and host of the IAM Credentials API. Google's is `https://iamcredentials.googleapis.com`."""
        return self.url

    @property
    def tokeninfo_url(self) -> str:
        """The description of a token. Google's is `https://oauth2.googleapis.com/tokeninfo`."""
        return f"{self.url}/tokeninfo"

    @property
    def oauth_token_url(self) -> str:
        """The OAuth token endpoint. Google's is `https://oauth2.googleapis.com/token`."""
        return f"{self.url}/token"

    @property
    def certs_url(self) -> str:
        """The certificates that verify ID tokens. Google's is `https://www.googleapis.com/oauth2/v1/certs`."""
        return f"{self.url}/oauth2/v1/certs"

    @property
    def jwks_url(self) -> str:
        """The same keys as a JSON Web Key Set. Google's is `https://www.googleapis.com/oauth2/v3/certs`."""
        return f"{self.url}/oauth2/v3/certs"

    @property
    def id_token_issuer(self) -> str:
        """The `iss` of ID tokens: the same as Google's."""
        return ID_TOKEN_ISSUER


class EndpointsAt(Endpoints):
    """The URLs with the base URL that clients use, if it is not the one that the emulator listens on."""

    def __init__(self, url: str) -> None:
        """Set the base URL, such as `http://emulator:8085`."""
        self._url = url

    @property
    def url(self) -> str:
        """The base URL that clients use."""
        return self._url


class GoogleEndpoints(EndpointsAt):
    """Google's own URLs, for clients that resolve Google's host names to the emulator."""

    @property
    def token_url(self) -> str:
        """Google's token exchange."""
        return "https://sts.googleapis.com/v1/token"

    @property
    def introspect_url(self) -> str:
        """Google's token introspection."""
        return "https://sts.googleapis.com/v1/introspect"

    @property
    def iam_credentials_endpoint(self) -> str:
        """Scheme and host of Google's IAM Credentials API."""
        return "https://iamcredentials.googleapis.com"
