"""Explain each field of an `external_account` file, for this library and for Google's own libraries.

https://google.aip.dev/auth/4117
"""

from __future__ import annotations

_REPLACED = "Only Google's own libraries use it: here, botocore's chain finds the keys and the region."
_WORKFORCE = "For workforce identity federation, which authenticates people instead of workloads."

MEANINGS = {
    "universe_domain": "The domain of Google's endpoints: googleapis.com, or the one that your code also passes to Credentials.",
    "type": "The kind of file: external_account, for a workload outside Google Cloud.",
    "audience": (
        "The full name of the workload identity pool provider that trusts the workload, with the project number. The "
        "signature of the subject token covers it."
    ),
    "subject_token_type": (
        "The type of the subject token: urn:ietf:params:aws:token-type:aws4_request, a signed GetCallerIdentity request, for an AWS "
        "provider; or urn:ietf:params:oauth:token-type:jwt, a JWT from AWS, for an OIDC provider."
    ),
    "token_url": (
        "The endpoint that exchanges the subject token for a federated token: Google's Security Token Service, "
        "https://sts.googleapis.com/v1/token or another form of that address."
    ),
    "token_info_url": "The endpoint that tells gcloud which identity a federated token has: Google's Security Token Service. Not used here.",
    "service_account_impersonation_url": (
        "The generateAccessToken method of Google's IAM Credentials API for the service account. Without it, the federated "
        "token is used directly, with the roles that were granted to the workload's principal."
    ),
    "service_account_impersonation": "Options for impersonating the service account.",
    "service_account_impersonation.token_lifetime_seconds": (
        "The lifetime of the service account's access tokens: by default 3600 s, and up to 43200 s if the organization "
        "policy allows it."
    ),
    "quota_project_id": "The project to charge for quota and billing.",
    "project_id": "The default project of client libraries.",
    "credential_source": "The source of the subject token.",
    "credential_source.environment_id": "aws1: the subject token is signed with AWS keys.",
    "credential_source.region_url": f"The URL of the region in instance metadata. {_REPLACED}",
    "credential_source.url": f"The URL of the role's keys in instance metadata. {_REPLACED}",
    "credential_source.imdsv2_session_token_url": f"The URL of session tokens in instance metadata, for IMDSv2. {_REPLACED}",
    "credential_source.regional_cred_verification_url": (
        "The AWS STS endpoint that Google calls to verify the signature. As gcloud writes it, with "
        "{region} in it, it is the endpoint of the workload's region, in every partition of AWS."
    ),
    "credential_source.executable": "A command that prints the subject token.",
    "credential_source.executable.command": (
        "The command that prints the subject token, with its absolute path. Google's own libraries run it if "
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 is set."
    ),
    "credential_source.executable.timeout_millis": "The timeout of the command: 5000 to 120000 ms, by default 30000 ms.",
    "credential_source.executable.output_file": (
        "The file in which the command caches the subject token. Google's own libraries use it until it expires. Until "
        "then, any user who can read the file can act as the workload."
    ),
    "credential_source.executable.interactive_timeout_millis": _WORKFORCE,
    "client_id": _WORKFORCE,
    "client_secret": _WORKFORCE,
    "workforce_pool_user_project": _WORKFORCE,
}

# `config check` does not print their values.
SECRET_FIELDS = {"client_secret"}

# Google's own libraries reject a file without these.
REQUIRED_ELSEWHERE = ("subject_token_type", "token_url", "credential_source")
