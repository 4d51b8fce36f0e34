"""AWS STS, with the one call that assumes a role."""

from __future__ import annotations

import re
from collections.abc import Callable

from aws.conftest import Issue
from aws.servers import AwsEndpoint, Call, Response, Route


class RoleServer(AwsEndpoint):
    """An STS that accepts the callers that the test names, and issues a role's keys to them.

    Attributes:
        known: The ids of the access keys that it accepts. None: all.
        callers: The ids of the access keys that signed the requests so far.
        denied: The names of roles that may not be assumed.
        while_assuming: Called for each request.
        token: Replies to the requests for AWS's JWT.
    """

    def __init__(self, issue: Issue, code: str = "InvalidClientTokenId", known: set[str] | None = None) -> None:
        super().__init__()
        self.known = known
        self.callers: list[str] = []
        self.denied: set[str] = set()
        self.while_assuming: Callable[[], object] = lambda: None
        self.token: Callable[[Call], Response] = lambda _: _rejection("AccessDenied")
        self._issue = issue
        self._code = code

    def routes(self) -> list[Route]:
        return [Route("POST", re.compile("/"), self._assume)]

    def _assume(self, call: Call, _: object) -> Response:
        if call.form()["Action"] == "GetWebIdentityToken":
            return self.token(call)
        found = re.search("Credential=([^/]+)", call.headers["authorization"])
        assert found is not None
        self.callers.append(found[1])
        self.while_assuming()
        if self.known is not None and found[1] not in self.known:
            return _rejection(self._code)
        role = call.form()["RoleArn"].rpartition("/")[2]
        if role in self.denied:
            return _rejection("AccessDenied")
        keys = self._issue(role)
        return Response(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{keys.access_key_id}</AccessKeyId><SecretAccessKey>{keys.secret_access_key}</SecretAccessKey>"
            f"<SessionToken>{keys.session_token}</SessionToken><Expiration>{keys.expiry:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            f"</Credentials><AssumedRoleUser><Arn>{keys.arn}</Arn><AssumedRoleId>{keys.user_id}</AssumedRoleId>"
            "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
        )


def _rejection(code: str) -> Response:
    return Response(f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>", 403)
