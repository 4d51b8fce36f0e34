"""A workload with AWS keys. It signs and exchanges without this library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, ServiceAccount

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/app"
STS_URL = "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"


@dataclass
class FakeClock:
    """A clock that a test advances. It starts at the current time, because botocore signs with the real time."""

    now: float = field(default_factory=lambda: datetime.now(timezone.utc).timestamp())

    def __call__(self) -> float:
        return self.now


@dataclass
class Workload:
    """A workload on AWS: its keys, and the provider and service account that it uses."""

    google: Emulator
    provider: AwsProvider
    account: ServiceAccount
    keys: AwsKeys
    session: requests.Session

    def signed(
        self,
        *,
        keys: AwsKeys | None = None,
        url: str = STS_URL,
        region: str = "us-east-1",
        service: str = "sts",
        target: str | None = None,
        extra: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the fields of a subject token. botocore signs all of its headers."""
        keys = keys or self.keys
        request = AWSRequest("POST", url)
        request.headers["x-goog-cloud-target-resource"] = target or self.provider.audience
        for name, value in (extra or {}).items():
            request.headers[name] = value
        frozen = ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        SigV4Auth(frozen, service, region).add_auth(request)
        headers = {**dict(request.headers.items()), "host": url.split("/")[2].partition("?")[0]}
        return {
            "url": url,
            "method": "POST",
            "headers": [{"key": name, "value": value} for name, value in headers.items()],
        }

    def exchange(self, subject_token: object = None, **fields: str | None) -> requests.Response:
        """Exchange a subject token. A mapping is serialized as Google documents it. A field that is None is omitted."""
        if subject_token is None:
            subject_token = self.signed()
        if not isinstance(subject_token, str):
            subject_token = quote(json.dumps(subject_token))
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": self.provider.audience,
            "scope": CLOUD_PLATFORM,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": subject_token,
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
            **fields,
        }
        return self.session.post(self.google.token_url, data=form)

    def federated_token(self, **fields: str | None) -> str:
        """Return the access token of a successful exchange."""
        reply = self.exchange(**fields)
        assert reply.status_code == 200, reply.text
        token = reply.json()["access_token"]
        assert isinstance(token, str)
        return token

    def iam(
        self, method: str, body: dict[str, Any], *, token: str | None = None, account: str = ""
    ) -> requests.Response:
        """Call the IAM Credentials API, by default with a new federated token."""
        return self.session.post(
            f"{self.google.iam_credentials_endpoint}/v1/projects/-/serviceAccounts"
            f"/{account or self.account.email}:{method}",
            json=body,
            headers={"Authorization": f"Bearer {token or self.federated_token()}"},
        )

    def account_token(self, *scopes: str) -> str:
        """Return an access token of the service account, by default with the scope of all of Google Cloud."""
        reply = self.iam("generateAccessToken", {"scope": scopes or [CLOUD_PLATFORM]})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["accessToken"])
