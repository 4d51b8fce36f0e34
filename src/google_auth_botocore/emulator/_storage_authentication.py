"""Who sends a request to Cloud Storage: a token, a signed URL or form, or the URL of a resumable upload.

Source: https://cloud.google.com/storage/docs/authentication
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from google_auth_botocore.emulator import _post_policy
from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._post_policy import Form
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._storage_uploads import Uploads
from google_auth_botocore.emulator._tokens import TokenInfo

_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
_WRITE = {
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write")
}


class UnauthenticatedError(Exception):
    """The request has neither a valid token nor a signature.

    Attributes:
        anonymous: whether it has no `Authorization` header.
    """

    def __init__(self, *, anonymous: bool) -> None:
        super().__init__("no valid token")
        self.anonymous = anonymous


@dataclass(frozen=True)
class Caller:
    """The sender of a request.

    Attributes:
        principal: the caller.
        token: the access token; None: the request has none.
        form: the signed form; None: the request is not a form.
    """

    principal: str
    token: str | None = field(default=None, repr=False)
    form: Form | None = None


class Authentication:
    """Finds the sender of each request.

    Args:
        check: returns what an access token stands for; None: unknown or expired.
        signatures: verifies signatures.
        uploads: the resumable uploads, whose URLs need no token.
        clock: returns the time, in seconds since the epoch.
    """

    def __init__(
        self,
        check: Callable[[str], TokenInfo | None],
        signatures: Signatures,
        uploads: Uploads,
        clock: Callable[[], float],
    ) -> None:
        self._check = check
        self._signatures = signatures
        self._uploads = uploads
        self._clock = clock

    def caller(self, request: StorageRequest) -> Caller:
        """Return the sender of a request.

        Raises:
            UnauthenticatedError: the request has neither a valid token nor a signature.
            StorageError: the scopes of the token do not allow the request.
            XmlError: a signature is malformed, invalid, expired, or for another request.
        """
        if not request.is_json:
            if request.method == "POST" and request.headers.get("content-type", "").startswith("multipart/form-data"):
                form = _post_policy.verify_form(request, self._signatures, self._clock)
                return Caller(form.account, form=form)
            signer = self._signatures.signer_of_url(request)
            if signer is not None:
                return Caller(signer)
        authorization = request.headers.get("authorization")
        starter = self._uploads.starter(request.parameters.get("upload_id", ""))
        if authorization is None and starter is not None:
            return Caller(starter)
        return self._bearer(request, authorization)

    def _bearer(self, request: StorageRequest, authorization: str | None) -> Caller:
        scheme, _, token = (authorization or "").partition(" ")
        info = self._check(token.strip()) if scheme.lower() == "bearer" else None
        if info is None or (_WRITE.isdisjoint(info.scopes) and _READ_ONLY not in info.scopes):
            raise UnauthenticatedError(anonymous=authorization is None)
        if _WRITE.isdisjoint(info.scopes) and not (request.reads or request.path.startswith("/batch")):
            raise errors.insufficient_scopes()
        return Caller(info.principal, token.strip())
