"""The emulator's HTTP server, for AWS services that only one test needs. It is a seam: see `tests/seams.py`."""

from google_auth_botocore.emulator import AwsKeys, Emulator
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint

__all__ = ["AwsEndpoint", "Call", "Response", "Route", "known_keys"]


def known_keys(google: Emulator) -> dict[str, AwsKeys]:
    """Return the AWS keys that are valid, by their id; a test may delete some."""
    return google.aws_keys._keys
