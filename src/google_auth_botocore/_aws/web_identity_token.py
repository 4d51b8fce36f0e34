"""AWS's GetWebIdentityToken: a JWT in which AWS says who the caller is, signed with RS256, which Google accepts.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

from __future__ import annotations

from typing import Any

import botocore
from botocore.credentials import ReadOnlyCredentials

from google_auth_botocore._aws import errors


def request(session: Any, keys: ReadOnlyCredentials, region: str | None, audience: str, config: Any) -> str:
    """Return a JWT for the holder of the keys.

    Args:
        session: botocore session that creates the client.
        keys: Keys of the identity that it names.
        region: AWS region. This call has no global endpoint.
        audience: The service that accepts it.
        config: The client's configuration.

    Raises:
        SourceError: The region is unknown, or botocore is too old.
        Exception: botocore's own, for example if the account has disabled the call.
    """
    if region in (None, "aws-global"):
        raise errors.SourceError(
            "GetWebIdentityToken has regional endpoints only, and no AWS region is set.", "NoRegionError"
        )
    client = session.create_client(
        "sts",
        region_name=region,
        config=config,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
    )
    if not hasattr(client, "get_web_identity_token"):
        raise errors.SourceError(
            f"botocore {botocore.__version__} does not know GetWebIdentityToken.", "UnknownOperation"
        )
    # Even if sts_regional_endpoints is "legacy".
    client.meta.events.register("before-endpoint-resolution.sts", _regional)
    reply = client.get_web_identity_token(Audience=[audience], SigningAlgorithm="RS256")
    return str(reply["WebIdentityToken"])


def _regional(builtins: dict[str, Any], **_: object) -> None:
    builtins["AWS::STS::UseGlobalEndpoint"] = False
