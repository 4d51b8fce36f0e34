"""A fake AWS STS endpoint on loopback. It verifies signatures as AWS does, which moto does not."""

from __future__ import annotations

import re
from re import Match

from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator._aws_sts import AwsError, RegistryVerifier
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._subject_token import SignedRequest, _aws_sts
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint


class AwsSts(AwsEndpoint):
    """AWS STS for every region: the Host header selects the region.

    Attributes:
        disabled_regions: Regions that no account has enabled.
    """

    def __init__(self, google: Emulator) -> None:
        super().__init__()
        self._verify = RegistryVerifier(google.aws_keys, lambda: google.clock())  # noqa: PLW0108 - tests replace the clock
        self.disabled_regions: set[str] = set()
        self._google = google

    def __enter__(self) -> AwsSts:
        """Start the server, with the emulator's clock."""
        super().__enter__()
        assert self._server is not None
        self._server.clock = lambda: self._google.clock()  # noqa: PLW0108 - as above
        return self

    def routes(self) -> list[Route]:
        return [Route("POST", re.compile("/"), self._get_caller_identity)]

    def _get_caller_identity(self, call: Call, _: Match[str]) -> Response:
        if call.form().get("Action") == "AssumeRole":
            return Response(
                error_document("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on y"), 403
            )
        partition, region = _aws_sts(call.headers["host"])
        request = SignedRequest(call.headers["host"], region, partition, call.query, call.headers)
        try:
            if region in self.disabled_regions:
                raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid")
            found = self._verify(request)
        except AwsError as error:
            return Response(error_document(error.code, error.message), 403)
        fields = f"<Arn>{found.arn}</Arn><UserId>{found.user_id}</UserId><Account>{found.account}</Account>"
        return Response(
            f"<GetCallerIdentityResponse><GetCallerIdentityResult>{fields}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )


def error_document(code: str, message: str) -> str:
    """Return the XML of an AWS error."""
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
