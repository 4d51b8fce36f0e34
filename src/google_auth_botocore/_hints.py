"""What to do about each known failure, in one place: sentences that end an error, with the exact command where there is one.

The failures and their causes were collected from Google's troubleshooting pages and from users' reports:
https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation.
"""

import re
import shlex
import sys
from typing import NamedTuple

from google_auth_botocore._settings import JWT, Settings, project_number


class Refusal(NamedTuple):
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
    "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys, or unset them all; "
    "in a file, the settings of these names in lower case."
)
AWS_MFA = "The next request that finds no valid token asks for it; call refresh() to be asked now."
AWS_REGION = "Set AWS_REGION, region= or the profile's region to a region such as eu-central-1; for a local zone, to its parent region."
AWS_INSTANCE_ROLE = "Check that the instance profile names an existing role, and that the role's trust policy lets ec2.amazonaws.com assume it."
BOTOCORE_DATA = (
    "Assuming roles, single sign-on and AWS login need these files. Install botocore as a folder with its data, not from a zip on sys.path, "
    "and keep botocore/data in the bundle; or give the process keys in the environment, a file, the container's or the instance's metadata."
)
EXHAUSTED = "The process or the machine has run out of open files, memory or processes. Raise the limit (ulimit -n), or close what is left open."
_WEB_IDENTITY = (
    "Allow the role sts:GetWebIdentityToken. Run: aws iam put-role-policy --role-name ROLE_NAME --policy-name get-web-identity-token "
    """--policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*"}]}'"""
)

_EXPIRY = "Write the time at which the keys expire (AWS_CREDENTIAL_EXPIRATION, or what their source says) like 2030-01-31T12:00:00Z."
_RENEW_KEYS = "Renew the keys: they are temporary, and were probably copied into the environment or a file once."
_OUTBOUND = "Switch it on for the account: aws iam enable-outbound-web-identity-federation"

_AWS = {
    "ProfileNotFound": "Check AWS_PROFILE or profile=. To list the profiles, run: aws configure list-profiles",
    "PartialCredentialsError": AWS_HALF,
    "ConfigParseError": "Mend the file that the message names.",
    "InvalidConfigError": "Mend the profile that the message names.",
    "CredentialRetrievalError": "Run the profile's credential_process by hand to see what it says.",
    "JSONDecodeError": "Run the profile's credential_process by hand: it must print one JSON object.",
    "KeyError": "Ask the source by hand: its answer lacks the field in the message.",
    "FileNotFoundError": "Check who names the file in the message: credential_process or another setting of the profile, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.",
    "ProxyConnectionError": "Check HTTP_PROXY and HTTPS_PROXY; where the keys come from instance metadata, NO_PROXY must hold 169.254.169.254.",
    "InvalidIMDSEndpointError": "Check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
    "InvalidIMDSEndpointModeError": "Set AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE to IPv4 or IPv6, or unset it.",
    "ParserError": _EXPIRY,
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
    "OutboundWebIdentityFederationDisabledException": _OUTBOUND,
    "OutboundWebIdentityFederationDisabled": _OUTBOUND,
    "InvalidClientTokenId": "Check the keys, and that the account has the region enabled.",
    "RegionDisabledException": "Set AWS_REGION to a region that the account has enabled, or enable this one: aws account enable-region --region-name REGION",
    "InvalidIdentityToken": "The role's account must have the cluster's OIDC provider, for the audience sts.amazonaws.com; the role's trust policy must name it.",
    "ExpiredToken": _RENEW_KEYS,
    "ExpiredTokenException": _RENEW_KEYS,
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
    "ExpiredToken": _RENEW_KEYS,
    "AccessDenied": "Look for a service control policy or a VPC endpoint policy that denies sts:GetCallerIdentity.",
}
_TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"
# The least role that allows each step to a federated principal; along delegates it is the token creator's for every step.
_ROLES = {
    "impersonation": "roles/iam.workloadIdentityUser",
    "id_token": "roles/iam.serviceAccountOpenIdTokenCreator",
    "signing": _TOKEN_CREATOR,
    "delegation": _TOKEN_CREATOR,
}
# All of a mapping is set at once: the role, which bindings name, is mapped as Google does by default.
_SHORT_SUBJECT = (
    "google.subject=assertion.arn.extract('assumed-role/{role_and_session}'),"
    "attribute.aws_role=assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
    "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
)
_CLOCK = "Set this machine's clock (chrony or systemd-timesyncd): it is too far off for {}."


def gevent_came_late() -> bool:
    """Whether gevent has patched TLS; if a RecursionError comes of TLS then, urllib3 was imported before."""
    # No import: an application that uses gevent has loaded this module, and it is not a dependency.
    gevent = sys.modules.get("gevent.monkey")
    return gevent is not None and bool(gevent.is_module_patched("ssl"))


def recursion() -> str:
    """How to fix a RecursionError of the transport or of botocore."""
    if gevent_came_late():
        return (
            "gevent patched the process after urllib3 was imported. Call gevent.monkey.patch_all() before any other import, for example "
            "in gunicorn's configuration file, or start gunicorn without --preload."
        )
    return "Look for a function that calls itself, such as the transport passed to refresh()."


def aws(reason: str, text: str) -> str | None:
    """About a failure of botocore's, by the name of its class or AWS's code, and its message."""
    if reason == "RecursionError":
        return recursion()
    if "source_profile or credential_source" in text:
        reason = "InvalidConfigError"  # what botocore calls partial credentials is a profile that lacks a line
    if "sts:GetWebIdentityToken" in text:
        return _WEB_IDENTITY
    if reason == "CredentialRetrievalError" and re.search("from (iam-role|Ec2InstanceMetadata):", text):
        return AWS_NONE
    if "offset-naive" in text:
        return _EXPIRY  # has no time zone
    return _CLOCK.format("AWS") if skewed(text) else _AWS.get(reason, _EXCHANGE_OF_AWS.get(reason))


def exchange(refusal: Refusal, *, settings: Settings) -> str | None:
    """About a refusal of the token exchange."""
    provider = _provider(settings)
    of_proof = _exchange_of_jwt if settings.subject_token_type == JWT else _exchange_of_request
    hint = of_proof(refusal, settings, provider)
    if hint is not None or refusal.aws_reason is not None:
        return hint
    reason, text = refusal.reason, refusal.text
    if reason == "invalid_target":
        return (
            "Check the project number, the pool and the provider in the audience, and that both are enabled and not deleted. "
            f"Run: gcloud iam workload-identity-pools describe {provider.partition('/providers/')[0]}; "
            f"gcloud iam workload-identity-pools providers describe {provider}"
        )
    if "audience" in text:
        return f"The audience must be the full name of a provider. Run: gcloud iam workload-identity-pools providers describe {provider}"
    if "credential's issuer" in text:
        return "The audience names an OIDC provider whose issuer Google can't reach. Use the AWS provider's audience, or mend the issuer."
    if reason in ("quota_exceeded", "RESOURCE_EXHAUSTED"):
        return "The project of the pool has used up its token exchanges for this minute. Share one Credentials object in a process, or raise the quota."
    if "vpcServiceControls" in text or "VPC_SERVICE_CONTROLS" in text:
        return _PERIMETER
    return None


def _exchange_of_request(refusal: Refusal, _: Settings, provider: str) -> str | None:
    """What goes wrong with an AWS provider alone."""
    text = refusal.text
    if refusal.aws_reason is not None:
        return _CLOCK.format("AWS") if skewed(text) else _EXCHANGE_OF_AWS.get(refusal.aws_reason)
    if refusal.reason == "unauthorized_client":
        return (
            "Compare the provider's attribute condition with the ARN that AWS gives (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, not the role's own ARN). "
            f"To see both, run: aws sts get-caller-identity; gcloud iam workload-identity-pools providers describe {provider}"
        )
    if "is not an AWS STS endpoint" in text:
        return AWS_REGION
    if "google.subject exceeds" in text:
        return (
            "Map a shorter subject, or shorten the role's session name. Run: gcloud iam workload-identity-pools providers update-aws "
            f"{provider} --attribute-mapping={shlex.quote(_SHORT_SUBJECT)}"
        )
    if "AWS account" in text or "account id" in text.lower():
        return f"Check which AWS account the provider trusts. Run: gcloud iam workload-identity-pools providers describe {provider}"
    return None


def _exchange_of_jwt(refusal: Refusal, settings: Settings, provider: str) -> str | None:
    """What goes wrong with an OIDC provider alone."""
    if refusal.reason == "unauthorized_client":
        return (
            "Compare the provider's attribute condition with assertion.sub, which is the role's own ARN (arn:aws:iam::ACCOUNT:role/ROLE). "
            f"Run: gcloud iam workload-identity-pools providers describe {provider}"
        )
    if "audience in ID Token" in refusal.text:
        return (
            "Let the provider accept its own name as the audience. Run: gcloud iam workload-identity-pools providers update-oidc "
            f"{provider} --allowed-audiences=https:{settings.audience}"
        )
    if "issuer in ID Token" in refusal.text:
        return (
            "Give the provider the issuer of the AWS account. To see it, run: aws iam get-outbound-web-identity-federation-info; to set it: "
            f"gcloud iam workload-identity-pools providers update-oidc {provider} --issuer-uri=ISSUER"
        )
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
    if misdated(refusal.text):
        return _CLOCK.format("Google")
    return (
        "Allow the service account's client id these scopes in the Workspace admin console (Security, API controls, Domain-wide delegation): "
        f"{','.join(settings.scopes)}. Check that {settings.subject} exists. To see the client id, run: "
        f"gcloud iam service-accounts describe {settings.service_account} --format='value(uniqueId)'"
    )


def _grant(settings: Settings, assumed_role: str | None, role: str) -> str:
    """The binding that lets the AWS identity use the service account; with delegates, every binding on the way."""
    member, place = _member(settings, assumed_role)
    lacks = f"The AWS identity lacks {role} on the service account"
    if settings.delegates:
        # Which one is missing Google does not say reliably; to grant one that is there changes nothing.
        role = _TOKEN_CREATOR
        lacks = f"The AWS identity lacks {role} on {settings.delegates[0]}, or one of the accounts lacks it on the next"
    # A member goes by its address alone.
    via = (f"serviceAccount:{each if '@' in each else f'EMAIL_OF_{each}'}" for each in settings.delegates)
    commands = " && ".join(
        f"gcloud iam service-accounts add-iam-policy-binding {shlex.quote(account)} --role={role} --member={shlex.quote(holder)}"
        for account, holder in zip((*settings.delegates, settings.service_account or ""), (member, *via), strict=True)
    )
    return f"{lacks}, or the account does not exist; a new grant takes up to 5 minutes to be seen. Grant it{place}: {commands}"


def _member(settings: Settings, assumed_role: str | None) -> tuple[str, str]:
    """How IAM names the AWS identity where the attributes are mapped as usual; and, where it is not known, what to fill in."""
    arn, place = assumed_role, ""
    if arn is None:
        arn = "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"
        place = (
            " (with your account and role in the place of ACCOUNT_ID and ROLE_NAME, or an IAM user's ARN in the place of the role's; "
            "to see which, run: aws sts get-caller-identity)"
        )
    pool = settings.audience.rsplit("/providers/", 1)[0]
    if settings.subject_token_type != JWT:
        return f"principalSet:{pool}/attribute.aws_role/{arn}", place
    # The subject of AWS's JWT, the role's own ARN: an OIDC provider has no attribute of the role.
    arn = re.sub(r":sts::(\w+):assumed-role/", r":iam::\1:role/", arn)
    return f"principal:{pool}/subject/{arn}", place


def _provider(settings: Settings) -> str:
    """Its name as an argument of gcloud's, whose --project wants an id, which is not known here."""
    return settings.audience.removeprefix("//iam.googleapis.com/")


def misdated(text: str) -> bool:
    """Whether Google's token endpoint found the date of an assertion too old or too new."""
    return "short-lived token" in text


def skewed(text: str) -> bool:
    """Whether AWS found the date of a signature too old or too new."""
    return "Signature expired" in text or "Signature not yet current" in text
