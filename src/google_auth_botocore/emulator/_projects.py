"""Google Cloud projects: an ID, a number, and the APIs that are enabled in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._service_accounts import ServiceAccount

IAM = "iam.googleapis.com"
IAM_CREDENTIALS = "iamcredentials.googleapis.com"
RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"
SERVICE_USAGE = "serviceusage.googleapis.com"

# Titles by name, as Google's error messages show them.
TITLES = {
    RESOURCE_MANAGER: "Cloud Resource Manager API",
    IAM: "Identity and Access Management (IAM) API",
    IAM_CREDENTIALS: "IAM Service Account Credentials API",
    SERVICE_USAGE: "Service Usage API",
    "storage.googleapis.com": "Cloud Storage API",
    "sts.googleapis.com": "Security Token Service API",
}
SERVICES = frozenset(TITLES)
"""The APIs that workload identity federation, its setup and the samples require."""

ORGANIZATION = "organizations/0"
"""The parent of every project. A role granted on it applies to all of them."""

_ID = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_PROJECT_OF_PRINCIPAL = re.compile(
    r"principal://iam\.googleapis\.com/projects/([0-9]+)/|[^@:]+@([^@]+)\.iam\.gserviceaccount\.com$"
)


@dataclass
class Project:
    """A project.

    Attributes:
        project_id: its ID, such as `my-project`.
        number: its number, as used in resource names.
        services: the APIs that are enabled, such as `iam.googleapis.com`.
    """

    project_id: str
    number: str
    services: set[str]

    @property
    def resource(self) -> str:
        """Its resource name: `projects/NUMBER`."""
        return f"projects/{self.number}"

    def require(self, service: str) -> None:
        """Check that an API is enabled.

        Raises:
            RpcError: 403, with the reason SERVICE_DISABLED.
        """
        if service not in self.services:
            raise RpcError(
                403,
                f"{TITLES.get(service, service)} has not been used in project {self.number} before or it is disabled."
                f" Enable it by visiting https://console.developers.google.com/apis/api/{service}/overview"
                f"?project={self.number} then retry. If you enabled this API recently, wait a few minutes for the"
                " action to propagate to our systems and retry.",
                reason="SERVICE_DISABLED",
                metadata={"consumer": self.resource, "service": service},
            )


class Projects:
    """All projects, by ID."""

    def __init__(self) -> None:
        self._by_id: dict[str, Project] = {}

    def add(self, project_id: str, number: str, services: Iterable[str] = SERVICES) -> Project:
        """Create a project. It replaces those with the same ID or number.

        Raises:
            ValueError: the ID or the number is invalid.
        """
        if not _ID.fullmatch(project_id):
            raise ValueError(f"{project_id!r} is not the id of a project")
        if not re.fullmatch(r"[0-9]+", number):
            raise ValueError(f"{number!r} is not the number of a project")
        others = {name: each for name, each in self._by_id.items() if each.number != number}
        project = Project(project_id, number, set(services))
        self._by_id = {**others, project_id: project}
        return project

    def ensure(self, number: str) -> None:
        """Create a project with this number if it does not exist."""
        if self.find(number) is None:
            self.add(f"project-{number}", number)

    def find(self, name: str) -> Project | None:
        """Return the project with this ID or number."""
        return self._by_id.get(name) or next((each for each in self._by_id.values() if each.number == name), None)

    def of_principal(self, principal: str) -> Project | None:
        """Return the project of a service account or of a federated identity's pool."""
        match = _PROJECT_OF_PRINCIPAL.match(principal)
        return None if match is None else self.find(match[1] or match[2])

    def policy_resources(self, account: ServiceAccount) -> tuple[str, ...]:
        """Return the resources whose IAM policies apply to a service account: itself, its project, the organization."""
        project = self.find(account.project_id)
        return (account.email, *([] if project is None else [project.resource]), ORGANIZATION)
