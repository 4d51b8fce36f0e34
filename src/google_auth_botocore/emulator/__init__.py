"""Google's side of workload identity federation on loopback, to test a federation offline.

A real HTTP server that speaks Google's Security Token Service and IAM Credentials API. It verifies the
signature and the expiry of every subject token against AWS keys that it knows to be issued, applies the
provider's attribute mapping and condition, checks IAM bindings, mints tokens, and says no in Google's
own words::

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

What can be made in Python can be made by gcloud, too, and by everything else that calls Google's IAM, Service Usage and
Resource Manager APIs: `google.gcloud_environment()` points gcloud at it.

It needs the extra `google-auth-botocore[emulator]`. `python -m google_auth_botocore.emulator` serves it
from a terminal.
"""

# ruff: noqa: E402 - what is missing is said before the imports that need it
from __future__ import annotations

import importlib.util

for _module, _distribution in (("celpy", "cel-python"), ("cryptography", "cryptography")):
    if importlib.util.find_spec(_module) is None:
        # With the package's own name `python -m` prints this one line instead of a traceback.
        raise ImportError(
            f"the emulator needs {_distribution}: pip install 'google-auth-botocore[emulator]'",
            name=__name__,
        )

from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry, AwsKeys
from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._faults import Fault
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._providers import AwsProvider, Provider
from google_auth_botocore.emulator._service_accounts import ServiceAccount
from google_auth_botocore.emulator._tokens import TokenInfo

__all__ = [
    "AwsKeyRegistry",
    "AwsKeys",
    "AwsProvider",
    "Call",
    "Emulator",
    "Fault",
    "OidcProvider",
    "Provider",
    "ServiceAccount",
    "TokenInfo",
]
