"""What the APIs that set up projects have in common: callers with permissions, IAM policies, pages and masks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from google_auth_botocore.emulator._bindings import ROLE, ConcurrentChangeError, Policies
from google_auth_botocore.emulator._callers import authenticate, permission_denied
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._operations import Operations
from google_auth_botocore.emulator._projects import ORGANIZATION, Project, Projects
from google_auth_botocore.emulator._service_accounts import ServiceAccounts
from google_auth_botocore.emulator._tokens import Tokens

_PAGE = 100


class Administration:
    """The state that these APIs share, and the checks that each of their methods begins with.

    Attributes:
        accounts: the service accounts.
        policies: the IAM policies.
        projects: the projects.
        operations: what was done so far.
    """

    def __init__(self, accounts: ServiceAccounts, policies: Policies, projects: Projects, tokens: Tokens) -> None:
        self.accounts = accounts
        self.policies = policies
        self.projects = projects
        self.operations = Operations()
        self._tokens = tokens

    def authenticate(self, call: Call, service: str) -> frozenset[str]:
        """Gives every name of the caller.

        Raises:
            RpcError: 401 or 403.
        """
        return authenticate(call, self._tokens, service).members

    def check(self, call: Call, service: str, permission: str, resources: Iterable[str]) -> None:
        """Lets nobody pass who has not the permission.

        Args:
            call: the request.
            service: the API that is called.
            permission: what it takes.
            resources: what it is about, and what is above that.

        Raises:
            RpcError: 401 or 403.
        """
        if not self.policies.allows(resources, permission, self.authenticate(call, service)):
            raise permission_denied(permission)

    def project(self, call: Call, service: str, permission: str, name: str) -> Project:
        """Gives the project with this id or number, to a caller who has the permission on it.

        Raises:
            RpcError: 401; 403, also where there is no such project.
        """
        project = self.projects.find(name)
        self.check(call, service, permission, [ORGANIZATION, *([] if project is None else [project.resource])])
        if project is None:
            raise permission_denied(permission)
        return project

    def set_policy(self, call: Call, resource: str) -> dict[str, Any]:
        """Does what `setIamPolicy` does, once the caller may; gives the new policy.

        Raises:
            RpcError: 400; 409 with the code ABORTED where the policy has changed since it was read.
        """
        policy = call.fields({"policy", "updateMask"}).get("policy")
        if not isinstance(policy, dict):
            raise RpcError(400, "Request contains an invalid argument.")
        given, etag = policy.get("bindings") or [], policy.get("etag")
        if not isinstance(given, list) or not isinstance(etag, str | None):
            raise RpcError(400, "Invalid value at 'policy'.")
        bindings = [self._binding(binding) for binding in given]
        try:
            return self.policies.replace(resource, bindings, etag)
        except ValueError as error:
            raise RpcError(400, f"Invalid argument: {error}") from error
        except ConcurrentChangeError as error:
            raise RpcError(
                409,
                "There were concurrent policy changes."
                " Please retry the whole read-modify-write with exponential backoff.",
                code="ABORTED",
            ) from error

    def _binding(self, binding: object) -> tuple[str, list[str]]:
        if not isinstance(binding, dict) or not isinstance(binding.get("members", []), list):
            raise RpcError(400, "Invalid value at 'policy.bindings'.")
        if binding.get("condition"):
            raise RpcError(501, "The emulator has no conditions of IAM bindings.")
        role, members = binding.get("role"), binding.get("members", [])
        if not ROLE.fullmatch(str(role)):
            raise RpcError(400, f"Role ({role}) does not exist in the resource's hierarchy.")
        for member in members:
            email = str(member).removeprefix("serviceAccount:")
            if email != member and self.accounts.find(email) is None:
                raise RpcError(400, f"Service account {email} does not exist.")
        return str(role), [str(member) for member in members]


def page(call: Call, field: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Gives the page of a list that a request asks for, by `pageSize` and `pageToken`.

    Raises:
        RpcError: 400.
    """
    asked = call.parameters()
    size, start = asked.get("pageSize") or "0", asked.get("pageToken") or "0"
    if not (size.isdecimal() and start.isdecimal()):
        raise RpcError(400, "Request contains an invalid argument.")
    end = int(start) + (int(size) or _PAGE)
    more = {"nextPageToken": str(end)} if end < len(items) else {}
    return {**({field: list(items[int(start) : end])} if items else {}), **more}


def masked(mask: str, old: Mapping[str, Any], new: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Gives a resource with the fields that an update's mask names as they are in the update, absent ones left out.

    Args:
        mask: fields, in either case, with commas in between; a field of a field behind a dot.
        old: the resource.
        new: the update.
        known: the fields that can be updated.

    Raises:
        RpcError: 400, where the mask is empty or names another field.
    """
    result = dict(old)
    for path in filter(None, mask.split(",")):
        name, _, rest = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), path).partition(".")
        if name not in known:
            raise RpcError(400, f"Invalid update mask: {path} can't be updated.")
        if rest:
            update = new.get(name, {})
            if not isinstance(update, dict):
                raise RpcError(400, f"Invalid value at '{name}'.")
            inner = {**old.get(name, {}), rest: update.get(rest)}
            result[name] = {field: value for field, value in inner.items() if value is not None}
        elif name in new:
            result[name] = new[name]
        else:
            result.pop(name, None)
    if not mask:
        raise RpcError(400, "The update mask is empty.")
    return result
