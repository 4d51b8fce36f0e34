"""Google's side of workload identity federation on loopback, to test a federation offline.

`Emulator` is a real HTTP server that implements Google's Security Token Service and IAM Credentials API. It verifies
the signature and the expiry of every subject token against the AWS keys that it accepts, applies the provider's attribute
mapping and condition, checks IAM bindings, issues tokens, and reports errors in the same words as Google::

    with Emulator() as google:
        keys = google.aws_keys.issue(arn="arn:aws:sts::123456789012:assumed-role/app/i-0abc")
        provider = google.add_aws_provider()
        account = google.add_service_account("copycat@my-project.iam.gserviceaccount.com")
        google.grant(
            account.email,
            "roles/iam.workloadIdentityUser",
            provider.principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app"),
        )
        ...  # point a client at google.token_url and google.iam_credentials_endpoint

`GoogleCloud` sets all of this up for an unmodified application: inside it, requests to Google's own URLs go to the emulator.

Everything that can be created in Python can also be created with gcloud, or with any other client of Google's IAM,
Service Usage and Resource Manager APIs: `google.gcloud_environment()` points gcloud at the emulator.

It requires the extra `google-auth-botocore[emulator]`. `python -m google_auth_botocore.emulator` runs it from a
terminal.
"""

# ruff: noqa: E402 - report a missing dependency before the imports that require it
from __future__ import annotations

import importlib.util

for _module, _distribution in (("celpy", "cel-python"), ("cryptography", "cryptography")):
    if importlib.util.find_spec(_module) is None:
        # With `name` set to this package, `python -m` prints this one line instead of a traceback.
        raise ImportError(
            f"The emulator requires {_distribution}, which is not installed. Install it with the extra.\n"
            "Run: pip install 'google-auth-botocore[emulator]'",
            name=__name__,
        )

from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry, AwsKeys
from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._faults import Fault
from google_auth_botocore.emulator._google_hosts import NotEmulatedError
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._providers import AwsProvider, Provider
from google_auth_botocore.emulator._service_accounts import ServiceAccount
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator.google_cloud import GoogleCloud

__all__ = [
    "AwsKeyRegistry",
    "AwsKeys",
    "AwsProvider",
    "Call",
    "Emulator",
    "Fault",
    "GoogleCloud",
    "NotEmulatedError",
    "OidcProvider",
    "Provider",
    "ServiceAccount",
    "TokenInfo",
]
