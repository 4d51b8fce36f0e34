"""AWS's GetWebIdentityToken: a JWT in which AWS identifies the caller, signed with RS256, which Google accepts.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore

from google_auth_botocore._aws import errors
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.keys import AwsKeys


def request(
    create_client: Callable[..., Any],
    keys: AwsKeys,
    region: str | None,
    audience: str,
    config: Any,
    origin: Source,
) -> str:
    """Return a JWT for the holder of the keys.

    Args:
        create_client: Creates a client, like a botocore session's method.
        keys: Keys of the identity that the JWT names.
        region: AWS region. This call has no global endpoint.
        audience: The service that accepts the JWT.
        config: The client's configuration.
        origin: The tags and the subject mode.

    Raises:
        SourceError: The region is unknown, or botocore is too old.
        Exception: An exception of botocore, for example if the account has not enabled the call.
    """
    if region in (None, "aws-global"):
        raise errors.SourceError(
            "GetWebIdentityToken has only regional endpoints, and no AWS region is set.", "NoRegionError"
        )
    client = create_client(
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
    arguments: dict[str, Any] = {"Audience": [audience], "SigningAlgorithm": "RS256"}
    if origin.tags:
        arguments["Tags"] = [{"Key": name, "Value": value} for name, value in origin.tags.items()]
    if origin.subject_mode is not None:
        arguments["SubjectMode"] = origin.subject_mode
    known = client.meta.service_model.operation_model("GetWebIdentityToken").input_shape.members
    unknown = ", ".join(sorted(arguments.keys() - known.keys()))
    if unknown:
        raise errors.SourceError(
            f"botocore {botocore.__version__} does not know {unknown} of GetWebIdentityToken.", "UnknownOperation"
        )
    # Use the regional endpoint even if sts_regional_endpoints is "legacy".
    client.meta.events.register("before-endpoint-resolution.sts", _regional)
    reply = client.get_web_identity_token(**arguments)
    return str(reply["WebIdentityToken"])


def _regional(builtins: dict[str, Any], **_: object) -> None:
    builtins["AWS::STS::UseGlobalEndpoint"] = False
