"""The Service Usage API: which APIs are enabled in a project.

Source: https://cloud.google.com/service-usage/docs/reference/rest/v1/services
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import Match
from typing import Any

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._projects import SERVICE_USAGE, SERVICES, TITLES, Project
from google_auth_botocore.emulator._standard_methods import paginate

_MESSAGES = "type.googleapis.com/google.api.serviceusage.v1"
_NAME = re.compile(r"[a-z0-9-]+\.googleapis\.com")


class ServiceUsage:
    """Enables and disables APIs."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        services = r"/v1/projects/(?P<project>[^/]+)/services"
        service = f"{services}/(?P<service>[^/:]+)"
        return [
            Route("GET", re.compile(services), self._list),
            Route("GET", re.compile(service), self._get),
            Route("POST", re.compile(f"{services}:batchEnable"), self._batch_enable),
            Route("POST", re.compile(f"{service}:enable"), self._enable),
            Route("POST", re.compile(f"{service}:disable"), self._disable),
            Route("GET", re.compile(r"/v1/(?P<name>operations/[^/]+)"), self._operation),
        ]

    def _list(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "list")
        state = call.parameters().get("filter", "").partition("state:")[2]
        listed = [_service(project, name) for name in sorted(SERVICES | project.services)]
        return Response(paginate(call, "services", [each for each in listed if state in {"", each["state"]}]))

    def _get(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "get")
        return Response(_service(project, _service_names([match["service"]])[0]))

    def _enable(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "enable")
        return self._set_enabled("EnableService", project, _service_names([match["service"]]), on=True)

    def _batch_enable(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "enable")
        names = _service_names(call.fields({"serviceIds"}).get("serviceIds"))
        return self._set_enabled("BatchEnableServices", project, names, on=True)

    def _disable(self, call: Call, match: Match[str]) -> Response:
        project = self._project(call, match, "disable")
        return self._set_enabled("DisableService", project, _service_names([match["service"]]), on=False)

    def _operation(self, call: Call, match: Match[str]) -> Response:
        self._administration.authenticate(call, SERVICE_USAGE)
        return Response(self._administration.operations.get(match["name"]))

    def _set_enabled(self, method: str, project: Project, names: Sequence[str], *, on: bool) -> Response:
        """Enable or disable APIs. If nothing changes, the returned operation is already done."""
        before = set(project.services)
        (project.services.update if on else project.services.difference_update)(names)
        services = [_service(project, name) for name in names]
        result = {"services": services} if method.startswith("Batch") else {"service": services[0]}
        response = {"@type": f"{_MESSAGES}.{method}Response", **result}
        if project.services == before:
            return Response({"name": "operations/noop.DONE_OPERATION", "done": True, "response": response})
        metadata = {
            "@type": f"{_MESSAGES}.OperationMetadata",
            "resourceNames": [service["name"] for service in services],
        }
        prefix = f"operations/acat.p2-{project.number}-"
        return Response(self._administration.operations.start(prefix, metadata, response))

    def _project(self, call: Call, match: Match[str], method: str) -> Project:
        return self._administration.project(call, SERVICE_USAGE, f"serviceusage.services.{method}", match["project"])


def _service(project: Project, name: str) -> dict[str, Any]:
    return {
        "name": f"{project.resource}/services/{name}",
        "config": {"name": name, "title": TITLES.get(name, name)},
        "parent": project.resource,
        "state": "ENABLED" if name in project.services else "DISABLED",
    }


def _service_names(names: object) -> list[str]:
    """Return the names if all are valid names of APIs."""
    if not isinstance(names, list) or not names:
        raise RpcError(400, "Request contains an invalid argument.")
    unknown = [str(name) for name in names if not _NAME.fullmatch(str(name))]
    if unknown:
        raise RpcError(
            403,
            f"Not found or permission denied for service(s): {', '.join(unknown)}.",
            reason="SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            domain=SERVICE_USAGE,
            metadata={"services": ",".join(unknown)},
        )
    return names
