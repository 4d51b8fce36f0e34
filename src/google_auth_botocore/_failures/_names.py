"""Names that AWS and Google define: roles, mapped attributes, ARNs, e-mail addresses of service accounts.

https://cloud.google.com/iam/docs/service-account-types#types and
https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds#mappings-and-conditions.
"""

from __future__ import annotations

import re

USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"
OPEN_ID = "roles/iam.serviceAccountOpenIdTokenCreator"

# Google's default expression for the ARN of the role without its session. A mapping is set as a whole, so it must include this.
AWS_ROLE = (
    "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
    "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
)
# A subject that is shorter than the whole ARN, because a subject may have at most 127 bytes.
SHORT_SUBJECT = "assertion.arn.extract('assumed-role/{role_and_session}')"

ASSUMED_ROLE = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>[0-9]+):assumed-role/(?P<name>[^/]+)(?:/.+)?")

_EMAILS = (
    re.compile(r"[^@]+@(?P<project>[^@]+)\.iam\.gserviceaccount\.com"),
    re.compile(r"(?P<project>[^@]+)@appspot\.gserviceaccount\.com"),
    re.compile(r"(?P<project>[0-9]+)-compute@developer\.gserviceaccount\.com"),
)


def project_of(email: str) -> str:
    """Return the id of the project that a service account is in, or a placeholder."""
    return project_in(email) or "PROJECT_ID"


def project_in(email: str) -> str | None:
    """Return the project in the e-mail address of a service account: its id, or its number if the address has only that.

    A project in a domain has `my-project.example.com` in the address, and the id `example.com:my-project`.
    """
    match = next((match for each in _EMAILS if (match := each.fullmatch(email))), None)
    if match is None:
        return None
    name, _, domain = match["project"].partition(".")
    return f"{domain}:{name}" if domain else name
