"""IAM policies of service accounts: who may do what, by role and member."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

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

_MEMBER_PREFIXES = (
    "principal://",
    "principalSet://",
    "serviceAccount:",
    "user:",
    "group:",
    "domain:",
)


class Policies:
    """The IAM policy of every resource: its bindings, by role."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bindings: dict[str, dict[str, set[str]]] = {}

    def grant(self, resource: str, role: str, member: str) -> None:
        """Adds one member to one role.

        Raises:
            ValueError: the member is of no kind that IAM knows.
        """
        if not member.startswith(_MEMBER_PREFIXES):
            raise ValueError(f"{member!r} is not an IAM member: it starts with one of {', '.join(_MEMBER_PREFIXES)}")
        with self._lock:
            self._bindings.setdefault(resource, {}).setdefault(role, set()).add(member)

    def allows(self, resource: str, permission: str, members: Iterable[str]) -> bool:
        """Says whether any of these names of one caller has a role with this permission on a resource."""
        names = frozenset(members)
        with self._lock:
            return any(
                permission in _PERMISSIONS.get(role, ()) and names & bound
                for role, bound in self._bindings.get(resource, {}).items()
            )
