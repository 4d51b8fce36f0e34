"""Permission checks and IAM policies, shared by the APIs that set up projects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google_auth_botocore.emulator._authentication import authenticate, permission_denied
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._iam_policies import ROLE, ConcurrentChangeError, Policies
from google_auth_botocore.emulator._operations import Operations
from google_auth_botocore.emulator._projects import ORGANIZATION, Project, Projects
from google_auth_botocore.emulator._service_accounts import ServiceAccounts
from google_auth_botocore.emulator._tokens import Tokens


class Administration:
    """The state that these APIs share, and the checks at the start of each of their methods.

    Attributes:
        accounts: the service accounts.
        policies: the IAM policies.
        projects: the projects.
        operations: the long-running operations.
    """

    def __init__(self, accounts: ServiceAccounts, policies: Policies, projects: Projects, tokens: Tokens) -> None:
        self.accounts = accounts
        self.policies = policies
        self.projects = projects
        self.operations = Operations()
        self._tokens = tokens

    def authenticate(self, call: Call, service: str) -> frozenset[str]:
        """Return every member name of the caller.

        Raises:
            RpcError: 401 or 403.
        """
        return authenticate(call, self._tokens, service).members

    def check(self, call: Call, service: str, permission: str, resources: Iterable[str]) -> None:
        """Check that the caller has a permission.

        Args:
            call: the request.
            service: the API that is called.
            permission: the required permission.
            resources: the resource and its ancestors.

        Raises:
            RpcError: 401 or 403.
        """
        if not self.policies.allows(resources, permission, self.authenticate(call, service)):
            raise permission_denied(permission)

    def project(self, call: Call, service: str, permission: str, name: str) -> Project:
        """Return the project with this ID or number, if the caller has the permission on it.

        Raises:
            RpcError: 401; 403, also if the project does not exist.
        """
        project = self.projects.find(name)
        self.check(call, service, permission, [ORGANIZATION, *([] if project is None else [project.resource])])
        if project is None:
            raise permission_denied(permission)
        return project

    def set_policy(self, call: Call, resource: str) -> dict[str, Any]:
        """Replace a policy as `setIamPolicy` does, and return the new one. The caller's permission is already checked.

        Raises:
            RpcError: 400; 409 with the code ABORTED if the policy has changed since it was read.
        """
        policy = call.fields({"policy", "updateMask"}).get("policy")
        if not isinstance(policy, dict):
            raise RpcError(400, "Request contains an invalid argument.")
        entries, etag = policy.get("bindings") or [], policy.get("etag")
        if not isinstance(entries, list) or not isinstance(etag, str | None):
            raise RpcError(400, "Invalid value at 'policy'.")
        bindings = [self._binding(entry) for entry in entries]
        try:
            return self.policies.replace(resource, bindings, etag)
        except ValueError as error:
            raise RpcError(400, str(error)) from error
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
            raise RpcError(501, "The emulator does not support conditions in IAM bindings.")
        role, members = binding.get("role"), binding.get("members", [])
        if not ROLE.fullmatch(str(role)):
            raise RpcError(400, f"Role ({role}) does not exist in the resource's hierarchy.")
        return str(role), [str(member) for member in members]
