"""Messages of each failure as users see them: those of this package, of botocore, and of Google's and AWS's replies.

The troubleshooting page shows them. Other libraries' messages are in `reported_texts` and `public_texts`.
"""

from __future__ import annotations

MESSAGES: dict[str, list[str]] = {
    "account-disabled": [
        "Service account app@my-project.iam.gserviceaccount.com is disabled.",
    ],
    "account-missing": [
        "Not found; Gaia id not found for email app@my-project.iam.gserviceaccount.com.",
    ],
    "api-disabled": [
        "Security Token Service API has not been used in project 123456789012 before or it is disabled.",
        "Identity and Access Management (IAM) API has not been used in project 42 before. Enable it by visiting https://console.developers.google.com/apis/api/iam.googleapis.com/overview?project=42.",
        "IAM Service Account Credentials API has not been used in project 123456789012 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=123456789012 then retry. If you enabled this API recently, wait a few minutes for the action to ...",
    ],
    "argument-of-wrong-type": [
        "project_id must be a non-empty string, not 123456789012. Pass it in quotes: '123456789012'.",
        "Each item of scopes must be a non-empty string, not None.",
        "tags must be a mapping of names to values, not 'team=data'.",
    ],
    "argument-rejected": [
        "Request contains an invalid argument.",
    ],
    "asynchronous-session": [
        "session is an aiobotocore session, whose credentials can only be awaited.",
    ],
    "audience-malformed": [
        'Invalid value for "audience". This value should be the full resource name of the Identity Provider.',
        'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.',
        "The audience '//iam.apis-example.goog/projects/123456789012/locations/global/workloadIdentityPools/POOL/providers/prod' names no workload identity pool provider. Pass //iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.",
    ],
    "authorization-stripped": [
        "Request is missing required authentication credential. Expected OAuth 2 access token.",
    ],
    "aws-account-not-trusted": [
        "The AWS account 210987654321 of the credential is not the one that the provider trusts.",
    ],
    "aws-certificate-file-invalid": [
        "SSL validation failed for https://proxy.example:3128/ [Errno 2] No such file or directory.",
    ],
    "aws-endpoint-unreachable": [
        'Could not connect to the endpoint URL: "http://proxy.example:3128/".',
    ],
    "aws-file-broken": [
        "Unable to parse config file: /home/ann/.aws/config.",
        "Unable to parse config file: /home/ann/.aws/credentials.",
    ],
    "aws-rejects": [
        "Received invalid AWS response of type",
    ],
    "aws-setting-invalid": [
        "Auth token value is not a legal header value.",
        "invalid literal for int() with base 10: '5s'.",
        "invalid literal for int() with base 10: 'soon'.",
    ],
    "aws-side-fails": [
        "botocore could not get AWS credentials",
    ],
    "aws-unavailable": [
        "botocore could not get AWS credentials (Throttling): An error occurred (Throttling) when calling the AssumeRole operation: Rate exceeded",
    ],
    "aws-unreachable": [
        "AWS STS cannot be reached from this machine (ConnectionError); Google will call it directly",
    ],
    "botocore-data-missing": [
        "botocore's data files cannot be read (DataNotFoundError):",
        "Unknown service: 'sts'. Valid service names are:",
    ],
    "botocore-too-old": [
        "'STS' object has no attribute 'get_web_identity_token'",
    ],
    "call-fails": [
        "cannot be reached (ConnectionError)",
    ],
    "caller-identity-denied": [
        "Received invalid AWS response of type AccessDenied with error message: User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: sts:GetCallerIdentity",
    ],
    "certificate-file-invalid": [
        "Could not find a suitable TLS CA certificate bundle, invalid path: /no/such/bundle.pem.",
    ],
    "certificate-not-trusted": [
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain",
    ],
    "client-certificate-invalid": [
        "Could not find the TLS certificate file, invalid path: /no/such/client.pem",
    ],
    "clock-skew": [
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: 20260101T000000Z is now earlier.",
    ],
    "condition-not-met": [
        "The given credential is rejected by the attribute condition.",
    ],
    "configuration-file-missing": [
        "There is no configuration file '/etc/config.json'.",
        "GOOGLE_APPLICATION_CREDENTIALS names '/etc/config.json', which does not exist.",
    ],
    "configuration-file-unreadable": [
        "The configuration file '/etc/google' cannot be read: Is a directory. Pass the path of the JSON file in it.",
        "The configuration file '/etc/config.json' cannot be read as JSON: Expecting value: line 1 column 1 (char 0).",
        "GOOGLE_APPLICATION_CREDENTIALS holds JSON, not a path. Its value is not shown here.",
    ],
    "configuration-wrong": [
        "token_url must be an https URL, or http on loopback, without a user part or a fragment, not 'http://sts.example/v1/token'. Google's own is https://sts.googleapis.com/v1/token: leave token_url out to use it.",
    ],
    "container-rejects": [
        'Error retrieving metadata: Received non 200 response 401 from container metadata: {"code": "AccessDenied", "message": "The authorization token is not valid."}.',
    ],
    "container-token-missing": [
        "[Errno 2] No such file or directory: '/no/such/token'.",
    ],
    "credential-source-empty": [
        "Error when retrieving credentials from Environment: No credentials found in credential_source referenced in profile x.",
        "Error when retrieving credentials from EcsContainer: No credentials found in credential_source referenced in profile x.",
    ],
    "deadline-exceeded": [
        "There is no token after 31 s:",
    ],
    "delegation-not-allowed": [
        "Client is unauthorized to retrieve access tokens using this method.",
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
    ],
    "dependency-missing": [
        'Missing Dependency: Using the login credential provider requires an additional dependency. You will need to pip install "botocore[crt]" before proceeding.',
    ],
    "endless-recursion": [
        "maximum recursion depth exceeded",
    ],
    "endpoint-invalid": [
        "token_url must be an https URL, or http on loopback, without a user part or a fragment, not 'sts.googleapis.com'.",
        "iam_credentials_endpoint must be a scheme and a host without a path, such as https://iamcredentials.googleapis.com, not 'https://iamcredentials.googleapis.com/v1'.",
        "universe_domain must be a host name such as 'googleapis.com', not 'https://googleapis.com'.",
    ],
    "exchange-rejected": [
        "Google's Security Token Service rejected the request for a federated token for",
    ],
    "expiry-invalid": [
        "Parser must be a string or character stream, not int.",
        "can't subtract offset-naive and offset-aware datetimes.",
    ],
    "explicit-deny": [
        "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/target with an explicit deny in a service control policy",
    ],
    "extra-missing": [
        "The adapter requires httpx, of which the module httpx is missing. Install it with the extra.",
        "The emulator requires cryptography, which is not installed. Install it with the extra.",
        "Completion requires argcomplete, which is not installed. Install the extra.",
    ],
    "federated-token-rejected": [
        "Request had invalid authentication credentials.",
    ],
    "file-missing": [
        "botocore could not get AWS credentials (FileNotFoundError): [Errno 2] No such file or directory:",
    ],
    "file-of-another-kind": [
        "The configuration has the type 'service_account', not 'external_account'. It is a key file, with a private key that an AWS workload does not need. Create one for a workload on AWS.",
    ],
    "foreign-endpoint": [
        "The configuration's token_url 'https://evil.example/v1/token' is not a Google endpoint (sts.googleapis.com or one of its variants). Correct it. To use your own endpoint, set it in code (token_url=) or on the command line (--token-url).",
    ],
    "google-auth-not-supported": [
        "install() of google-auth-botocore 1.0.0 does not support google-auth 3.0.0: google.auth.default() has other parameters.",
    ],
    "google-unavailable": [
        "The service is currently unavailable.",
        "upstream connect error or disconnect/reset before headers.",
    ],
    "half-a-set-of-keys": [
        "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY.",
        "Partial credentials found in shared-credentials-file, missing: aws_secret_access_key.",
    ],
    "https-in-audience": [
        "The audience begins with https:.",
    ],
    "instance-role-broken": [
        "Instance metadata has no keys for the instance's role (AssumeRoleUnauthorizedAccess): EC2 cannot assume the role app.",
    ],
    "issuer-unreachable": [
        "Error connecting to the given credential's issuer.",
    ],
    "jwt-arguments-invalid": [
        "An error occurred (ValidationError) when calling the GetWebIdentityToken operation: The session has no trusted identity propagation context.",
    ],
    "jwt-audience-rejected": [
        "The audience in ID Token ['https://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/POOL/providers/oidc'] does not match the expected audience sts.amazonaws.com.",
    ],
    "jwt-issuer-wrong": [
        "The issuer in ID Token http://proxy.example:3128 does not match the expected ones: https://other.example.",
    ],
    "jwt-not-allowed": [
        "An error occurred (AccessDenied) when calling the GetWebIdentityToken operation: User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: sts:GetWebIdentityToken",
    ],
    "jwt-required": [
        "tags and subject_mode require AWS's JWT, and subject_token_type is another one.",
    ],
    "keys-awaited": [
        "Another thread has been getting the AWS keys for longer than this one may wait.",
    ],
    "keys-expired": [
        "Received invalid AWS response of type ExpiredToken with error message: The security token included in the request is expired.",
    ],
    "keys-frozen": [
        "Received invalid AWS response of type ExpiredToken with error message: The security token included in the request is expired.",
    ],
    "keys-in-use": [
        "This thread is already getting AWS keys for these credentials.",
    ],
    "keys-unknown": [
        "Received invalid AWS response of type InvalidClientTokenId with error message: The security token included in the request is invalid.",
    ],
    "lifetime-invalid": [
        "lifetime must be a whole number of seconds from 1 to 43200, not '1h'.",
        "A token that acts for a subject is valid for at most 3600 s, not lifetime=7200. Set lifetime=3600.",
    ],
    "lifetime-too-long": [
        "Access tokens for service account app@my-project.iam.gserviceaccount.com can not have lifetimes of more than 1 hour. Use the Org Policy Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours.",
    ],
    "list-expected": [
        "scopes must be a sequence of strings, not 'https://www.googleapis.com/auth/pubsub'.",
        "Each item of scopes must be one name, not 'openid email'. Pass a list: scopes=['openid', 'email'].",
    ],
    "login-not-allowed": [
        "Unable to create or refresh login credentials due to insufficient permissions. You may be missing permission for the 'signin:CreateOAuth2Token' action.",
    ],
    "mapping-wrong": [
        "The mapped attribute 'google.subject' must be of type STRING.",
        "Could not obtain a value for google.subject from the given credential.",
    ],
    "metadata-fails": [
        "Error when retrieving credentials from iam-role: Credential refresh failed, response did not contain: access_key",
        "Error retrieving metadata: Received error when attempting to retrieve",
    ],
    "metadata-setting-invalid": [
        "Invalid EC2 Instance Metadata endpoint mode: ipv5 Valid endpoint modes (case-insensitive): ('ipv4', 'ipv6').",
    ],
    "mfa-code-wrong": [
        "An error occurred (AccessDenied) when calling the AssumeRole operation: MultiFactorAuthentication failed with invalid MFA one time pass code.",
    ],
    "mfa-required": [
        "The AWS role requires an MFA code, and a background refresh does not prompt for one.",
    ],
    "mfa-without-terminal": [
        "Cannot refresh credentials: MFA token required.",
        "botocore could not get AWS credentials (EOFError): EOF when reading a line.",
    ],
    "name-not-resolved": [
        "Failed to resolve 'sts.googleapis.com' ([Errno -2] Name or service not known)",
    ],
    "network-replaced": [
        "No request could be sent to https://sts.googleapis.com/v1/token: responses replaces the network.",
    ],
    "no-aws-keys": [
        "botocore found no AWS credentials in any of its sources.",
    ],
    "no-identity-named": [
        "No identity is configured. Pass --config FILE or --audience NAME, or set GOOGLE_APPLICATION_CREDENTIALS.",
        "There are no Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, and '/home/ann/.config/gcloud/application_default_credentials.json' does not exist.",
    ],
    "no-region": [
        "GetWebIdentityToken has only regional endpoints, and no AWS region is set.",
    ],
    "no-scope": [
        "Scope(s) must be provided.",
    ],
    "no-service-account": [
        "ID tokens require a service account, and the credentials have none.",
        "lifetime requires a service account, and there is none.",
        "A federated identity has no key, so these credentials cannot sign.",
    ],
    "no-session-token": [
        "Received invalid AWS response of type InvalidClientTokenId with error message: The security token included in the request is invalid.",
    ],
    "not-a-service-account": [
        "The service_account_email 'copycat' is not a service account. Pass its e-mail address (NAME@PROJECT.iam.gserviceaccount.com) or its unique id (digits).",
    ],
    "not-bound": [
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
        "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).",
        "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).",
    ],
    "not-signed-in": [
        "Error loading SSO Token: Token for corp does not exist.",
        "Error loading login session token: Unable to load a existing login session for session me. Please reauthenticate with 'aws login'.",
    ],
    "organization-policy": [
        "Violates constraints/iam.workloadIdentityPoolProviders.",
        "The AWS account is not allowed by constraints/iam.workloadIdentityPoolAwsAccounts.",
    ],
    "outbound-identity-off": [
        "An error occurred (OutboundWebIdentityFederationDisabled) when calling the GetWebIdentityToken operation: Outbound web identity federation is not enabled for this account.",
    ],
    "output-not-writable": [
        "'config.json' already exists. Use --force to replace it.",
        "Cannot write '/etc/config.json': Permission denied.",
    ],
    "perimeter": [
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x.",
    ],
    "permission-denied-by-aws": [
        "botocore could not get AWS credentials (AccessDenied): An error occurred (AccessDenied) when calling the",
    ],
    "pickle-unreadable": [
        "This pickle of Credentials cannot be read: it has the format 9, and this version reads formats 1.",
    ],
    "pool-for-provider": [
        "The audience '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/POOL' is a pool, not a provider. Add /providers/PROVIDER.",
    ],
    "port-unavailable": [
        "Cannot serve: port 8080 of 127.0.0.1 is in use by another process.",
    ],
    "process-fails": [
        "Error when retrieving credentials from custom-process:",
        "No closing quotation.",
    ],
    "process-missing": [
        "[Errno 2] No such file or directory: '/no/such'.",
        "[Errno 2] No such file or directory: '/no/such/program'.",
    ],
    "process-suspended": [
        "The token expired before it arrived: this process was suspended.",
    ],
    "profile-incomplete": [
        "Partial credentials found in assume-role, missing: source_profile or credential_source.",
        "The provided profile or the current environment is configured to assume role with web identity but has no role ARN configured. Ensure that the profile has the role_arnconfiguration set or the AWS_ROLE_ARN env var is set.",
    ],
    "profile-loop": [
        "Infinite loop in credential configuration detected. Attempting to load from profile a which has already been visited. Visited profiles: ['a', 'b'].",
    ],
    "profile-missing": [
        "The config profile (typo) could not be found.",
        "The config profile (team) could not be found.",
    ],
    "profile-with-session": [
        "profile cannot be combined with session, which has its own profile. Pass one of the two.",
    ],
    "project-id-for-number": [
        "The audience '//iam.googleapis.com/projects/my-project/locations/global/workloadIdentityPools/POOL/providers/prod' has the project id 'my-project' in the place of the project number. Replace it with the number.",
    ],
    "proof-rewritten": [
        "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'.",
    ],
    "provider-of-another-kind": [
        'Invalid value for "subject_token_type" for this provider.',
    ],
    "provider-out-of-service": [
        'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
    ],
    "proxy-authentication": [
        'Failed to connect to proxy URL: "http://proxy.example:3128": Tunnel connection failed: 407 Proxy Authentication Required.',
    ],
    "proxy-for-link-local": [
        'Failed to connect to proxy URL: "http://proxy.example:3128".',
    ],
    "proxy-invalid": [
        "the proxy in HTTPS_PROXY is not a valid URL (InvalidProxyURL).",
    ],
    "quota-exceeded": [
        "Quota exceeded for quota metric 'Generate credentials requests'.",
        "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few seconds.",
    ],
    "redirected": [
        "Google's Security Token Service answered with a redirect (HTTP 302), which is not followed because it would send the AWS identity to another server.",
    ],
    "rejected": [
        "Google's IAM Credentials API rejected the request for an access token of",
    ],
    "region-malformed": [
        "region must be an AWS region such as 'eu-central-1', not 'frankfurt'.",
    ],
    "region-not-accepted": [
        "Invalid format of AWS credentials:the host of the url is not an AWS STS endpoint.",
    ],
    "region-not-enabled": [
        "An error occurred (RegionDisabledException) when calling the AssumeRole operation: STS is not activated in this region for account 123456789012.",
    ],
    "region-unknown": [
        "The AWS region 'frankfurt' belongs to no partition that botocore knows.",
        "The AWS region '\"eu-central-1\"' belongs to no partition that botocore knows.",
        "The AWS region 'eu-north-1 # home' belongs to no partition that botocore knows.",
    ],
    "reply-not-googles": [
        "answered with a body that is not a JSON object",
        "answered with no lifetime in seconds ('expires_in')",
    ],
    "reply-too-long": [
        "the reply is longer than 1048576 bytes",
    ],
    "role-arguments-invalid": [
        "An error occurred (ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    ],
    "role-arn-malformed": [
        "assume_role must be a role's ARN, or a mapping of AssumeRole's arguments with a RoleArn, not 'my-role'.",
    ],
    "role-not-assumable": [
        "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/target",
    ],
    "scope-invalid": [
        "Invalid scope(s): https://www.googleapis.com/auth/nothing.",
    ],
    "secret-key-wrong": [
        "An error occurred (SignatureDoesNotMatch) when calling the AssumeRole operation: The request signature we calculated does not match.",
        "Received invalid AWS response of type SignatureDoesNotMatch with error message: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details. The Canonical String for this request should have been 'POST ...",
    ],
    "session-wrong": [
        "session must be a botocore or boto3 Session, not an object of the type botocore.client.S3.",
        "session must be a botocore or boto3 Session, not the class boto3.session.Session.",
    ],
    "subject-too-long": [
        "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.",
    ],
    "tls-not-spoken": [
        "[SSL: WRONG_VERSION_NUMBER] wrong version number",
        "Your proxy appears to only use HTTP and not HTTPS, try changing your proxy URL to be HTTP.",
    ],
    "token-requires-itself": [
        "A token was requested by a part of the very exchange that fetches it.",
    ],
    "transport-wrong": [
        "The request cannot be sent:",
    ],
    "unreachable": [
        "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response')).",
    ],
    "user-unknown": [
        "Invalid email or User ID.",
    ],
    "web-identity-expired": [
        "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired.",
    ],
    "web-identity-rejected": [
        "[Errno 2] No such file or directory: '/home/ann/none'.",
        "Parameter validation failed: Invalid length for parameter WebIdentityToken, value: 0, valid min length: 4.",
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Incorrect token audience.",
    ],
    "white-space-in-a-key": [
        "The AWS secret access key from env contains white space.",
    ],
}
