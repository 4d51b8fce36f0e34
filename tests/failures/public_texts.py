"""Error messages of libraries, tools and servers, from public reports: the failure that each is about, and messages about nothing known."""

from __future__ import annotations

KNOWN: dict[str, list[str]] = {
    "metadata-rejected": [
        "google.auth.exceptions.RefreshError: ('Unable to retrieve AWS security credentials', b'')",
        "EC2MetadataError: failed to make EC2Metadata request\n\tstatus code: 401, request id:",
        "{ message: 'request to http://169.254.169.254/latest/meta-data/iam/security-credentials/ failed', response: { status: 403, statusText: 'Forbidden' } }",
        "google.auth.exceptions.RefreshError: ('Unable to retrieve AWS security credentials', None)",
    ],
    "clock-skew": [
        "google.auth.exceptions.OAuthError: ('Error code invalid_grant: Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature not yet current: 20260101T000000Z is still later than 20251231T235000Z', '{\"error\":\"invalid_grant\"}')",
        "An error occurred (RequestTimeTooSkewed) when calling the ListBuckets operation: The difference between the request time and the current time is too large.",
        "An error occurred (RequestExpired) when calling the DescribeRegions operation: Request has expired.",
    ],
    "keys-expired": [
        "botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the ListObjectsV2 operation: The provided token has expired.",
        "api error ExpiredToken: The security token included in the request is expired",
    ],
    "not-signed-in": [
        "botocore.exceptions.TokenRetrievalError: Error when retrieving token from sso: Token has expired and refresh failed",
        "botocore.exceptions.UnauthorizedSSOTokenError: The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.",
        "The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.",
        "Error loading SSO Token: Token for https://my-org.awsapps.com/start does not exist",
        "Error: failed to refresh cached credentials, the SSO session has expired or is invalid: open /root/.aws/sso/cache/abc.json: no such file or directory",
        "CredentialsProviderError: The SSO session associated with this profile is invalid. To refresh this SSO session run aws sso login with the corresponding profile.",
        "[aws-sso-creds-helper]: Cached SSO login is expired/invalid, try running `aws sso login` and try again",
        "software.amazon.awssdk.services.ssooidc.model.InvalidGrantException: Service returned error code InvalidGrantException (Service: SsoOidc, Status Code: 400)",
        "Error when retrieving credentials from sso: Unable to load SSO token: SSO token is expired",
        "Your session has expired or credentials have changed. Please reauthenticate using 'aws login'.",
    ],
    "sso-role-not-assigned": [
        "An error occurred (ForbiddenException) when calling the GetRoleCredentials operation: No access",
    ],
    "web-identity-not-trusted": [
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        "WebIdentityErr: failed to retrieve credentials\\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\\n\\tstatus code: 403, request id: 5c3f9ce5",
    ],
    "web-identity-rejected": [
        "Error decrypting key: WebIdentityErr: failed to retrieve credentials caused by: InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.us-east-2.amazonaws.com/id/REDACTED status code: 400, request id:",
        "operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, InvalidIdentityToken: The web identity token provided could not be validated",
        "WebIdentityErr: failed fetching WebIdentity token: caused by: WebIdentityErr: unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token caused by: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: permission denied",
    ],
    "web-identity-expired": [
        "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired: current date/time 1700000000 must be before the expiration date/time 1690000000",
    ],
    "role-not-assumable": [
        "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/target",
        'Error: Cannot assume IAM Role\n\n  with provider["registry.terraform.io/hashicorp/aws"],\n  on main.tf line 1\n\nIAM Role (arn:aws:iam::1:role/x) cannot be assumed.\n\nError: operation error STS: AssumeRole, https response error StatusCode: 403, api error AccessDenied: User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/x',
    ],
    "explicit-deny": [
        "User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/x with an explicit deny in a service control policy",
        "Received invalid AWS response of type AccessDenied with error message: User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: sts:GetCallerIdentity with an explicit deny",
    ],
    "metadata-unreachable": [
        'Error: No valid credential sources found\n\n  with provider["registry.terraform.io/hashicorp/aws"],\n\nError: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, failed to get API token, operation error ec2imds: getToken, http response error StatusCode: 0, request to EC2 IMDS failed',
        "Error retrieving credentials from the instance profile metadata service. (cURL error 28: Connection timed out after 1001 milliseconds (see https://curl.haxx.se/libcurl/c/libcurl-errors.html) for http://169.254.169.254/latest/meta-data/iam/security-credentials/)",
        "operation error ec2imds: GetMetadata, canceled, context deadline exceeded",
        "com.amazonaws.SdkClientException: Failed to connect to service endpoint: \tat com.amazonaws.internal.EC2ResourceFetcher.doReadResource(EC2ResourceFetcher.java:100)",
        "requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded with url: /latest/meta-data/placement/availability-zone (Caused by ConnectTimeoutError(<urllib3.connection.HTTPConnection object at 0x7f>, 'Connection to 169.254.169.254 timed out. (connect timeout=120)'))",
    ],
    "no-aws-keys": [
        "software.amazon.awssdk.core.exception.SdkClientException: Unable to load credentials from any of the providers in the chain AwsCredentialsProviderChain(credentialsProviders=[SystemPropertyCredentialsProvider(), EnvironmentVariableCredentialsProvider()])",
        "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: [EnvironmentVariableCredentialsProvider: Unable to load AWS credentials from environment variables (AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY) and AWS_SECRET_KEY (or AWS_SECRET_ACCESS_KEY))",
        "NoCredentialProviders: no valid providers in chain. Deprecated.\n\tFor verbose messaging see aws.Config.CredentialsChainVerboseErrors",
        'Unable to locate credentials. You can configure credentials by running "aws configure".',
        "Missing credentials in config, if using AWS_CONFIG_FILE, set AWS_SDK_LOAD_CONFIG=1",
    ],
    "no-region": [
        "Py4JJavaError: An error occurred while calling o448.load.\n: com.google.cloud.spark.bigquery.repackaged.com.google.cloud.bigquery.BigQueryException: Failed to retrieve AWS region.",
        "MissingRegion: could not find region configuration",
        "failed to resolve service endpoint, endpoint rule error, Invalid Configuration: Missing Region",
        'You must specify a region. You can also configure your region by running "aws configure".',
        "Unable to load region from any of the providers in the chain software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain",
        "oauth2/google/externalaccount: unable to determine AWS region",
    ],
    "profile-missing": [
        "The config profile (prod) could not be found",
        "Error: failed to get shared config profile, prod",
        "CredentialsProviderError: Profile prod could not be found or parsed in shared credentials file.",
    ],
    "profile-loop": [
        "botocore.exceptions.InfiniteLoopConfigError: Infinite loop in credential configuration detected. Attempting to load from profile a which has already been visited. Visited profiles: ['a', 'b']",
    ],
    "half-a-set-of-keys": [
        "botocore.exceptions.PartialCredentialsError: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
    ],
    "aws-file-broken": [
        "botocore.exceptions.ConfigParseError: Unable to parse config file: /home/me/.aws/config",
    ],
    "mfa-code-wrong": [
        "An error occurred (AccessDenied) when calling the AssumeRole operation: MultiFactorAuthentication failed with invalid MFA one time pass code.",
    ],
    "process-fails": [
        "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from custom-process: ERROR: token expired",
        "ProcessProviderExecutionError: error in credential_process\ncaused by: exit status 1",
    ],
    "container-rejects": [
        "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response (500) from ECS metadata",
        "CredentialsEndpointError: failed to load credentials\ncaused by: : unable to read body, EKS pod identity agent (AccessDeniedException): Unauthorized Exception! EKS does not have permissions to assume the associated role.",
        'Error when retrieving credentials from container-role: Error retrieving metadata: Received error when attempting to retrieve ECS metadata: Connect timeout on endpoint URL: "http://169.254.170.23/v1/credentials"',
    ],
    "role-arguments-invalid": [
        "An error occurred (ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        "An error occurred (ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    ],
    "keys-unknown": [
        "software.amazon.awssdk.services.sts.model.StsException: The security token included in the request is invalid. (Service: Sts, Status Code: 403, Request ID: 723d1b06)",
        "java.nio.file.AccessDeniedException: /: request session credentials: The security token included in the request is invalid. (Service: Sts, Status Code: 403):InvalidClientTokenId",
        "An error occurred (UnrecognizedClientException) when calling the ListTables operation: The security token included in the request is invalid.",
        "An error occurred (InvalidAccessKeyId) when calling the ListObjects operation: The AWS Access Key Id you provided does not exist in our records.",
        "An error occurred (AuthFailure) when calling the DescribeInstances operation: AWS was not able to validate the provided access credentials",
        "('Error code invalid_grant: Received invalid AWS response of type InvalidClientTokenId with error message: The security token included in the request is invalid', '...')",
    ],
    "secret-key-wrong": [
        "An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ],
    "provider-out-of-service": [
        'google-github-actions/auth failed with: retry function failed with 0 attempts: failed to generate Google Cloud federated token for projects/my-project-id/locations/global/workloadIdentityPools/my-pool/providers/gh-provider: {"error":"invalid_target","error_description":"The target service indicated by the \\"audience\\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist."}',
    ],
    "audience-malformed": [
        'ERROR: gcloud crashed (OAuthError): (\'Error code invalid_request: Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.\', \'{"error":"invalid_request"}\')',
    ],
    "condition-not-met": [
        'Error: google-github-actions/auth failed with: failed to generate Google Cloud federated token for //iam.googleapis.com/***: {"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}',
    ],
    "organization-policy": [
        "ERROR: (gcloud.iam.workload-identity-pools.providers.create-oidc) FAILED_PRECONDITION: Precondition check failed.\n- '@type': type.googleapis.com/google.rpc.PreconditionFailure\n  violations:\n  - description: \"Org Policy violated for value: 'https://token.actions.githubusercontent.com'.\"\n    subject: orgpolicy:projects/p\n    type: constraints/iam.workloadIdentityPoolProviders",
    ],
    "perimeter": [
        '{"error":{"code":403,"message":"Request is prohibited by organization\'s policy. vpcServiceControlsUniqueIdentifier: abc","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"VPC_SERVICE_CONTROLS"}]}]}}',
    ],
    "provider-of-another-kind": [
        '{"error":"invalid_request","error_description":"Invalid value for \\"subject_token_type\\". The value urn:ietf:params:oauth:token-type:jwt ..."}',
    ],
    "jwt-audience-rejected": [
        '{"error":"invalid_grant","error_description":"The audience in ID Token [sts.amazonaws.com] does not match the expected audience."}',
    ],
    "jwt-issuer-wrong": [
        '{"error":"invalid_grant","error_description":"The issuer in ID Token https://a does not match the expected ones: [https://b]"}',
    ],
    "jwt-expired": [
        '{"error":"invalid_grant","error_description":"ID Token issued at 1700000000 is stale to sign-in."}',
    ],
    "mapping-wrong": [
        '{"error":"invalid_request","error_description":"Could not obtain a value for google.subject from the given credential. Check the mappings"}',
    ],
    "proof-rewritten": [
        '{"error":"invalid_request","error_description":"Invalid format of AWS credentials: missing header x-goog-cloud-target-resource"}',
    ],
    "not-bound": [
        'google.auth.exceptions.RefreshError: (\'Unable to acquire impersonated credentials: No access token or invalid expiration in response.\', \'{\\n  "error": {\\n    "code": 403,\\n    "message": "Permission \\\'iam.serviceAccounts.getAccessToken\\\' denied on resource (or it may not exist)."\')',
        'googleapi: Error 403: Permission \'iam.serviceAccounts.getAccessToken\' denied on resource (or it may not exist).\nDetails:\n[\n  {\n    "@type": "type.googleapis.com/google.rpc.ErrorInfo",\n    "domain": "iam.googleapis.com",\n    "metadata": {\n      "permission": "iam.serviceAccounts.getAccessToken"\n    },\n    "reason": "IAM_PERMISSION_DENIED"\n  }\n]',
        'ERROR: (gcloud.alpha.storage.cp) There was a problem refreshing your current auth tokens: (\'Unable to acquire impersonated credentials\', \'{\\n  "error": {\\n    "code": 403,\\n    "message": "Permission \\\'iam.serviceAccounts.getAccessToken\\\' denied on resource (or it may not exist)."}}\')',
        'Error: Request `Read Project` returned error: impersonate: status code 403: {\n  "error": { "code": 403, "message": "The caller does not have permission", "status": "PERMISSION_DENIED" } }, iamcredentials.googleapis.com',
        'impersonate: status code 403: {"error":{"code":403,"message":"Permission \'iam.serviceAccounts.getOpenIdToken\' denied on resource (or it may not exist)."}}',
    ],
    "not-allowed": [
        "403 Permission 'storage.buckets.list' denied on resource '//cloudresourcemanager.googleapis.com/projects/x' (or it may not exist).",
        "google.api_core.exceptions.Forbidden: 403 POST https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs?prettyPrint=false: Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
    ],
    "account-missing": [
        '{"error":{"code":404,"message":"Not found; Gaia id not found for email app@p.iam.gserviceaccount.com","status":"NOT_FOUND"}}',
    ],
    "api-disabled": [
        "IAM Service Account Credentials API has not been used in project 123456 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=123456 then retry.",
        '{"error":{"code":403,"message":"IAM Service Account Credentials API has not been used in project 42 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=42 then retry.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"service":"iamcredentials.googleapis.com"}}]}}',
    ],
    "target-api-disabled": [
        "google.api_core.exceptions.PermissionDenied: 403 BigQuery API has not been used in project 123456 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/bigquery.googleapis.com/overview?project=123456 then retry.",
        "googleapi: Error 403: Compute Engine API has not been used in project 42 before or it is disabled., accessNotConfigured",
    ],
    "quota-project-denied": [
        "Caller does not have required permission to use project my-project. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission",
    ],
    "quota-project-missing": [
        "google.api_core.exceptions.Forbidden: 403 Your application is authenticating by using local Application Default Credentials. The cloudidentity.googleapis.com API requires a quota project, which is not set by default.",
    ],
    "lifetime-too-long": [
        '{"error":{"code":400,"message":"The access token lifetime cannot exceed 3600 seconds. Please specify a valid lifetime"}}',
    ],
    "argument-rejected": [
        'google.auth.exceptions.RefreshError: (\'Unable to acquire impersonated credentials\', \'{\\n  "error": {\\n    "code": 400,\\n    "message": "Request contains an invalid argument.",\\n    "status": "INVALID_ARGUMENT"\\n  }\\n}\\n\')',
    ],
    "delegation-not-allowed": [
        "google.auth.exceptions.RefreshError: ('unauthorized_client: Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.', {'error': 'unauthorized_client'})",
    ],
    "scopes-too-narrow": [
        '{"error": {"code": 403, "message": "Request had insufficient authentication scopes.", "status": "PERMISSION_DENIED", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}',
    ],
    "proxy-unreachable": [
        "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden')))",
        'Post "https://sts.googleapis.com/v1/token": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused',
        "requests.exceptions.ProxyError: HTTPSConnectionPool(host='oauth2.googleapis.com', port=443): Max retries exceeded with url: /token (Caused by ProxyError('Unable to connect to proxy', NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused')))",
    ],
    "proxy-authentication": [
        "OSError: Tunnel connection failed: 407 Proxy Authentication Required",
        "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 authenticationrequired')))",
    ],
    "certificate-not-trusted": [
        "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1007)')))",
        "{ [Error: unable to get local issuer certificate] code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }",
        "Error: UNABLE_TO_VERIFY_LEAF_SIGNATURE: unable to verify the first certificate, reason: request to https://sts.googleapis.com/v1/token failed",
        "sun.security.validator.ValidatorException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        'Get "https://sts.googleapis.com/": tls: failed to verify certificate: x509: certificate is valid for proxy.corp, not sts.googleapis.com',
    ],
    "name-not-resolved": [
        "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by NameResolutionError(\"<urllib3.connection.HTTPSConnection object>: Failed to resolve 'sts.googleapis.com' ([Errno -3] Temporary failure in name resolution)\"))",
        "Error: getaddrinfo ENOTFOUND sts.googleapis.com",
        "java.net.UnknownHostException: sts.googleapis.com: Name or service not known",
        "dial tcp: lookup iamcredentials.googleapis.com on 10.100.0.10:53: no such host",
    ],
    "unreachable": [
        "urllib3.exceptions.MaxRetryError: HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 101] Network is unreachable'))",
        "ERROR: gcloud crashed (ConnectTimeout): HTTPSConnectionPool(host='oauth2.googleapis.com', port=443): Max retries exceeded with url: /token (Caused by ConnectTimeoutError(<urllib3.connection.HTTPSConnection object at 0x000001C8F001FD90>, 'Connection to oauth2.googleapis.com timed out. (connect timeout=None)'))",
        "google.auth.exceptions.TransportError: ('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
    ],
    "no-identity-named": [
        "Your default credentials were not found. To set up Application Default Credentials, see https://cloud.google.com/docs/authentication/external/set-up-adc for more information.",
    ],
    "credentials-cannot-sign": [
        "AttributeError: you need a private key to sign credentials.the credentials you are currently using <class 'google.auth.compute_engine.credentials.Credentials'> just contains a token. see https://googleapis.dev/python/google-api-core/latest/auth.html#setting-up-a-service-account for more details.",
        "storage: unable to detect default GoogleAccessID: storage: please pass bucket.SignedURL",
    ],
    "file-kind-not-supported": [
        "google.auth.exceptions.DefaultCredentialsError: The file /tmp/c.json does not have a valid type. Type is external_account, expected one of ('authorized_user', 'service_account').",
        "Error: The incoming JSON object does not contain a client_email field",
        "java.io.IOException: Error reading credentials from stream, 'type' value 'external_account' not recognized. Expecting 'authorized_user' or 'service_account'.",
        'google: error getting credentials using GOOGLE_APPLICATION_CREDENTIALS environment variable: unknown credential type: "external_account"',
    ],
    "asynchronous-loader": [
        "google.auth.exceptions.DefaultCredentialsError: The file <<REDACTED>> does not have a valid type. Type is external_account, expected one of ('authorized_user', 'service_account', 'external_account', 'external_account_authorized_user', 'impersonated_service_account', 'gdch_service_account').",
    ],
    "no-project": [
        "google.api_core... OSError: Project was not passed and could not be determined from the environment.",
        "EnvironmentError: Project was not passed and could not be determined from the environment.",
        "google: could not find default project; please set GOOGLE_CLOUD_PROJECT. project id is required: unable to detect projectID, please refer to docs for DetectProjectID",
    ],
    "id-token-required": [
        "401 Unauthorized: The access token could not be verified https://svc-abc-ew.a.run.app",
    ],
    "bucket-with-acls": [
        "google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/b?projection=noAcl: app@p.iam.gserviceaccount.com does not have storage.buckets.get access to the Google Cloud Storage bucket. Permission 'storage.buckets.get' denied on resource (or it may not exist).",
    ],
    "regional-access-boundary": [
        "google.auth.exceptions.RefreshError: Failed to lookup trust boundary",
    ],
    "quota-exceeded": [
        '{"error":"quota_exceeded","error_description":"[Security Token Service] The request was throttled due to rate limit: sts.googleapis.com/token_exchange_requests."}',
    ],
    "google-unavailable": [
        'google.auth.exceptions.RefreshError: (\'Unable to acquire impersonated credentials\', \'{\\n "error": {\\n "code": 503,\\n "message": "The service is currently unavailable.",\\n "status": "UNAVAILABLE"}}\')',
    ],
    "federated-token-not-accepted": [
        "google.api_core.exceptions.Unauthenticated: 401 Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    ],
    "resources-exhausted": [
        "OSError: [Errno 24] Too many open files",
    ],
    "tls-not-spoken": [
        "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by ProxyError('Unable to connect to proxy. Your proxy appears to only use HTTP and not HTTPS, try changing your proxy URL to be HTTP. See: https://urllib3.readthedocs.io/en/latest/advanced-usage.html#https-proxy-error-http-proxy', SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)'))))",
    ],
    "proxy-invalid": [
        "requests.exceptions.InvalidSchema: Missing dependencies for SOCKS support.",
    ],
    "certificate-file-invalid": [
        "OSError: Could not find a suitable TLS CA certificate bundle, invalid path: /etc/ssl/none.pem",
    ],
    "gevent-patched-late": [
        "RecursionError: maximum recursion depth exceeded while calling a Python object /ssl.py super(SSLContext, SSLContext).minimum_version.__set__(self, value)",
    ],
    "aws-certificate-not-trusted": [
        "botocore.exceptions.SSLError: SSL validation failed for https://sts.eu-central-1.amazonaws.com/ [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)",
    ],
    "aws-endpoint-unreachable": [
        'botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "https://sts.eu-central-1.amazonaws.com/"',
        'botocore.exceptions.ConnectTimeoutError: Connect timeout on endpoint URL: "https://oidc.us-east-1.amazonaws.com/token"',
    ],
    "aws-proxy-unreachable": [
        'botocore.exceptions.ProxyConnectionError: Failed to connect to proxy URL: "http://proxy:3128"',
    ],
    "instance-role-broken": [
        '{"Code" : "AssumeRoleUnauthorizedAccess", "Message" : "EC2 cannot assume the role app.  Please see documentation"}',
    ],
}

UNKNOWN: list[str] = [
    "OAuth2 error: invalid_grant: Bad Request",
    "google.auth.exceptions.RefreshError: ('invalid_grant: Token has been expired or revoked.', {'error': 'invalid_grant'})",
    "ERROR: (gcloud.auth.login) invalid_grant: Bad Request",
    "invalid_grant: Invalid JWT Signature.",
    'oauth2: cannot fetch token: 400 Bad Request Response: {"error":"invalid_grant","error_description":"Account has been deleted"}',
    "HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with url: / (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))",
    'psycopg2.OperationalError: connection to server at "10.0.0.5", port 5432 failed: Connection refused',
    "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
    "java.net.UnknownHostException: db.internal: Name or service not known",
    "kubectl: error: You must be logged in to the server (Unauthorized)",
    "npm ERR! 503 Service Unavailable - GET https://registry.npmjs.org/x",
    'docker: Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
    "requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://internal.example.com/api",
    "ConnectionResetError: [Errno 104] Connection reset by peer while talking to kafka broker",
    "PermissionError: [Errno 13] Permission denied: '/var/log/app.log'",
    "TypeError: cannot pickle 'generator' object",
    "jwt.exceptions.ExpiredSignatureError: Signature has expired",
    "django.core.exceptions.ImproperlyConfigured: project id is required",
    "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129) smtp",
    "AccessDenied: User: arn:aws:iam::1:user/a is not authorized to perform: s3:GetObject",
    "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
    "Error getting access token from metadata server at: http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
    "AADSTS70021: No matching federated identity record found for presented assertion. https://login.microsoftonline.com invalid_client",
    "ServiceException: 401 Anonymous caller does not have storage.objects.list access",
    "_pickle.PicklingError: Pickling client objects is explicitly not supported. Clients have non-trivial state that is local and unpickleable.",
    "requests.exceptions.SSLError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded with url: /simple/ (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate')))",
    "requests.exceptions.ProxyError: HTTPSConnectionPool(host='api.stripe.com', port=443): Max retries exceeded with url: /v1 (Caused by ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden')))",
    "Error: 503 Service Unavailable upstream nginx/1.25",
    'Get "http://169.254.169.254/computeMetadata/v1/project/project-id": dial tcp 169.254.169.254:80: connect: connection refused',
    "dial tcp 169.254.169.254:80: connect: connection refused Get http://169.254.169.254/computeMetadata/v1/project/project-id",
    'ERROR: column "region" is missing in table; 404 Not Found',
    "Traceback (most recent call last): RecursionError: maximum recursion depth exceeded in comparison fib.py",
    "[ERROR] Deployment exceeded its progress deadline: context deadline exceeded",
    "INFO aws sso login succeeded",
    "The token has expired. Please log in to the web application again.",
    "FATAL: too many connections for role",
    "Kafka: java.net.ConnectException: Connection refused; broker may not be available",
    "ERROR 401 Unauthorized: invalid api key for openai",
    "x509: certificate has expired or is not yet valid: current time 2024 is after 2023 host='internal.corp.example'",
]
