"""What an administrator may read of Google's side: the provider, the service account, who is bound to it.

With the token in CLOUDSDK_AUTH_ACCESS_TOKEN, at the endpoints of gcloud's own variables; without it nothing is asked.
https://cloud.google.com/iam/docs/reference/rest and https://cloud.google.com/sdk/docs/properties.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from google_auth_botocore.cli import _service_account
from google_auth_botocore.cli.doctor._recorder import Recorder, Reply

TOKEN = "CLOUDSDK_AUTH_ACCESS_TOKEN"


class Binding(NamedTuple):
    """One member of one role."""

    role: str
    member: str


class Administrator:
    """Reads; changes nothing."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._token = os.environ.get(TOKEN)
        self._known: dict[tuple[str, str], Reply | None] = {}

    @property
    def there(self) -> bool:
        """Whether there is one."""
        return bool(self._token)

    def provider(self, audience: str) -> dict[str, Any] | None:
        """The provider as the IAM API shows it; an empty object: there is none; None: it can't be told."""
        return _found(self._get("iam", audience.removeprefix("//iam.googleapis.com/")))

    def pool(self, audience: str) -> dict[str, Any] | None:
        """The provider's pool, as `provider`."""
        return _found(self._get("iam", audience.removeprefix("//iam.googleapis.com/").partition("/providers/")[0]))

    def account(self, name: str) -> dict[str, Any] | None:
        """The service account, as `provider`."""
        project = _service_account.project_of(name) or "-"
        return _found(self._get("iam", f"projects/{project}/serviceAccounts/{quote(name)}"))

    def bindings(self, account: str) -> list[Binding] | None:
        """Who has which role on the service account; None: it can't be told."""
        return _bindings(self._post("iam", f"projects/-/serviceAccounts/{quote(account)}:getIamPolicy"))

    def project_bindings(self, account: str) -> list[Binding]:
        """Who has which role on the service account's project."""
        project = _service_account.project_of(account)
        reply = self._post("cloudresourcemanager", f"projects/{project}:getIamPolicy") if project else None
        return _bindings(reply) or []

    def _get(self, api: str, path: str) -> Reply | None:
        return self._ask("GET", api, path)

    def _post(self, api: str, path: str) -> Reply | None:
        return self._ask("POST", api, path)

    def _ask(self, method: str, api: str, path: str) -> Reply | None:
        if not self.there:
            return None
        if (api, path) not in self._known:
            usual = f"https://{api}.googleapis.com/"
            base = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}", usual)
            headers = {"authorization": f"Bearer {self._token}"}
            try:
                reply = self._recorder.ask(method, f"{base.rstrip('/')}/v1/{path}", headers=headers)
            except requests.RequestException:
                reply = None
            self._known[api, path] = reply
        return self._known[api, path]


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
