"""What to do about each known failure, in one place: sentences that end an error, with the exact command where there is one.

The failures and their causes were collected from Google's troubleshooting pages and from users' reports:
https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from google_auth_botocore._config import Settings, project_number


@dataclass(frozen=True)
class Refusal:
    """What one of Google's servers said instead of what it was asked for; without secrets and control characters.

    Attributes:
        reason: Its code.
        text: Its message.
        permission: The IAM permission that the caller misses.
        aws_reason: AWS's code, which the Security Token Service passes on.
    """

    reason: str | None
    text: str
    permission: str | None
    aws_reason: str | None


AWS_NONE = (
    "Give the workload a role (instance profile, task role, IRSA or Pod Identity), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
    "and AWS_SESSION_TOKEN. Instance metadata needs a hop limit of 2 in a container and, where there is a proxy, NO_PROXY=169.254.169.254. "
    "To see what AWS's own tools find here, run: aws sts get-caller-identity"
)
AWS_WHITE_SPACE = "Set it again without quotes, blanks or a line break at its end."
AWS_HALF = (
    "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys; or unset them all."
)
AWS_MFA = "The next request that finds no valid token asks for it; call refresh() to be asked now."
AWS_REGION = "Set AWS_REGION, region= or the profile's region to a region such as eu-central-1; for a local zone, to its parent region."

_EXPIRY = "Write the time at which the keys expire (AWS_CREDENTIAL_EXPIRATION, or what their source says) like 2030-01-31T12:00:00Z."

_AWS = {
    "ProfileNotFound": "Check AWS_PROFILE or profile=. To list the profiles, run: aws configure list-profiles",
    "PartialCredentialsError": AWS_HALF,
    "ConfigParseError": "Mend the file that the message names.",
    "InvalidConfigError": "Mend the profile that the message names.",
    "CredentialRetrievalError": "Run the profile's credential_process by hand to see what it says.",
    "JSONDecodeError": "Run the profile's credential_process by hand: it must print one JSON object.",
    "KeyError": "Ask the source by hand: its answer lacks the field in the message.",
    "FileNotFoundError": "Check AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and the profile's settings of this kind.",
    "ProxyConnectionError": "Check HTTP_PROXY and HTTPS_PROXY; where the keys come from instance metadata, NO_PROXY must hold 169.254.169.254.",
    "InvalidIMDSEndpointError": "Check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
    "InvalidIMDSEndpointModeError": "Set AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE to IPv4 or IPv6, or unset it.",
    "ParserError": _EXPIRY,
    "TypeError": _EXPIRY,  # a date without a time zone
    "ValueError": "Check the profile's settings and the variables AWS_METADATA_SERVICE_… and AWS_CONTAINER_…: botocore can't use the value in the message.",
    "EOFError": "The role wants an MFA code, and there is no terminal to type it at: pass a session whose keys were made with one.",
    "UnauthorizedSSOTokenError": "Sign in again: aws sso login",
    "SSOTokenLoadError": "Sign in first: aws sso login",
    "TokenRetrievalError": "Sign in again: aws sso login",
    "LoginTokenLoadError": "Sign in first: aws login",
    "LoginRefreshRequired": "Sign in again: aws login",
    "LoginInsufficientPermissions": "Allow the identity signin:CreateOAuth2Token, then sign in again: aws login",
    "LoginError": "Sign in again: aws login",
    "MissingDependencyException": "Install what botocore needs for this source: pip install 'google-auth-botocore[login]'",
    "AccessDenied": "Allow the calling identity sts:AssumeRole on the role, and name it in the role's trust policy.",
    "AccessDeniedException": "Allow the calling identity what the message names.",
    "OutboundWebIdentityFederationDisabledException": "Switch it on for the account: aws iam enable-outbound-web-identity-federation",
    "OutboundWebIdentityFederationDisabled": "Switch it on for the account: aws iam enable-outbound-web-identity-federation",
    "InvalidClientTokenId": "Check the keys, and that the account has the region enabled.",
    "RegionDisabledException": "Set AWS_REGION to a region that the account has enabled, or enable this one: aws account enable-region --region-name REGION",
    "InvalidIdentityToken": "The role's account must have the cluster's OIDC provider, for the audience sts.amazonaws.com; the role's trust policy must name it.",
    "ExpiredToken": "Renew the keys: they are temporary, and were probably copied into the environment or a file once.",
    "ExpiredTokenException": "Renew the keys: they are temporary, and were probably copied into the environment or a file once.",
    "MetadataRetrievalError": (
        "Check that the endpoint can be reached from here: NO_PROXY must hold 169.254.169.254,169.254.170.2,169.254.170.23, and a container needs a hop limit of 2."
    ),
    "RuntimeError": "Renew the keys; if they are fresh, set the clock of this machine.",
}

_EXCHANGE_OF_AWS = {
    "SignatureDoesNotMatch": (
        "Check AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: they must belong to the access key id. AWS remembers a wrong key for some seconds."
    ),
    "InvalidClientTokenId": (
        "Check that the keys exist, that AWS_SESSION_TOKEN is set if they are temporary, and that the account has the region enabled."
    ),
    "ExpiredToken": "Renew the keys: they are temporary, and were probably copied into the environment or a file once.",
    "AccessDenied": "Look for a service control policy or a VPC endpoint policy that denies sts:GetCallerIdentity.",
}
_WORKLOAD_USER = "roles/iam.workloadIdentityUser"
_TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"
# The least role that allows each step to a federated principal.
_ROLES = {
    "impersonation": _WORKLOAD_USER,
    "id_token": _WORKLOAD_USER,
    "signing": _TOKEN_CREATOR,
    "delegation": _TOKEN_CREATOR,
}
_CLOCK = "Set this machine's clock (chrony or systemd-timesyncd): it is too far off for AWS."


def aws(reason: str, text: str) -> str | None:
    """About a failure of botocore's, by the name of its class or AWS's code, and its message."""
    if "source_profile or credential_source" in text:
        reason = "InvalidConfigError"  # what botocore calls partial credentials is a profile that lacks a line
    return _CLOCK if skewed(text) else _AWS.get(reason, _EXCHANGE_OF_AWS.get(reason))


def exchange(refusal: Refusal, *, settings: Settings) -> str | None:
    """About a refusal of the token exchange."""
    reason, text, aws_reason = refusal.reason, refusal.text, refusal.aws_reason
    provider = _provider(settings)
    if aws_reason is not None:
        return _CLOCK if skewed(text) else _EXCHANGE_OF_AWS.get(aws_reason)
    if reason == "unauthorized_client":
        return (
            "Compare the provider's attribute condition with the ARN that AWS gives (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, not the role's own ARN). "
            f"To see both, run: aws sts get-caller-identity; gcloud iam workload-identity-pools providers describe {provider}"
        )
    if reason == "invalid_target":
        return (
            "Check the project number, the pool and the provider in the audience, and that both are enabled and not deleted. "
            f"Run: gcloud iam workload-identity-pools providers describe {provider}"
        )
    if "google.subject exceeds" in text:
        return (
            "Map a shorter subject, or shorten the role's session name. Run: gcloud iam workload-identity-pools providers update-aws "
            f"{provider} --attribute-mapping=\"google.subject=assertion.arn.extract('assumed-role/{{role_and_session}}')\""
        )
    if "audience" in text:
        return f"The audience must be the full name of a provider. Run: gcloud iam workload-identity-pools providers describe {provider}"
    if "credential's issuer" in text:
        return "The audience names an OIDC provider whose issuer Google can't reach. Use the AWS provider's audience, or mend the issuer."
    if "AWS account" in text or "account id" in text.lower():
        return f"Check which AWS account the provider trusts. Run: gcloud iam workload-identity-pools providers describe {provider}"
    if reason in ("quota_exceeded", "RESOURCE_EXHAUSTED"):
        return "The project of the pool has used up its token exchanges for this minute. Share one Credentials object in a process, or raise the quota."
    if "vpcServiceControls" in text or "VPC_SERVICE_CONTROLS" in text:
        return _PERIMETER
    return None


_PERIMETER = "A VPC Service Controls perimeter blocks the call: add an ingress rule for sts.googleapis.com and iamcredentials.googleapis.com."


def iam(step: str, refusal: Refusal, *, settings: Settings, assumed_role: str | None) -> str | None:
    """About a refusal of the IAM Credentials API.

    Args:
        step: What it was asked for.
        refusal: What it said.
        settings: What was asked.
        assumed_role: ARN of the assumed role without its session, where it is known.
    """
    reason, text = refusal.reason, refusal.text
    if reason == "SERVICE_DISABLED" or "has not been used in project" in text:
        project = re.search(r"in project (\S+)", text)
        name = project[1] if project else project_number(settings.audience)
        return f"Enable the API: gcloud services enable iamcredentials.googleapis.com --project={shlex.quote(name)}"
    if reason == "SECURITY_POLICY_VIOLATED" or "vpcServiceControls" in text:
        return _PERIMETER
    if "lifetime" in text.lower():
        return (
            f"Ask for a lifetime of at most 3600 s, or add {settings.service_account} to the list of the organization policy "
            "constraints/iam.allowServiceAccountCredentialLifetimeExtension, which allows up to 43200 s."
        )
    if refusal.permission is not None or reason in ("PERMISSION_DENIED", "NOT_FOUND"):
        return _grant(settings, assumed_role, _ROLES[step])
    return None


def delegation(refusal: Refusal, *, settings: Settings) -> str | None:
    """About a refusal to let the service account act for a Workspace user."""
    if refusal.reason not in ("unauthorized_client", "access_denied", "invalid_grant"):
        return None
    return (
        "Allow the service account's client id these scopes in the Workspace admin console (Security, API controls, Domain-wide delegation): "
        f"{','.join(settings.scopes)}. Check that {settings.subject} exists."
    )


def _grant(settings: Settings, assumed_role: str | None, role: str) -> str:
    account = settings.delegates[0] if settings.delegates else settings.service_account or "SERVICE_ACCOUNT"
    role = _TOKEN_CREATOR if settings.delegates else role
    pool = settings.audience.rsplit("/providers/", 1)[0]
    value = assumed_role or "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"
    member = f"principalSet:{pool}/attribute.aws_role/{value}"
    chain = (
        " and each account along the delegates must have roles/iam.serviceAccountTokenCreator on the next,"
        if settings.delegates
        else ""
    )
    place = "" if assumed_role else " (with your account and role in the place of ACCOUNT_ID and ROLE_NAME)"
    return (
        f"The AWS role lacks {role} on the service account,{chain} or the account does not exist; a new grant takes up to 5 minutes to be seen. "
        f"Grant it{place}: gcloud iam service-accounts add-iam-policy-binding {shlex.quote(account)} --role={role} --member={shlex.quote(member)}"
    )


def _provider(settings: Settings) -> str:
    _, _, _, _, number, _, location, _, pool, _, name = settings.audience.split("/")
    return f"{name} --project={number} --location={location} --workload-identity-pool={pool}"


def skewed(text: str) -> bool:
    """Whether AWS found the date of a signature too old or too new."""
    return "Signature expired" in text or "Signature not yet current" in text
