"""Validate the members of an IAM policy as IAM does.

Source of the forms: https://cloud.google.com/iam/docs/principal-identifiers
"""

from __future__ import annotations

import re
from collections.abc import Callable

# IAM's wording, as users report it:
# https://github.com/hashicorp/terraform-provider-google/issues/12446
_UNKNOWN_TYPE = "The member {member} is of an unknown type. Please set a valid type prefix for the member."
# BigQuery's reply to a `principalSet://` with `/subject/`; reported for `attributes.NAME` in place of `attribute.NAME`, too
_INVALID_SET = "Invalid principalSet member ({member})."
# https://github.com/google/kctf/issues/193
_NO_POOL = (
    "Identity Pool does not exist ({pool}). Please check that you specified a valid resource name as returned in the"
    " `name` attribute in the configuration API."
)
_NO_ACCOUNT = "Service account {email} does not exist."
# The wording for a single principal and for people is assumed.
_INVALID_PRINCIPAL = "Invalid principal member ({member})."
_INVALID_ADDRESS = "Invalid member ({member}): it must contain an e-mail address or a domain."

_FEDERATED = re.compile(
    r"(?P<kind>principal|principalSet)://iam\.googleapis\.com/"
    r"(?P<pool>projects/[^/]+/locations/[^/]+/workloadIdentityPools/[^/]+|locations/global/workforcePools/[^/]+)"
    r"(?P<rest>(?:/.*)?)",
    re.DOTALL,
)
_KINDS = {
    "principal": (re.compile(r"/subject/.+", re.DOTALL), _INVALID_PRINCIPAL),
    "principalSet": (re.compile(r"/(\*|group/.+|attribute\.[a-z0-9_]{1,100}/.+)", re.DOTALL), _INVALID_SET),
}
# Members that have nothing to do with workload identity pools. Only their form is checked.
_OTHERS = re.compile(
    r"principal://goog/subject/.+|principalSet://goog/(group/.+|public:all|cloudIdentityCustomerId/.+)"
    r"|principalSet://cloudresourcemanager\.googleapis\.com/(projects|folders|organizations)/[0-9]+(/type/\w+)?"
    r"|deleted:(user|group|serviceAccount|principal|principalSet):.+"
)
_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DOMAIN = re.compile(r"[^@\s:/]+\.[^@\s:/]+")
_GKE_POOL = re.compile(r"(?P<pool>.+\.svc\.id\.goog)\[.+/.+\]")


class Members:
    """Checks the members of policies against the pools and service accounts that exist."""

    def __init__(self, has_pool: Callable[[str], bool], has_account: Callable[[str], bool]) -> None:
        """Set how to find out what exists.

        Args:
            has_pool: returns whether a pool exists: `projects/NUMBER/locations/global/workloadIdentityPools/POOL`.
            has_account: returns whether a service account has this e-mail address.
        """
        self._has_pool = has_pool
        self._has_account = has_account

    def canonical(self, member: str) -> str:
        """Return a member as IAM stores it: addresses and domains are in lower case.

        Raises:
            ValueError: IAM would reject it.
        """
        federated = _FEDERATED.fullmatch(member)
        if federated:
            form, message = _KINDS[federated["kind"]]
            if federated["pool"].startswith("projects/") and not self._has_pool(federated["pool"]):
                raise ValueError(_NO_POOL.format(pool=federated["pool"]))
            if not form.fullmatch(federated["rest"]):
                raise ValueError(message.format(member=member))
            return member
        if member in _EVERYBODY or _OTHERS.fullmatch(member):
            return member
        kind, _, name = member.partition(":")
        match kind:
            case "serviceAccount":
                self._check_account(name)
            case "user" | "group" | "domain":
                if not (_DOMAIN if kind == "domain" else _ADDRESS).fullmatch(name):
                    raise ValueError(_INVALID_ADDRESS.format(member=member))
            case _:
                raise ValueError(_UNKNOWN_TYPE.format(member=member))
        return f"{kind}:{name.lower()}"

    def _check_account(self, name: str) -> None:
        gke = _GKE_POOL.fullmatch(name)
        if gke:
            raise ValueError(_NO_POOL.format(pool=gke["pool"]))
        if not self._has_account(name.lower()):
            raise ValueError(_NO_ACCOUNT.format(email=name))
