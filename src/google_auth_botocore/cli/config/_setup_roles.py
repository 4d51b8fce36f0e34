"""What the Google roles in --grant allow: those on a service account, and those that are dangerous.

https://cloud.google.com/iam/docs/service-account-permissions
"""

from __future__ import annotations

import re

# A role of this kind on a project allows acting as every service account in it.
_ON_ACCOUNT = re.compile(r"roles/iam\.(serviceAccount(?!Creator)[A-Za-z]*|workloadIdentityUser)")
# Checked in this order.
_DANGERS = (
    (
        r"roles/iam\.serviceAccount(Key)?Admin|roles/iam\.serviceAccountApiKeyBindingAdmin",
        "lets the workload create keys for the service account, or let others use it",
    ),
    (
        (
            r"roles/iam\.(workloadIdentityPoolAdmin|serviceAccountCreator|securityAdmin|admin|organizationRoleAdmin|roleAdmin)"
            r"|roles/resourcemanager\..*Admin|roles/(owner|editor)|roles/iam\.(denyAdmin|principalAccessBoundaryAdmin)"
        ),
        "lets the workload give itself or others access to the whole project",
    ),
    (
        r"roles/.*([sS]erviceAgent|\.builds\.builder|\.worker)",
        "is for Google's own services and their workers, and lets the workload act as other service accounts of the project",
    ),
    (
        (
            r"roles/(cloudfunctions|run|compute|cloudbuild|deploymentmanager|composer|dataproc|dataflow|container|appengine)"
            r"(\.admin|\..*[aA]dmin|\.developer|\.builds\.editor|\.editor)"
        ),
        "lets the workload run code as other service accounts of the project, if it may act as them",
    ),
    (
        r"roles/secretmanager\.(admin|secretAccessor)|roles/cloudkms\.admin|roles/storage\.(admin|hmacKeyAdmin)",
        "gives the workload access to all secrets, keys or buckets of the project",
    ),
    (r"roles/[A-Za-z0-9_.]*[aA]dmin", "is an administrator's role, and it is granted on the whole project"),
    (
        r"roles/storage\..*",
        "gives access to every bucket of the project; --bucket grants access to one bucket",
    ),
    (
        r"(projects|organizations)/.*",
        "is a custom role; check that it does not contain iam.serviceAccounts.* or *.setIamPolicy",
    ),
)


def on_account(role: str) -> bool:
    """Return whether a role must be granted on the service account and not on the project."""
    return _ON_ACCOUNT.fullmatch(role) is not None


def danger(role: str) -> str | None:
    """Return what makes a role dangerous, as the rest of a sentence. None: nothing is known."""
    return next((text for form, text in _DANGERS if re.fullmatch(form, role)), None)
