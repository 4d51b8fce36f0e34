"""IAM Identity Center's portal, which exchanges the token of a signed-in user for keys of a role.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from re import Match

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint

_SESSION = "corp"


class SsoPortal(AwsEndpoint):
    """The portal, for one role in one account.

    Args:
        issue: creates the role's keys.
        account: the AWS account, 12 digits.
        role: name of the permission set.
    """

    def __init__(self, issue: Callable[[], AwsKeys], *, account: str = "123456789012", role: str = "Reader") -> None:
        super().__init__()
        self._issue = issue
        self._account = account
        self._role = role
        self._token = secrets.token_urlsafe(40)

    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK at this endpoint."""
        return {"AWS_ENDPOINT_URL_SSO": self.url}

    def sign_in(self, home: Path, *, profile: str = "default", region: str = "eu-central-1") -> None:
        """Write the files that `aws configure sso` and `aws sso login` write.

        Args:
            home: the user's home directory.
            profile: name of the profile in `.aws/config`.
            region: region of the profile and of the portal.
        """
        section = "default" if profile == "default" else f"profile {profile}"
        config = home / ".aws" / "config"
        config.parent.mkdir(parents=True, exist_ok=True)
        with config.open("a+") as file:
            file.seek(0)
            if f"[sso-session {_SESSION}]" not in file.read():
                file.write(
                    f"[sso-session {_SESSION}]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = {region}\n"
                    f"[{section}]\nsso_session = {_SESSION}\nsso_account_id = {self._account}\n"
                    f"sso_role_name = {self._role}\nregion = {region}\n"
                )
        end = datetime.now(timezone.utc) + timedelta(hours=8)
        cache = home / ".aws" / "sso" / "cache" / f"{hashlib.sha1(_SESSION.encode()).hexdigest()}.json"  # noqa: S324 - AWS's name for the file
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(
            json.dumps(
                {
                    "startUrl": "https://corp.awsapps.com/start",
                    "region": region,
                    "accessToken": self._token,
                    "expiresAt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                }
            )
        )

    def sign_out(self) -> None:
        """End the session. The files that `sign_in` wrote are useless from now on."""
        self._token = secrets.token_urlsafe(40)

    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""
        return [Route("GET", re.compile("/federation/credentials"), self._credentials)]

    def _credentials(self, call: Call, _: Match[str]) -> Response:
        if call.headers.get("x-amz-sso_bearer_token") != self._token:
            return Response(
                {"message": "Session token not found or invalid"}, 401, {"x-amzn-ErrorType": "UnauthorizedException"}
            )
        if call.parameters() != {"role_name": self._role, "account_id": self._account}:
            return Response({"message": "No access"}, 403, {"x-amzn-ErrorType": "ForbiddenException"})
        keys = self._issue()
        return Response(
            {
                "roleCredentials": {
                    "accessKeyId": keys.access_key_id,
                    "secretAccessKey": keys.secret_access_key,
                    "sessionToken": keys.session_token,
                    "expiration": int(keys.expiry.timestamp() * 1000) if keys.expiry else 0,
                }
            }
        )
