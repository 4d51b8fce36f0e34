"""What AWS and botocore say, directly or as Google reports it."""

from google_auth_botocore._failures._text_words import NO_REPLY, NODE, Known, either

_METADATA = (
    r"(?:169\.254\.169\.254|fd00:ec2::254|latest/meta-data|latest/api/token|ec2imds|EC2Metadata"
    r"|EC2 Instance Metadata|instance profile metadata)"
)
_LINK_LOCAL = r"169\.254\.(?:169\.254|170\.23?)"
_UNAUTHORIZED_METADATA = either(r"\b401\b|Unauthorized", _METADATA)
_MISSING_METADATA = either(r"\b404\b|Not Found", _METADATA)
_DENIED_METADATA = either(r"\b40[0135]\b|Unauthorized|Forbidden", _METADATA)
# Google's metadata server has the same address.
_OF_GOOGLE = r"computeMetadata|metadata\.google\.internal"
_OF_AN_ASSUMED_ROLE = r"AssumeRole|GetCallerIdentity|GetRoleCredentials|GetWebIdentityToken"

_KEYS = (
    Known(
        "clock-skew",
        "exchange",
        r"Signature expired|Signature not yet current|RequestTimeTooSkewed|RequestExpired|short-lived token",
    ),
    Known(
        "web-identity-expired",
        "aws",
        either(r"ExpiredTokenException|Token expired|token has expired|is expired", "AssumeRoleWithWebIdentity"),
    ),
    Known(
        "web-identity-rejected",
        "aws",
        r"InvalidIdentityToken|IDPRejectedClaim|No OpenIDConnect provider found|web identity token .{0,40}could not be validated"
        r"|Incorrect token audience|failed fetching WebIdentity token",
    ),
    Known(
        "keys-expired",
        "exchange",
        r"\bExpiredToken(?:Exception)?\b|security token included in the request is expired|The provided token has expired",
    ),
    Known("region-not-enabled", "exchange", r"RegionDisabledException|is not activated in this region"),
    Known(
        "keys-unknown",
        "exchange",
        r"InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|security token included in the request is invalid"
        r"|\(AuthFailure\)|not able to validate the provided access credentials",
    ),
    Known(
        "secret-key-wrong",
        "exchange",
        r"SignatureDoesNotMatch|IncompleteSignature|request signature we calculated does not match",
    ),
)

_PERMISSIONS = (
    Known("outbound-identity-off", "aws", r"OutboundWebIdentityFederationDisabled"),
    Known("explicit-deny", "aws", r"with an explicit deny"),
    Known("jwt-not-allowed", "aws", r"not authorized to perform:? sts:(?:Tag)?GetWebIdentityToken"),
    Known("jwt-arguments-invalid", "aws", r"JWTPayloadSizeExceeded|\(ValidationError\).{0,60}GetWebIdentityToken"),
    Known("web-identity-not-trusted", "aws", r"not authorized to perform:? sts:AssumeRoleWithWebIdentity"),
    Known("mfa-code-wrong", "aws", r"MultiFactorAuthentication failed"),
    Known("role-not-assumable", "aws", r"not authorized to perform:? sts:(?:AssumeRole|TagSession)\b"),
    Known(
        "caller-identity-denied",
        "exchange",
        r"not authorized to perform:? sts:GetCallerIdentity|AWS response of type AccessDenied",
    ),
    Known(
        "role-arguments-invalid",
        "aws",
        r"exceeds the MaxSessionDuration|session limit for roles assumed by role chaining"
        r"|\((?:ValidationError|MalformedPolicyDocument|PackedPolicyTooLarge)\) when calling the AssumeRole",
    ),
    Known(
        "aws-unavailable",
        "aws",
        r"\((?:Throttling\w{0,20}|ThrottledException|RequestLimitExceeded|ServiceUnavailable|InternalFailure|IDPCommunicationError)\)"
        rf" when calling the (?:{_OF_AN_ASSUMED_ROLE})",
    ),
    Known("aws-rejects", "exchange", r"Received invalid AWS response of type \w{1,40}"),
)

_SOURCES = (
    Known("half-a-set-of-keys", "aws", r"Partial credentials found in (?:env|explicit|shared|config)"),
    Known("profile-incomplete", "aws", r"Partial credentials found|source_profile or credential_source"),
    Known("aws-file-broken", "aws", r"Unable to parse config file|ConfigParseError"),
    Known("profile-loop", "aws", r"InfiniteLoopConfigError|Infinite loop in credential configuration"),
    Known(
        "process-missing",
        "aws",
        either(r"credential_process|custom-process", r"executable file not found|command not found"),
    ),
    Known("process-fails", "aws", r"retrieving credentials from custom-process|error in credential_process"),
    Known(
        "profile-missing",
        "aws",
        r"config profile \(.{0,200}?\) could not be found|ProfileNotFound|failed to get shared config profile"
        r"|Profile \S{1,80} could not be found or parsed",
    ),
    Known("login-not-allowed", "aws", r"LoginInsufficientPermissions|signin:CreateOAuth2Token"),
    Known(
        "not-signed-in",
        "aws",
        r"Error loading SSO Token|SSO session .{0,80}(?:expired|invalid)|Token has expired and refresh failed|SSOTokenLoadError"
        r"|UnauthorizedSSOTokenError|Cached SSO (?:login|token)|SSO token (?:is|has) (?:expired|invalid)|Error when retrieving token from sso"
        r"|InvalidGrantException.{0,200}SsoOidc|ssooidc.{0,40}InvalidGrantException|(?:try running|To refresh this SSO session,? run) .?aws sso login"
        r"|reauthenticate using .?aws login|Error loading login session token",
    ),
    Known(
        "sso-role-not-assigned", "aws", r"\((?:ForbiddenException|ResourceNotFoundException)\).{0,40}GetRoleCredentials"
    ),
    Known(
        "mfa-without-terminal",
        "aws",
        r"RefreshWithMFAUnsupported|Cannot refresh credentials: MFA token required|AssumeRoleTokenProvider",
    ),
    Known("dependency-missing", "aws", r"Missing Dependency: .{0,200}botocore|botocore\[crt\]"),
    Known(
        "botocore-data-missing",
        "aws",
        r"DataNotFoundError|Unable to load data for: \w|Unknown service: '(?:sts|sso|sso-oidc|signin)'",
    ),
    Known("botocore-too-old", "aws", r"has no attribute .get_web_identity_token"),
    Known(
        "container-token-missing",
        "aws",
        either(r"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE|eks-pod-identity-token", r"No such file|Permission denied"),
    ),
    Known(
        "credential-source-empty",
        "aws",
        r"credentials from (?:Environment|EcsContainer): No credentials found in credential_source",
    ),
)

_METADATA_SERVICES = (
    Known(
        "proxy-for-link-local",
        "aws",
        either(_LINK_LOCAL, r"ProxyError|proxyconnect|through proxy|connect to proxy|via proxy|squid"),
    ),
    Known(
        "container-rejects",
        "aws",
        r"EKS pod identity agent|CredentialsEndpointError|from ECS metadata|retrieve ECS metadata"
        r"|retrieving credentials from container-role|169\.254\.170\.23?\b.{0,200}"
        rf"(?:\b[45]\d\d\b|AccessDenied|{NO_REPLY})",
    ),
    Known("metadata-setting-invalid", "aws", r"Invalid (?:endpoint )?EC2 Instance Metadata endpoint"),
    Known("instance-role-broken", "aws", r"AssumeRoleUnauthorizedAccess|EC2 cannot assume the role"),
    Known("metadata-token-cached", "library", either(NODE, _UNAUTHORIZED_METADATA)),
    Known(
        "instance-has-no-role",
        "aws",
        rf"Unable to retrieve AWS role name.{{0,300}}(?:404|Not Found)|{_MISSING_METADATA}",
        unless=_OF_GOOGLE,
    ),
    Known(
        "metadata-unreachable",
        "aws",
        rf"{either(_METADATA, NO_REPLY)}|EC2ResourceFetcher|Error retrieving credentials from the instance profile metadata",
        unless=_OF_GOOGLE,
    ),
    Known(
        "metadata-rejected",
        "aws",
        r"(?:Unable|Failed) to retrieve AWS (?:role|session token|(?:security )?credentials)"
        rf"|{_DENIED_METADATA}",
        unless=_OF_GOOGLE,
    ),
    Known(
        "no-aws-keys",
        "aws",
        r"botocore found no AWS credentials|Unable to determine (?:the )?AWS (?:IAM )?role name|AWS metadata server security credentials endpoint"
        r"|Unable to locate credentials|NoCredentialsError|NoCredentialProviders|no valid providers in chain|no EC2 IMDS role found"
        r"|load (?:AWS )?credentials from any (?:of the )?providers?|no valid credential sources|Missing credentials in config"
        r"|Ec2InstanceMetadata: No credentials found in credential_source",
    ),
)

_REGION = (
    Known("empty-region", "signed request", r"\bsts\.\.amazonaws\b|https?://\.(?:sts|amazonaws)"),
    Known(
        "zone-for-region", "signed request", r"\bsts\.[a-z]{2}-[a-z]{1,20}-[0-9](?:[a-z]|-[a-z0-9-]{2,20})\.amazonaws"
    ),
    Known(
        "no-region",
        "signed request",
        r"(?:Unable|Failed) to (?:determine|retrieve) (?:the )?AWS region|must specify a region|NoRegionError|Missing ?Region|Region is missing"
        r"|no AWS region is set|could not resolve AWS region|could not find region configuration|Unable to load region",
    ),
)

KNOWN = (*_KEYS, *_PERMISSIONS, *_SOURCES, *_METADATA_SERVICES, *_REGION)
