"""The packages in the comparison, each set up as its documentation says. Imports happen only when a contestant is built."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, NamedTuple

OURS, GOOGLE, SUPPLIER, WIF, SCALESEC = (
    "google-auth-botocore",
    "google.auth.aws",
    "google.auth.aws + boto3 supplier",
    "aws-gcp-wif-auth",
    "scalesec-gcp-workload-identity",
)
COPYCAT, RCLONE = "gcp_copycat", "rclone"
# Requirements of gcp_copycat and of the servers that it copies between, installed from the project's folder. rclone is a
# Debian package.
COPYCAT_REQUIREMENTS = (".[copycat]", "google-crc32c")
# Requirements of each contestant, ours included: nothing else is installed in its environment. Google's client libraries depend
# on google-auth and requests in any case.
REQUIREMENTS = {
    OURS: (".",),
    GOOGLE: ("google-auth", "requests"),
    SUPPLIER: ("google-auth", "requests", "boto3"),
    WIF: ("aws-gcp-wif-auth", "google-auth", "requests"),
    SCALESEC: ("scalesec-gcp-workload-identity", "google-auth", "requests"),
}
# The number and size of the small objects to copy, and the size of the large object, in bytes.
SMALL, SMALL_SIZE, LARGE_SIZE = 20_000, 1024, 2 << 30
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod"
_ACCOUNT = "bench@my-project.iam.gserviceaccount.com"
_AWS4 = "urn:ietf:params:aws:token-type:aws4_request"


class Urls(NamedTuple):
    """The addresses of the servers."""

    sts: str
    iam: str
    metadata: str
    aws: str


def build(name: str, urls: Urls, *, impersonate: bool) -> Any:
    """Return a contestant's credentials. ScaleSec's only returns tokens, so its object only has `refresh`."""
    return _BUILDERS[name](urls, impersonate)


def for_user(name: str, urls: Urls, credentials: Any, user: str) -> Any:
    """Return credentials that act for a Workspace user: google-auth's, with the contestant's as their source, or a copy of ours."""
    if name == OURS:
        return credentials.with_subject(user)
    _redirect(urls)
    from google.auth import impersonated_credentials

    return impersonated_credentials.Credentials(credentials, _ACCOUNT, [SCOPE], subject=user)


def for_tenant(name: str, urls: Urls, number: int) -> Any:
    """Return credentials that assume the role of a tenant, as each package does it."""
    role = f"arn:aws:iam::111122223333:role/tenant{number}"
    if name == OURS:
        return _ours(urls, False, role)
    if name == SUPPLIER:
        return _supplier(urls, False, role)
    if name == SCALESEC:
        return _Scalesec(urls, True, f"tenant{number}")
    raise NotImplementedError("cannot assume a role")


def _ours(urls: Urls, impersonate: bool, role: str | None = None) -> Any:
    from google_auth_botocore import Credentials

    return Credentials(
        AUDIENCE,
        _ACCOUNT if impersonate else None,
        token_url=f"{urls.sts}/v1/token",
        iam_credentials_endpoint=urls.iam,
        oauth_token_url=f"{urls.sts}/oauth",
        assume_role=role,
    )


def _google(urls: Urls, impersonate: bool, **supplier: Any) -> Any:
    from google.auth import aws

    metadata = f"{urls.metadata}/latest/meta-data"
    source = {
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "region_url": f"{metadata}/placement/availability-zone",
        "url": f"{metadata}/iam/security-credentials",
        "imdsv2_session_token_url": f"{urls.metadata}/latest/api/token",
    }
    url = f"{urls.iam}/v1/projects/-/serviceAccounts/{_ACCOUNT}:generateAccessToken"
    return aws.Credentials(
        audience=AUDIENCE,
        subject_token_type=_AWS4,
        token_url=f"{urls.sts}/v1/token",
        service_account_impersonation_url=url if impersonate else None,
        scopes=[SCOPE],
        **(supplier or {"credential_source": source}),
    )


def _supplier(urls: Urls, impersonate: bool, role: str | None = None) -> Any:
    from bench.supplier import Supplier

    return _google(urls, impersonate, aws_security_credentials_supplier=Supplier(role))


def _wif(urls: Urls, impersonate: bool) -> Any:
    _redirect(urls)
    package = import_module("aws_gcp_wif_auth")
    return package.get_wif_credentials("123456789012", "aws", "prod", _ACCOUNT if impersonate else None)


class _Scalesec:
    def __init__(self, urls: Urls, impersonate: bool, role: str = "role") -> None:
        _redirect(urls)
        os.environ["AWS_ENDPOINT_URL_STS"] = urls.aws
        service = import_module("scalesec_gcp_workload_identity.main").TokenService
        place = {"gcp_project_number": "123456789012", "gcp_workload_id": "aws", "gcp_workload_provider": "prod"}
        source = {"aws_account_id": "111122223333", "aws_role_name": role, "aws_region": "eu-central-1"}
        self._service = service(gcp_service_account_email=_ACCOUNT, **place, **source)

    def refresh(self, request: object) -> None:
        self.token, _ = self._service.get_token()


def _redirect(urls: Urls) -> None:
    """Redirect requests for Google to the local servers, because two peers have hard-coded addresses."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send
    if send.__module__ == __name__:
        return
    hosts = {
        "https://sts.googleapis.com": urls.sts,
        "https://iamcredentials.googleapis.com": urls.iam,
        "https://oauth2.googleapis.com/token": f"{urls.sts}/oauth",
    }

    def redirected(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        for host, url in hosts.items():
            request.url = request.url.replace(host, url)
        return send(self, request, *args, **kwargs)

    HTTPAdapter.send = redirected  # type: ignore[method-assign]


_BUILDERS = {OURS: _ours, GOOGLE: _google, SUPPLIER: _supplier, WIF: _wif, SCALESEC: _Scalesec}
