"""The service accounts of the IAM API, and their policies.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import dataclasses
import re
from re import Match
from typing import Any

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._authentication import permission_denied
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._projects import IAM, ORGANIZATION, Project
from google_auth_botocore.emulator._service_accounts import ServiceAccount
from google_auth_botocore.emulator._standard_methods import apply_mask, paginate

_UPDATABLE = {"displayName", "description"}
_FIELDS = {*_UPDATABLE, "name", "projectId", "uniqueId", "email", "etag", "oauth2ClientId", "disabled"}
_MAX_BYTES = {"displayName": 100, "description": 256}


class ServiceAccountsApi:
    """Serves requests that create, read, change and delete service accounts, and those for their policies."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration
        self._accounts = administration.accounts
        self._policies = administration.policies

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        accounts = r"/v1/projects/(?P<project>[^/]+)/serviceAccounts"
        account = f"{accounts}/(?P<account>[^/:]+)"
        return [
            Route("POST", re.compile(accounts), self._create),
            Route("GET", re.compile(accounts), self._list),
            Route("GET", re.compile(account), self._get),
            Route("PATCH", re.compile(account), self._patch),
            Route("PUT", re.compile(account), self._update),
            Route("DELETE", re.compile(account), self._delete),
            Route("POST", re.compile(f"{account}:undelete"), self._undelete),
            Route("POST", re.compile(f"{account}:(?P<switch>disable|enable)"), self._switch),
            Route("POST", re.compile(f"{account}:getIamPolicy"), self._get_policy),
            Route("POST", re.compile(f"{account}:setIamPolicy"), self._set_policy),
        ]

    def _create(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "create")
        body = call.fields({"accountId", "serviceAccount"})
        name = str(body.get("accountId", ""))
        if not re.fullmatch(r"(?=.{6,30}$)[a-z][-a-z0-9]*[a-z0-9]", name):
            raise RpcError(
                400,
                f'Invalid service account ID "{name}": it must have 6 to 30 characters of [a-z0-9-], begin with a letter'
                " and end with a letter or a digit.",
            )
        email = f"{name}@{project.project_id}.iam.gserviceaccount.com"
        if self._accounts.find(email) is not None:
            raise RpcError(409, f"Service account {name} already exists within project projects/{project.project_id}.")
        fields = _account_fields(body.get("serviceAccount", {}))
        return Response(_document(self._accounts.put(_with_description(self._accounts.add(email), fields))))

    def _list(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "list")
        accounts = self._accounts.of_project(project.project_id)
        return Response(paginate(call, "accounts", [_document(account) for account in accounts]))

    def _get(self, call: Call, match: Match[str]) -> Response:
        return Response(_document(self._account(call, match, "get")))

    def _patch(self, call: Call, match: Match[str]) -> Response:
        account = self._account(call, match, "update")
        body = call.fields({"serviceAccount", "updateMask"})
        return self._apply_update(
            account, _account_fields(body.get("serviceAccount", {})), str(body.get("updateMask", ""))
        )

    def _update(self, call: Call, match: Match[str]) -> Response:
        account = self._account(call, match, "update")
        body = _account_fields(call.json())
        return self._apply_update(account, body, ",".join(_UPDATABLE & body.keys()))

    def _apply_update(self, account: ServiceAccount, update: dict[str, Any], mask: str) -> Response:
        changed = apply_mask(mask, _document(account), update, _UPDATABLE)
        return Response(_document(self._accounts.put(_with_description(account, changed))))

    def _delete(self, call: Call, match: Match[str]) -> Response:
        account = self._account(call, match, "delete")
        self._accounts.delete(account)
        self._policies.move(account.email, f"deleted:{account.unique_id}")
        return Response({})

    def _undelete(self, call: Call, match: Match[str]) -> Response:
        self._administration.check(call, IAM, "iam.serviceAccounts.undelete", [ORGANIZATION])
        account = self._accounts.undelete(match["account"])
        if account is None:
            raise RpcError(404, "Requested entity was not found.")
        self._policies.move(f"deleted:{account.unique_id}", account.email)
        return Response({"restoredAccount": _document(account)})

    def _switch(self, call: Call, match: Match[str]) -> Response:
        account = self._account(call, match, match["switch"])
        call.fields(())
        self._accounts.put(dataclasses.replace(account, disabled=match["switch"] == "disable"))
        return Response({})

    def _get_policy(self, call: Call, match: Match[str]) -> Response:
        return Response(self._policies.document(self._account(call, match, "getIamPolicy").email))

    def _set_policy(self, call: Call, match: Match[str]) -> Response:
        account = self._account(call, match, "setIamPolicy")
        return Response(self._administration.set_policy(call, account.email))

    def _project(self, call: Call, match: Match[str], method: str) -> Project:
        project = self._administration.project(call, IAM, f"iam.serviceAccounts.{method}", match["project"])
        project.require(IAM)
        return project

    def _account(self, call: Call, match: Match[str], method: str) -> ServiceAccount:
        """Return the account in the path. With `-` for the project, an unknown account looks like one without permission."""
        permission = f"iam.serviceAccounts.{method}"
        account = self._accounts.find(match["account"])
        if match["project"] != "-":
            project = self._project(call, match, method)
            if account is None or account.project_id != project.project_id:
                raise RpcError(404, "Unknown service account")
            return account
        projects = self._administration.projects
        self._administration.check(
            call, IAM, permission, [ORGANIZATION] if account is None else projects.policy_resources(account)
        )
        if account is None:
            raise permission_denied(permission)
        return account


def _account_fields(body: object) -> dict[str, Any]:
    """Validate the body of an account, and return its fields without those that are null."""
    if not isinstance(body, dict):
        raise RpcError(400, "Invalid value at 'serviceAccount'.")
    unknown = sorted(body.keys() - _FIELDS)
    if unknown:
        raise RpcError(400, f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
    body = {field: value for field, value in body.items() if value is not None}
    for field, maximum in _MAX_BYTES.items():
        if not isinstance(body.get(field, ""), str):
            raise RpcError(400, f"Invalid value at '{field}'.")
        if len(body.get(field, "").encode()) > maximum:
            raise RpcError(400, f"The {field} of a service account must have at most {maximum} bytes.")
    return body


def _with_description(account: ServiceAccount, body: dict[str, Any]) -> ServiceAccount:
    return dataclasses.replace(
        account, display_name=body.get("displayName", ""), description=body.get("description", "")
    )


def _document(account: ServiceAccount) -> dict[str, Any]:
    return {
        "name": f"projects/{account.project_id}/serviceAccounts/{account.email}",
        "projectId": account.project_id,
        "uniqueId": account.unique_id,
        "email": account.email,
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": account.unique_id,
        **({"displayName": account.display_name} if account.display_name else {}),
        **({"description": account.description} if account.description else {}),
        **({"disabled": True} if account.disabled else {}),
    }
