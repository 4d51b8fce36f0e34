"""IAM policies of resources: who may do what, by role and member."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_GET_ACCESS_TOKEN = "iam.serviceAccounts.getAccessToken"
_GET_OPEN_ID_TOKEN = "iam.serviceAccounts.getOpenIdToken"

# The permissions of each role that the emulator asks for: https://cloud.google.com/iam/docs/roles-permissions/iam
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
ROLE = re.compile(r"((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+")
# Owners set up everything, and impersonate nobody.
_IMPERSONATION = frozenset().union(*_PERMISSIONS.values())

_MEMBER_PREFIXES = (
    "principal://",
    "principalSet://",
    "serviceAccount:",
    "user:",
    "group:",
    "domain:",
)


class ConcurrentChangeError(Exception):
    """The policy has changed since it was read."""


@dataclass
class _Policy:
    bindings: dict[str, dict[str, None]] = field(default_factory=dict)  # members by role, in the order they came in
    revision: int = 0

    @property
    def etag(self) -> str:
        """`ACAB` of a policy that nobody has ever set, as Google has it."""
        if not self.revision:
            return "ACAB"
        return base64.b64encode(b"\x07\x06" + self.revision.to_bytes(6, "big")).decode()


class Policies:
    """The IAM policy of every resource: its bindings, by role."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._policies: dict[str, _Policy] = {}
        self._revision = 0  # of all of them together: no two policies have the same etag

    def grant(self, resource: str, role: str, member: str) -> None:
        """Adds one member to one role.

        Raises:
            ValueError: the member is of no kind that IAM knows, or the role's name is none.
        """
        _check(member)
        if not ROLE.fullmatch(role):
            raise ValueError(f"{role!r} is not a role: its name is like roles/iam.workloadIdentityUser")
        with self._lock:
            policy = self._policies.setdefault(resource, _Policy())
            policy.bindings.setdefault(role, {})[member] = None
            policy.revision = self._next_revision()

    def allows(self, resources: Iterable[str], permission: str, members: Iterable[str]) -> bool:
        """Says whether any of these names of one caller has a role with this permission.

        Args:
            resources: the resource in question and those above it, whose roles it inherits.
            permission: `iam.serviceAccounts.create` say.
            members: every name of the caller.
        """
        names = frozenset(members)
        with self._lock:
            return any(
                _holds(role, permission) and not names.isdisjoint(bound)
                for resource in resources
                for role, bound in self._policies.get(resource, _Policy()).bindings.items()
            )

    def document(self, resource: str) -> dict[str, Any]:
        """Gives a policy as the APIs do: https://cloud.google.com/iam/docs/reference/rest/v1/Policy."""
        with self._lock:
            return _document(self._policies.get(resource, _Policy()))

    def replace(self, resource: str, bindings: Iterable[tuple[str, Iterable[str]]], etag: str | None) -> dict[str, Any]:
        """Puts bindings in the place of all others of a resource; gives the new policy.

        Args:
            resource: whose policy it is.
            bindings: roles, and the members of each.
            etag: of the policy that was read; None: whatever it is now.

        Raises:
            ValueError: a member is of no kind that IAM knows.
            ConcurrentChangeError: the policy is not the one that was read.
        """
        made: dict[str, dict[str, None]] = {}
        for role, members in bindings:
            for member in members:
                _check(member)
                made.setdefault(role, {})[member] = None
        with self._lock:
            if etag and etag != self._policies.get(resource, _Policy()).etag:
                raise ConcurrentChangeError
            policy = self._policies[resource] = _Policy(made, self._next_revision())
            return _document(policy)

    def move(self, resource: str, to: str) -> None:
        """Gives a resource's policy to another resource, and leaves none behind."""
        with self._lock:
            self._policies[to] = self._policies.pop(resource, _Policy())

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision


def _check(member: str) -> None:
    if not member.startswith(_MEMBER_PREFIXES):
        raise ValueError(f"{member!r} is not an IAM member: it starts with one of {', '.join(_MEMBER_PREFIXES)}")


def _holds(role: str, permission: str) -> bool:
    return permission not in _IMPERSONATION if role == _OWNER else permission in _PERMISSIONS.get(role, ())


def _document(policy: _Policy) -> dict[str, Any]:
    bindings = [{"role": role, "members": list(members)} for role, members in policy.bindings.items()]
    return {**({"version": 1, "bindings": bindings} if bindings else {}), "etag": policy.etag}
