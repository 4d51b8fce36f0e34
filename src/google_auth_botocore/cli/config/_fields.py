"""What each field of an `external_account` file is for, here and in Google's own libraries.

https://google.aip.dev/auth/4117
"""

from __future__ import annotations

_REPLACED = "Google's own libraries alone read it: here botocore's chain finds the keys, and the region."
_WORKFORCE = "For workforce identity, which is for people."

MEANINGS = {
    "universe_domain": "The domain of Google's endpoints: googleapis.com, or the one that is also given in code.",
    "type": "The kind of file: external_account, for a workload outside Google Cloud.",
    "audience": (
        "The workload identity pool provider that is to trust the workload, by its full name and with the number of its "
        "project. It is part of what is signed."
    ),
    "subject_token_type": (
        "The proof of identity: urn:ietf:params:aws:token-type:aws4_request, a signed GetCallerIdentity request, for an AWS "
        "provider; or urn:ietf:params:oauth:token-type:jwt, AWS's JWT, for an OIDC provider."
    ),
    "token_url": (
        "Where the proof is exchanged for a federated token: Google's Security Token Service, "
        "https://sts.googleapis.com/v1/token or another form of its address."
    ),
    "token_info_url": "Where gcloud asks whose a federated token is: Google's Security Token Service. Not used here.",
    "service_account_impersonation_url": (
        "The service account, by its method generateAccessToken of Google's IAM Credentials API. Without it the federated "
        "token itself opens what the workload's principal was granted."
    ),
    "service_account_impersonation": "How the service account is impersonated.",
    "service_account_impersonation.token_lifetime_seconds": (
        "How long an access token of the service account lives: 3600 s if it is not given, and more, up to 43200 s, where "
        "the organization's policy allows it."
    ),
    "quota_project_id": "The project that quota and billing are charged to.",
    "project_id": "The project that client libraries take as their default.",
    "credential_source": "Where the proof of identity comes from.",
    "credential_source.environment_id": "aws1: from AWS keys.",
    "credential_source.region_url": f"Instance metadata's page of the region. {_REPLACED}",
    "credential_source.url": f"Instance metadata's page of the role's keys. {_REPLACED}",
    "credential_source.imdsv2_session_token_url": f"Instance metadata's page of session tokens, for version 2. {_REPLACED}",
    "credential_source.regional_cred_verification_url": (
        "The AWS STS endpoint that Google is to ask who signed. As gcloud writes it, it is the one of the region in each "
        "of AWS's partitions."
    ),
    "credential_source.executable": "A command that gives the proof.",
    "credential_source.executable.command": (
        "The command that gives the proof, by a whole path. Google's own libraries run it where "
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 is set."
    ),
    "credential_source.executable.timeout_millis": "How long the command may take: 5000 to 120000 ms, or 30000 ms.",
    "credential_source.executable.output_file": (
        "Where the command leaves the proof, which is read there until it ends. Whoever reads it in this time is the workload."
    ),
    "credential_source.executable.interactive_timeout_millis": _WORKFORCE,
    "client_id": _WORKFORCE,
    "client_secret": _WORKFORCE,
    "workforce_pool_user_project": _WORKFORCE,
}

NOT_SHOWN = {"client_secret"}

# What Google's own libraries refuse a file without.
NEEDED_ELSEWHERE = ("subject_token_type", "token_url", "credential_source")
