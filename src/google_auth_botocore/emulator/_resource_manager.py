"""The Resource Manager API: project numbers and the IAM policies of projects.

Source: https://cloud.google.com/resource-manager/reference/rest/v1/projects
"""

from __future__ import annotations

import re
from re import Match

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._projects import RESOURCE_MANAGER, Project


class ResourceManager:
    """Serves projects and their IAM policies."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        project = r"/v1/projects/(?P<project>[^/:]+)"
        return [
            Route("GET", re.compile(project), self._get),
            Route("POST", re.compile(f"{project}:getIamPolicy"), self._get_policy),
            Route("POST", re.compile(f"{project}:setIamPolicy"), self._set_policy),
        ]

    def _get(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "get")
        return Response(
            {
                "projectId": project.project_id,
                "projectNumber": project.number,
                "name": project.project_id,
                "lifecycleState": "ACTIVE",
            }
        )

    def _get_policy(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "getIamPolicy")
        return Response(self._administration.policies.document(project.resource))

    def _set_policy(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "setIamPolicy")
        return Response(self._administration.set_policy(call, project.resource))

    def _project(self, call: Call, match: Match[str], method: str) -> Project:
        permission = f"resourcemanager.projects.{method}"
        return self._administration.project(call, RESOURCE_MANAGER, permission, match["project"])
