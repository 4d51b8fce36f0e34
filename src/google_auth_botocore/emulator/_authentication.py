"""Authentication of callers by bearer token, and the error for a caller without permission."""

from __future__ import annotations

from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._tokens import TokenInfo, Tokens

_SCOPES = frozenset(
    {
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/iam",
    }
)
_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential."
    " See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def authenticate(call: Call, tokens: Tokens, service: str) -> TokenInfo:
    """Return what the caller's token stands for, and record the principal.

    Args:
        call: the request.
        tokens: the issued tokens.
        service: the API that is called, such as `iamcredentials.googleapis.com`.

    Raises:
        RpcError: 401 if the token is missing, unknown or expired; 403 if its scopes are insufficient.
    """
    value = call.bearer()
    if value is None:
        raise RpcError(
            401,
            f"Request is missing required authentication credential. {_EXPECTED}",
            reason="CREDENTIALS_MISSING",
            metadata={"service": service},
        )
    info = tokens.check(value)
    if info is None:
        raise RpcError(
            401,
            f"Request had invalid authentication credentials. {_EXPECTED}",
            reason="ACCESS_TOKEN_TYPE_UNSUPPORTED",
            metadata={"service": service},
        )
    call.principal = info.principal
    if _SCOPES.isdisjoint(info.scopes):
        raise RpcError(
            403,
            "Request had insufficient authentication scopes.",
            reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            metadata={"service": service},
        )
    return info


def permission_denied(permission: str) -> RpcError:
    """Return the error for a missing permission. It does not reveal whether the resource exists."""
    return RpcError(
        403,
        f"Permission '{permission}' denied on resource (or it may not exist).",
        reason="IAM_PERMISSION_DENIED",
        domain="iam.googleapis.com",
        metadata={"permission": permission},
    )
