"""The container credentials endpoint: ECS and Fargate with a relative URI, EKS Pod Identity with a full one.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from re import Match

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._endpoint import LOOPBACK, Address, AwsEndpoint

_PATH = "/v2/credentials/task"
# The address of the endpoint in an ECS task.
ECS_ADDRESS = ("169.254.170.2", 80)


class ContainerCredentials(AwsEndpoint):
    """The credentials endpoint of a task or a pod.

    Args:
        issue: creates the keys. It is called for every request.
        token: the authorization token that clients must send: a string, as in `AWS_CONTAINER_AUTHORIZATION_TOKEN`, or
            a file that is read for every request, as in an EKS pod. None: no authorization, as in ECS.
        address: host and port. With `ECS_ADDRESS`, `environment` has the relative URI, as in ECS.
    """

    def __init__(
        self, issue: Callable[[], AwsKeys], *, token: str | Path | None = None, address: Address = LOOPBACK
    ) -> None:
        super().__init__(address)
        self._issue = issue
        self._token = token

    def environment(self) -> dict[str, str]:
        """Return the variables that ECS or EKS sets in a container."""
        if self.address == ECS_ADDRESS:
            variables = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": _PATH}
        else:
            variables = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}{_PATH}"}
        if isinstance(self._token, Path):
            variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(self._token)
        elif self._token is not None:
            variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = self._token
        return variables

    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""
        return [Route("GET", re.compile(_PATH), self._credentials)]

    def _credentials(self, call: Call, _: Match[str]) -> Response:
        token = self._token.read_text() if isinstance(self._token, Path) else self._token
        if token is not None and call.headers.get("authorization") != token:
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
