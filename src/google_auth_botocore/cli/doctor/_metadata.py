"""Instance metadata: where it is, whether a proxy stands before it, what it answers.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

# What the firmware of an instance says, also inside a container.
_VENDOR = Path("/sys/devices/virtual/dmi/id/sys_vendor")
_USUAL = "http://169.254.169.254"
_TIMEOUT = 1.0


class Answer(NamedTuple):
    """What metadata said.

    Attributes:
        asked: which of its two questions.
        status: HTTP status; None: nobody answered.
        text: what happened.
    """

    asked: str
    status: int | None
    text: str


def expected() -> bool:
    """Whether this machine is EC2's, or the environment says where it is to be asked."""
    if os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return True
    try:
        return _VENDOR.read_text(encoding="utf-8").strip() == "Amazon EC2"
    except OSError:
        return False


def disabled() -> bool:
    """Whether the environment says that it is not to be asked."""
    return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"


def endpoint() -> str:
    """Where it is."""
    return os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", _USUAL).rstrip("/")


def proxied() -> bool:
    """Whether a proxy of the environment stands before it, which reaches its own instance's at best.

    botocore asks a container's endpoint directly, whatever the environment says.
    """
    return not disabled() and urlsplit(endpoint()).scheme in requests.utils.get_environ_proxies(endpoint())


def ask() -> Answer:
    """Asks which role the instance has, in version 2's way."""
    asked = "PUT /latest/api/token"
    try:
        with requests.Session() as session:
            token = session.put(
                f"{endpoint()}/latest/api/token",
                headers={"x-aws-ec2-metadata-token-ttl-seconds": "60"},
                timeout=_TIMEOUT,
            )
            if token.status_code != 200:
                return Answer(asked, token.status_code, f"HTTP {token.status_code}")
            asked = "GET /latest/meta-data/iam/security-credentials/"
            role = session.get(
                f"{endpoint()}/latest/meta-data/iam/security-credentials/",
                headers={"x-aws-ec2-metadata-token": token.text},
                timeout=_TIMEOUT,
            )
            return Answer(asked, role.status_code, f"HTTP {role.status_code}")
    except requests.RequestException as error:
        return Answer(asked, None, type(error).__name__)
