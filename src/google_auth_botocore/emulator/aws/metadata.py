"""EC2 instance metadata, version 2 only: a token first, then the role and its keys.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from re import Match

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._endpoint import LOOPBACK, Address, AwsEndpoint

# The address of the service on an instance.
EC2_ADDRESS = ("169.254.169.254", 80)


class InstanceMetadata(AwsEndpoint):
    """The metadata service of an EC2 instance with a role. Requests of version 1 are rejected.

    Args:
        issue: creates the role's keys. It is called if there are no keys.
        role: name of the instance's role.
        region: region of the instance.
        zone: its availability zone or local zone; None: the first of the region.
        address: host and port. With `EC2_ADDRESS`, clients find the service without `environment`.
    """

    def __init__(
        self,
        issue: Callable[[], AwsKeys],
        *,
        role: str = "app",
        region: str = "eu-central-1",
        zone: str | None = None,
        address: Address = LOOPBACK,
    ) -> None:
        super().__init__(address)
        self.role = role
        self.region = region
        self.zone: str = zone or f"{region}a"
        self._issue = issue
        self._keys: AwsKeys | None = None
        self._tokens: set[str] = set()

    @property
    def keys(self) -> AwsKeys:
        """The role's current keys."""
        if self._keys is None:
            self._keys = self._issue()
        return self._keys

    def rotate(self) -> None:
        """Issue new keys at the next request."""
        self._keys = None

    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK at this endpoint. On an instance, they are not needed."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "AWS_EC2_METADATA_DISABLED": "false"}

    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""
        credentials = "/latest/meta-data/iam/security-credentials"
        return [
            Route("PUT", re.compile("/latest/api/token"), self._token),
            Route("GET", re.compile(f"{credentials}/?"), self._protected(lambda: self.role)),
            Route("GET", re.compile(f"{credentials}/(.+)"), self._role),
            Route("GET", re.compile("/latest/meta-data/placement/region"), self._protected(lambda: self.region)),
            Route(
                "GET", re.compile("/latest/meta-data/placement/availability-zone/?"), self._protected(lambda: self.zone)
            ),
        ]

    def _token(self, call: Call, _: Match[str]) -> Response:
        lifetime = call.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if "x-forwarded-for" in call.headers:
            return Response("", 403)
        if not (lifetime.isascii() and lifetime.isdecimal()) or not 1 <= int(lifetime) <= 21600:
            return Response("", 400)
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        return Response(token, headers={"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": lifetime})

    def _protected(self, text: Callable[[], str]) -> Callable[[Call, Match[str]], Response]:
        return lambda call, _: Response(text()) if self._allowed(call) else Response("", 401)

    def _role(self, call: Call, match: Match[str]) -> Response:
        if not self._allowed(call):
            return Response("", 401)
        if match[1] != self.role:
            return Response("", 404)
        keys = self.keys
        return Response(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "LastUpdated": "2026-01-01T00:00:00Z",
                "AccessKeyId": keys.access_key_id,
                "SecretAccessKey": keys.secret_access_key,
                "Token": keys.session_token,
                "Expiration": f"{keys.expiry:%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    def _allowed(self, call: Call) -> bool:
        return call.headers.get("x-aws-ec2-metadata-token") in self._tokens
