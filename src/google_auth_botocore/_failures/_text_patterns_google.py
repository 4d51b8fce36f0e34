"""What Google's Security Token Service and IAM Credentials API say."""

from google_auth_botocore._failures._text_words import GOOGLE, IMPERSONATION, NEAR, PERMISSION, Known, either

_API_OFF = either("SERVICE_DISABLED", r"(?:iamcredentials|sts)\.googleapis\.com")
_DENIED_BY_IAM = either(r"iamcredentials\.googleapis\.com", "caller does not have permission|PERMISSION_DENIED")
_REJECTED_BY_IAM = either(r"iamcredentials\.googleapis\.com", "invalid authentication credentials")

EXCHANGE = (
    Known("no-scope", "exchange", r"Scope\(s\) must be provided"),
    Known(
        "audience-malformed",
        "exchange",
        r"Invalid value for .{0,3}audience|should be the full resource name of the Identity Provider",
    ),
    Known("provider-out-of-service", "exchange", r"\binvalid_target\b|target service indicated by the .{0,3}audience"),
    Known("condition-not-met", "exchange", r"rejected by the attribute condition"),
    Known("subject-too-long", "exchange", r"exceeds the 127 bytes limit|google\.subject.{0,40}127 bytes"),
    Known(
        "mapping-wrong",
        "exchange",
        r"mapped attribute .{0,60}must be of type|Could not obtain a value for|mapped attribute .{0,60}(?:size|exceeds)",
    ),
    Known("proof-rewritten", "exchange", r"Invalid format of AWS credentials"),
    Known("region-not-accepted", "exchange", r"is not an AWS STS endpoint"),
    Known("issuer-unreachable", "exchange", r"connecting to the given credential.{0,2}s issuer"),
    Known("provider-of-another-kind", "exchange", r"Invalid value for .{0,3}subject_token_type"),
    Known("jwt-audience-rejected", "exchange", r"audience in (?:the )?ID Token"),
    Known("jwt-issuer-wrong", "exchange", r"issuer in (?:the )?ID Token"),
    Known("jwt-expired", "exchange", r"is stale to sign-in|ID Token has expired"),
    Known(
        "quota-exceeded",
        "exchange",
        r"\bquota_exceeded\b|throttled due to rate limit|" + either(r"\bRESOURCE_EXHAUSTED\b", GOOGLE),
    ),
    Known(
        "perimeter",
        "exchange",
        r"vpcServiceControls|VPC_SERVICE_CONTROLS|VPC Service Controls|SECURITY_POLICY_VIOLATED"
        r"|prohibited by organization.{0,2}s policy",
    ),
    Known("lifetime-too-long", IMPERSONATION, r"lifetime (?:can ?not|must not|should not) exceed|LifetimeExtension"),
    Known(
        "organization-policy",
        "exchange",
        r"constraints/\w{1,40}\.\w{1,80}|Org(?:anization)? Policy violated|violates .{0,30}organization policy",
    ),
)

SERVICE_ACCOUNT = (
    # Replies about these have the status PERMISSION_DENIED, too.
    Known(
        "api-disabled",
        IMPERSONATION,
        r"(?:IAM Service Account Credentials|Security Token Service) API has not been used in project"
        rf"|{_API_OFF}",
    ),
    Known("scopes-too-narrow", "call", r"insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    Known("account-disabled", IMPERSONATION, r"service account \S{1,120} is disabled"),
    Known("account-missing", IMPERSONATION, r"Gaia id not found|service account \S{1,120} does not exist"),
    Known(
        "not-bound",
        IMPERSONATION,
        rf"{PERMISSION}.{{0,40}}denied|IAM_PERMISSION_DENIED{NEAR}{PERMISSION}|{PERMISSION}|{_DENIED_BY_IAM}",
    ),
    Known("federated-token-rejected", IMPERSONATION, _REJECTED_BY_IAM),
    Known("authorization-stripped", IMPERSONATION, r"CREDENTIALS_MISSING|missing required authentication"),
    Known("delegation-not-allowed", "delegation", r"Client is unauthorized to retrieve access tokens"),
    Known("user-unknown", "delegation", r"Invalid email or User ID"),
    Known("scope-invalid", "exchange", r"\binvalid_scope\b"),
)
