"""IAM policies of resources: bindings of members to roles."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google_auth_botocore.emulator._members import Members

_GET_ACCESS_TOKEN = "iam.serviceAccounts.getAccessToken"
_GET_OPEN_ID_TOKEN = "iam.serviceAccounts.getOpenIdToken"

# The permissions of each role, as far as the emulator checks them: https://cloud.google.com/iam/docs/roles-permissions/iam
_PERMISSIONS: Mapping[str, frozenset[str]] = {
    "roles/iam.workloadIdentityUser": frozenset({_GET_ACCESS_TOKEN, _GET_OPEN_ID_TOKEN}),
    "roles/iam.serviceAccountOpenIdTokenCreator": frozenset({_GET_OPEN_ID_TOKEN}),
    "roles/iam.serviceAccountTokenCreator": frozenset(
        {
            _GET_ACCESS_TOKEN,
            _GET_OPEN_ID_TOKEN,
            "iam.serviceAccounts.implicitDelegation",
            "iam.serviceAccounts.signBlob",
            "iam.serviceAccounts.signJwt",
        }
    ),
}
_OWNER = "roles/owner"
# The roles that IAM accepts in the policy of a service account, as `gcloud iam list-grantable-roles` prints them, custom roles, and
# those of Google's own services. With any other role, such as `roles/storage.admin`, it rejects the policy.
_ON_ACCOUNTS = re.compile(
    r"(?:projects|organizations)/.*"
    r"|roles/(?:owner|editor|viewer|iam\.workloadIdentityUser|iam\.security(?:Admin|Reviewer)|.*ServiceAgent.*|.*\.serviceAgent"
    r"|iam\.serviceAccount(?:Admin|ApiKeyBindingAdmin|Deleter|KeyAdmin|OpenIdTokenCreator|TokenCreator|User|Viewer))"
)
ROLE = re.compile(r"((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+")
# Owners have every permission except these.
_IMPERSONATION = frozenset().union(*_PERMISSIONS.values())


class ConcurrentChangeError(Exception):
    """The policy has changed since it was read."""


@dataclass
class _Policy:
    bindings: dict[str, dict[str, None]] = field(default_factory=dict)  # members by role, in the order they were added
    revision: int = 0

    @property
    def etag(self) -> str:
        """The entity tag. As at Google, it is `ACAB` for a policy that was never set."""
        if not self.revision:
            return "ACAB"
        return base64.b64encode(b"\x07\x06" + self.revision.to_bytes(6, "big")).decode()


class Policies:
    """The IAM policy of every resource: its bindings, by role."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._lock = threading.Lock()
        self._policies: dict[str, _Policy] = {}
        self._revision = 0  # shared by all policies, so that no two have the same etag

    def grant(self, resource: str, role: str, member: str) -> None:
        """Add one member to one role.

        Raises:
            ValueError: IAM would reject the member or the role.
        """
        member = self._members.canonical(member)
        if not ROLE.fullmatch(role):
            raise ValueError(f"{role!r} is not the name of a role, such as roles/iam.workloadIdentityUser")
        _check_supported(resource, role)
        with self._lock:
            policy = self._policies.setdefault(resource, _Policy())
            policy.bindings.setdefault(role, {})[member] = None
            policy.revision = self._next_revision()

    def allows(self, resources: Iterable[str], permission: str, members: Iterable[str]) -> bool:
        """Return whether a caller has a permission.

        Args:
            resources: the resource and its ancestors, whose roles it inherits.
            permission: a permission, such as `iam.serviceAccounts.create`.
            members: every member name of the caller.
        """
        names = {"allUsers", *members}
        if any(name.startswith("serviceAccount:") for name in names):  # not the identities of pools
            names.add("allAuthenticatedUsers")
        with self._lock:
            return any(
                _has_permission(role, permission) and not names.isdisjoint(bound)
                for resource in resources
                for role, bound in self._policies.get(resource, _Policy()).bindings.items()
            )

    def document(self, resource: str) -> dict[str, Any]:
        """Return a policy in the form of the APIs: https://cloud.google.com/iam/docs/reference/rest/v1/Policy."""
        with self._lock:
            return _document(self._policies.get(resource, _Policy()))

    def replace(self, resource: str, bindings: Iterable[tuple[str, Iterable[str]]], etag: str | None) -> dict[str, Any]:
        """Replace all bindings of a resource, and return the new policy.

        Args:
            resource: the resource that has the policy.
            bindings: roles, and the members of each.
            etag: etag of the policy that the caller read; None: replace any version.

        Raises:
            ValueError: IAM would reject a member or a role.
            ConcurrentChangeError: the policy has changed since the caller read it.
        """
        new: dict[str, dict[str, None]] = {}
        for role, members in bindings:
            _check_supported(resource, role)
            for member in members:
                new.setdefault(role, {})[self._members.canonical(member)] = None
        with self._lock:
            if etag and etag != self._policies.get(resource, _Policy()).etag:
                raise ConcurrentChangeError
            policy = self._policies[resource] = _Policy(new, self._next_revision())
            return _document(policy)

    def move(self, resource: str, to: str) -> None:
        """Move a resource's policy to another resource."""
        with self._lock:
            self._policies[to] = self._policies.pop(resource, _Policy())

    def snapshot(self) -> dict[str, Any]:
        """Return all policies as JSON values, for `restore`."""
        with self._lock:
            return {
                resource: {
                    "revision": policy.revision,
                    "bindings": {role: list(members) for role, members in policy.bindings.items()},
                }
                for resource, policy in self._policies.items()
            }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Replace all policies with the policies in a snapshot. Their etags stay the same."""
        policies = {
            resource: _Policy(
                {role: dict.fromkeys(members) for role, members in policy["bindings"].items()}, policy["revision"]
            )
            for resource, policy in snapshot.items()
        }
        with self._lock:
            self._policies = policies
            self._revision = max((policy.revision for policy in policies.values()), default=0)

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision


def _check_supported(resource: str, role: str) -> None:
    """Raise a ValueError if the resource is a service account, by its e-mail address, and its policy must not have the role."""
    if "@" in resource and not _ON_ACCOUNTS.fullmatch(role):
        raise ValueError(f"Role {role} is not supported for this resource.")


def _has_permission(role: str, permission: str) -> bool:
    return permission not in _IMPERSONATION if role == _OWNER else permission in _PERMISSIONS.get(role, ())


def _document(policy: _Policy) -> dict[str, Any]:
    bindings = [{"role": role, "members": list(members)} for role, members in policy.bindings.items()]
    return {**({"version": 1, "bindings": bindings} if bindings else {}), "etag": policy.etag}
