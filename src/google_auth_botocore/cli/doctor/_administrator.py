"""Read the provider, the service account and its IAM policy with an administrator's token.

The token is in CLOUDSDK_AUTH_ACCESS_TOKEN, and gcloud's variables may set other endpoints. Without a token, no call is
made.

https://cloud.google.com/iam/docs/reference/rest
https://cloud.google.com/sdk/docs/properties
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests

from google_auth_botocore._failures._evidence import Binding
from google_auth_botocore._failures._names import project_in
from google_auth_botocore.cli.doctor._recorder import Recorder, Reply

_TOKEN_VARIABLE = "CLOUDSDK_AUTH_ACCESS_TOKEN"


class Administrator:
    """Reads resources with an administrator's token. Changes nothing."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._token = os.environ.get(_TOKEN_VARIABLE)
        self._replies: dict[tuple[str, str], Reply | None] = {}

    @property
    def has_token(self) -> bool:
        """Whether there is a token."""
        return bool(self._token)

    def provider(self, audience: str) -> dict[str, Any] | None:
        """Return the provider from the IAM API: an empty object if it does not exist, None if that is unknown."""
        return _found(self._get("iam", audience.removeprefix("//iam.googleapis.com/")))

    def pool(self, audience: str) -> dict[str, Any] | None:
        """Return the provider's pool, like `provider`."""
        return _found(self._get("iam", audience.removeprefix("//iam.googleapis.com/").partition("/providers/")[0]))

    def account(self, name: str) -> dict[str, Any] | None:
        """Return the service account, like `provider`."""
        project = project_in(name) or "-"
        return _found(self._get("iam", f"projects/{project}/serviceAccounts/{quote(name)}"))

    def bindings(self, account: str) -> list[Binding] | None:
        """Return the bindings on the service account, or None if they are unknown."""
        return _bindings(self._post("iam", f"projects/-/serviceAccounts/{quote(account)}:getIamPolicy"))

    def project_bindings(self, account: str) -> list[Binding]:
        """Return the bindings on the service account's project, as far as they are known."""
        project = project_in(account)
        reply = self._post("cloudresourcemanager", f"projects/{project}:getIamPolicy") if project else None
        return _bindings(reply) or []

    def _get(self, api: str, path: str) -> Reply | None:
        return self._send("GET", api, path)

    def _post(self, api: str, path: str) -> Reply | None:
        return self._send("POST", api, path)

    def _send(self, method: str, api: str, path: str) -> Reply | None:
        if not self.has_token:
            return None
        if (api, path) not in self._replies:
            default = f"https://{api}.googleapis.com/"
            base = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}", default)
            headers = {"authorization": f"Bearer {self._token}"}
            try:
                reply = self._recorder.send(method, f"{base.rstrip('/')}/v1/{path}", headers=headers)
            except requests.RequestException:
                reply = None
            self._replies[api, path] = reply
        return self._replies[api, path]


def _found(reply: Reply | None) -> dict[str, Any] | None:
    if reply is not None and reply.status == 404:
        return {}
    return reply.document if reply is not None and reply.status == 200 else None


def _bindings(reply: Reply | None) -> list[Binding] | None:
    if reply is None or reply.status != 200:
        return None
    return list(_members(reply.document))


def _members(policy: dict[str, Any]) -> Iterator[Binding]:
    for binding in policy.get("bindings", []):
        for member in binding.get("members", []):
            yield Binding(str(binding.get("role")), str(member))
