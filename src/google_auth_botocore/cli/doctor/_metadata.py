"""Request the role of the instance from instance metadata.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import os
from pathlib import Path

import requests

from google_auth_botocore._failures._evidence import Metadata
from google_auth_botocore._failures._instances import disabled, endpoint, proxied
from google_auth_botocore._redaction import shown

# The vendor in the machine's firmware. It is also visible inside a container.
_VENDOR = Path("/sys/devices/virtual/dmi/id/sys_vendor")
# Seconds.
_TIMEOUT = 1.0


def _expected() -> bool:
    """Return whether this machine is an EC2 instance, or the environment sets the endpoint."""
    if os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return True
    try:
        return _VENDOR.read_text(encoding="utf-8").strip() == "Amazon EC2"
    except OSError:
        return False


def request_metadata(*, in_container: bool) -> Metadata:
    """Request the name of the instance's role, with version 2 of the protocol (IMDSv2).

    Args:
        in_container: Whether this is a container. If so, instance metadata should be available on any machine.
    """
    request, status, text = _reply()
    return Metadata(
        shown(endpoint()), request, status, text, in_container or _expected(), disabled=disabled(), proxied=proxied()
    )


def _reply() -> tuple[str, int | None, str]:
    request = "PUT /latest/api/token"
    try:
        with requests.Session() as session:
            token = session.put(
                f"{endpoint()}/latest/api/token",
                headers={"x-aws-ec2-metadata-token-ttl-seconds": "60"},
                timeout=_TIMEOUT,
            )
            if token.status_code != 200:
                return request, token.status_code, f"HTTP {token.status_code}"
            request = "GET /latest/meta-data/iam/security-credentials/"
            role = session.get(
                f"{endpoint()}{request.removeprefix('GET ')}",
                headers={"x-aws-ec2-metadata-token": token.text},
                timeout=_TIMEOUT,
            )
            return request, role.status_code, f"HTTP {role.status_code}"
    except requests.RequestException as error:
        return request, None, type(error).__name__
