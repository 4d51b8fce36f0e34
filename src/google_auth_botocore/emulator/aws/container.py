"""The container credentials protocol: ECS and Fargate by a relative URI, EKS Pod Identity by a full one.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from re import Match

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._counterpart import Counterpart

_PATH = "/v2/credentials/task"


class ContainerCredentials(Counterpart):
    """The credentials endpoint of a task or a pod.

    Args:
        issue: makes the keys; called for every request.
        token_file: holds the authorization token that a client has to send, as EKS writes it into a pod; read for
            every request. None: no authorization, as on ECS.
    """

    def __init__(self, issue: Callable[[], AwsKeys], *, token_file: Path | None = None) -> None:
        super().__init__()
        self._issue = issue
        self._token_file = token_file

    def environment(self) -> dict[str, str]:
        """What ECS or EKS puts into a container's environment; with a full URI, because the relative one has a fixed host."""
        found = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}{_PATH}"}
        if self._token_file is not None:
            found["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(self._token_file)
        return found

    def routes(self) -> list[Route]:
        """Which requests it answers."""
        return [Route("GET", re.compile(_PATH), self._credentials)]

    def _credentials(self, call: Call, _: Match[str]) -> Response:
        if self._token_file is not None and call.headers.get("authorization") != self._token_file.read_text():
            return Response({"code": "AccessDenied", "message": "The authorization token is not valid."}, 401)
        keys = self._issue()
        return Response(
            {
                "AccessKeyId": keys.access_key_id,
                "SecretAccessKey": keys.secret_access_key,
                "Token": keys.session_token,
                "Expiration": f"{keys.expiry:%Y-%m-%dT%H:%M:%SZ}",
                "AccountId": keys.account,
            }
        )
