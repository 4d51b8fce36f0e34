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
from google_auth_botocore.emulator.aws._counterpart import LOOPBACK, Address, Counterpart

_PATH = "/v2/credentials/task"
# Where an ECS task finds it.
ECS_ADDRESS = ("169.254.170.2", 80)


class ContainerCredentials(Counterpart):
    """The credentials endpoint of a task or a pod.

    Args:
        issue: makes the keys; called for every request.
        token: the authorization token that a client has to send: text, as in `AWS_CONTAINER_AUTHORIZATION_TOKEN`,
            or a file, as EKS writes one into a pod, read for every request. None: no authorization, as on ECS.
        address: where it listens; at `ECS_ADDRESS`, clients are given the relative URI that ECS gives them.
    """

    def __init__(
        self, issue: Callable[[], AwsKeys], *, token: str | Path | None = None, address: Address = LOOPBACK
    ) -> None:
        super().__init__(address)
        self._issue = issue
        self._token = token

    def environment(self) -> dict[str, str]:
        """What ECS or EKS puts into a container's environment."""
        if self.address == ECS_ADDRESS:
            found = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": _PATH}
        else:
            found = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}{_PATH}"}
        if isinstance(self._token, Path):
            found["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(self._token)
        elif self._token is not None:
            found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = self._token
        return found

    def routes(self) -> list[Route]:
        """Which requests it answers."""
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
