"""`/healthz`: whether the emulator is ready, for container engines and CI. These requests are not recorded in `calls`."""

from __future__ import annotations

import re
from re import Match

from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._settings import Settings

PATH = "/healthz"


class Health:
    """Returns 200 if the emulator is ready, and 503 while the program that runs it still prepares something."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        return [Route(method, re.compile(PATH), self._health) for method in ("GET", "HEAD")]

    def _health(self, _call: Call, _match: Match[str]) -> Response:
        return Response("ok\n") if self._settings.ready else Response("starting\n", 503)
