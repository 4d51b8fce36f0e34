"""Texts of the failures in `cli.doctor.reported_failures`, as libraries and tools print them, and the failure of each."""

from __future__ import annotations

TEXTS: dict[str, list[tuple[str, str]]] = {
    "A1": [
        (
            "no-aws-keys",
            "google.auth.exceptions.RefreshError: Unable to determine the AWS metadata server security credentials endpoint",
        ),
        ("no-aws-keys", "botocore.exceptions.NoCredentialsError: Unable to locate credentials"),
        ("no-aws-keys", "CredentialsProviderError: Could not load credentials from any providers"),
        ("no-aws-keys", 'Error: Unable to determine AWS role name due to missing "options.credential_source.url"'),
        (
            "no-aws-keys",
            "java.io.IOException: Unable to determine the AWS IAM role name. The credential source does not contain the url field.",
        ),
    ],
    "A2": [
        (
            "instance-has-no-role",
            "('Unable to retrieve AWS role name', '<?xml version=\"1.0\"?><title>404 - Not Found</title>')",
        ),
        (
            "instance-has-no-role",
            "no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404, request to EC2 IMDS failed",
        ),
    ],
    "A3": [
        ("metadata-rejected", "RefreshError: ('Unable to retrieve AWS Session Token', b'')"),
        ("metadata-rejected", "Unable to retrieve AWS role name: 401 Unauthorized"),
        ("metadata-rejected", "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/ returned 401"),
        ("metadata-rejected", "java.io.IOException: Failed to retrieve AWS Session Token."),
        ("metadata-rejected", "oauth2/google/externalaccount: unable to retrieve AWS security credentials - <html>"),
    ],
    "A4": [
        ("no-region", "google.auth.exceptions.RefreshError: Unable to determine AWS region"),
        ("no-region", "botocore.exceptions.NoRegionError: You must specify a region."),
        (
            "no-region",
            'RegionUnavailable: Unable to determine the AWS region due to missing "options.credential_source.region_url"',
        ),
    ],
    "A5": [
        (
            "metadata-unreachable",
            "HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded with url: /latest/meta-data/",
        ),
        ("metadata-unreachable", 'Put "http://169.254.169.254/latest/api/token": context deadline exceeded'),
        ("metadata-unreachable", "dial tcp 169.254.169.254:80: connect: invalid argument"),
        (
            "metadata-unreachable",
            'credentials: error getting AWS region: Get "http://169.254.169.254/latest/meta-data/placement/availability-zone": dial tcp 169.254.169.254:80: i/o timeout',
        ),
    ],
    "A6": [
        (
            "proxy-for-link-local",
            "HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded (Caused by ProxyError('Unable to connect to proxy'))",
        ),
        ("proxy-for-link-local", "ProxyError: 169.254.170.2: tunnel connection failed"),
    ],
    "A7": [
        ("empty-region", "Failed to resolve 'sts..amazonaws.com' ([Errno -2] Name or service not known)"),
        ("empty-region", "dial tcp: lookup sts..amazonaws.com: no such host"),
    ],
    "A8": [("zone-for-region", "Could not connect to the endpoint URL: https://sts.us-west-2-lax-1.amazonaws.com/")],
    "A9": [
        (
            "role-of-the-instance",
            "403 principal arn:aws:sts::123456789012:assumed-role/eksctl-prod-NodeInstanceRole-1ABC/i-0abc lacks access",
        )
    ],
    "A10": [
        (
            "keys-expired",
            '{"error":"invalid_grant","error_description":"Received invalid AWS response of type ExpiredToken with error message: The security token included in the request is expired"}',
        )
    ],
    "A11": [
        (
            "keys-unknown",
            "Received invalid AWS response of type InvalidClientTokenId with error message: The security token included in the request is invalid.",
        )
    ],
    "A12": [
        (
            "keys-unknown",
            "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid",
        ),
        (
            "region-not-enabled",
            "An error occurred (RegionDisabledException) when calling the AssumeRole operation: STS is not activated in this region for account:123456789012",
        ),
    ],
    "A13": [
        (
            "metadata-token-cached",
            "GaxiosError: Request failed with status code 401\n    at Gaxios._request (/app/node_modules/gaxios/build/src/gaxios.js:142:23)\n  url: 'http://169.254.169.254/latest/meta-data/iam/security-credentials'",
        ),
        (
            "metadata-token-cached",
            "{ config: { url: 'http://169.254.169.254/latest/meta-data/iam/security-credentials/app' }, status: 401, statusText: 'Unauthorized' } at AwsClient (google-auth-library/build/src/auth/awsclient.js:12)",
        ),
    ],
    "B1": [
        (
            "no-scope",
            "google.auth.exceptions.OAuthError: ('Error code invalid_request: Scope(s) must be provided', '{...}')",
        )
    ],
    "B2": [
        (
            "audience-malformed",
            '{"error":"invalid_request","error_description":"Invalid value for \\"audience\\". This value should be the full resource name of the Identity Provider."}',
        )
    ],
    "B3": [
        (
            "provider-out-of-service",
            'oauth2: "invalid_target" "The target service indicated by the \\"audience\\" parameters is invalid."',
        )
    ],
    "B4": [
        (
            "condition-not-met",
            "Error code unauthorized_client: The given credential is rejected by the attribute condition.",
        )
    ],
    "B5": [("subject-too-long", "The size of mapped attribute google.subject exceeds the 127 bytes limit.")],
    "B6": [
        (
            "secret-key-wrong",
            "Received invalid AWS response of type SignatureDoesNotMatch with error message: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
        ),
        (
            "clock-skew",
            "SignatureDoesNotMatch: Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
        ),
    ],
    "B7": [("keys-expired", "invalid_grant: Received invalid AWS response of type ExpiredTokenException")],
    "B8": [
        (
            "proof-rewritten",
            "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'",
        )
    ],
    "B9": [
        (
            "quota-exceeded",
            "[Security Token Service] The request was throttled due to rate limit: sts.googleapis.com/requests.",
        )
    ],
    "B10": [
        ("google-unavailable", "OAuthError('upstream connect error or disconnect/reset before headers')"),
        ("unreachable", "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"),
        ("unreachable", 'Post "https://sts.googleapis.com/v1/token": dial tcp 1.2.3.4:443: i/o timeout: timed out'),
    ],
    "B11": [("issuer-unreachable", "invalid_grant: Error connecting to the given credential's issuer.")],
    "B12": [
        (
            "organization-policy",
            "ERROR: (gcloud.iam.workload-identity-pools.providers.create-aws) FAILED_PRECONDITION: Precondition check failed. constraints/iam.workloadIdentityPoolAwsAccounts",
        ),
        ("organization-policy", "ERROR: Org Policy violated for value: [https://sts.eu-central-1.amazonaws.com]"),
    ],
    "B13": [
        (
            "perimeter",
            "Error 403: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc",
        )
    ],
    "B14": [("reply-not-googles", "TypeError: unsupported type for timedelta seconds component: NoneType")],
    "C1": [
        (
            "not-bound",
            "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
        ),
        (
            "not-bound",
            'rpc error: "reason": "IAM_PERMISSION_DENIED", "metadata": {"permission": "iam.serviceAccounts.getOpenIdToken"}',
        ),
        ("not-bound", "POST https://iamcredentials.googleapis.com/v1/x: 403 The caller does not have permission"),
    ],
    "C2": [("argument-rejected", '{"error": {"code": 400, "message": "Request contains an invalid argument."}}')],
    "C3": [("lifetime-too-long", "The access token lifetime cannot exceed 3600 seconds.")],
    "C4": [
        (
            "api-disabled",
            "IAM Service Account Credentials API has not been used in project 42 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=42",
        )
    ],
    "C5": [
        ("reply-hidden-by-google-auth", "RefreshError: No access token or invalid expiration in response."),
        (
            "not-bound",
            '(\'No access token or invalid expiration in response.\', \'{\\n  "error": {\\n    "code": 403,\\n    "message": "Permission \\\'iam.serviceAccounts.getAccessToken\\\' denied on resource"}}\')',
        ),
    ],
    "C6": [
        (
            "lifetime-too-long",
            "constraints/iam.allowServiceAccountCredentialLifetimeExtension does not list the account",
        )
    ],
    "C7": [
        ("id-token-requires-impersonation", "GoogleAuthError: Provided Credential must be impersonated_credentials")
    ],
    "C8": [
        (
            "id-token-not-supported",
            "Error: Cannot fetch ID token in this environment, use GCE or set the GOOGLE_APPLICATION_CREDENTIALS environment variable",
        )
    ],
    "C9": [
        (
            "authorization-stripped",
            "idtoken: 401 Request is missing required authentication credential. reason: CREDENTIALS_MISSING",
        )
    ],
    "C10": [
        ("subject-lost", '<HttpError 400 when requesting gmail.googleapis.com returned "Precondition check failed.">'),
        ("subject-lost", "Delegation denied for app@my-project.iam.gserviceaccount.com"),
    ],
    "C11": [
        (
            "service-account-file-required",
            "ValueError: ADC is not a service account. Domain-wide delegation requires a service account.",
        )
    ],
    "C12": [("not-bound", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).")],
    "D1": [
        (
            "federated-token-not-accepted",
            "401 Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        )
    ],
    "D2": [
        (
            "bucket-with-acls",
            "403 GET https://storage.googleapis.com/storage/v1/b/x: principal://iam.googleapis.com/x does not have storage.objects.get access to the Google Cloud Storage object.",
        )
    ],
    "D3": [
        (
            "credentials-cannot-sign",
            "AttributeError: you need a private key to sign credentials.the credentials you are currently using <class 'google.auth.aws.Credentials'> just contains a token.",
        ),
        ("credentials-cannot-sign", "SigningError: Cannot sign data without `client_email`."),
        (
            "credentials-cannot-sign",
            "java.lang.IllegalStateException: Signing key was not provided and could not be derived",
        ),
        ("credentials-cannot-sign", "Credentials fetcher does not implement Google\\Auth\\SignBlobInterface"),
    ],
    "D4": [
        (
            "signed-as-another-account",
            "<Code>SignatureDoesNotMatch</Code><Message>Access denied.</Message><StringToSign>GOOG4-RSA-SHA256\n20260101T000000Z</StringToSign>",
        ),
        (
            "signed-as-another-account",
            "The request signature we calculated does not match the signature you provided. Check your Google secret key and signing method.",
        ),
    ],
    "D5": [
        ("id-token-required", "The access token could not be verified"),
        ("id-token-required", "401 Client Error: Unauthorized for url: https://api-abc123-ew.a.run.app/"),
        (
            "id-token-required",
            "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header.",
        ),
    ],
    "D6": [
        ("quota-project-missing", "Cloud Resource Manager API has not been used in project 32555940559 before"),
        ("quota-project-missing", "'consumer': 'projects/32555940559', 'reason': 'SERVICE_DISABLED'"),
    ],
    "D7": [
        (
            "no-project",
            "OSError: Project was not passed and could not be determined from the environment.",
        ),
        ("no-project", "Error: Unable to detect a Project Id in the current environment."),
        (
            "no-project",
            "java.lang.IllegalArgumentException: A project ID is required for this service but could not be determined from the builder or the environment.",
        ),
    ],
    "D8": [
        (
            "asynchronous-loader",
            "The file /config.json does not have a valid type. Type is external_account, expected one of ('authorized_user', 'service_account', 'external_account').",
        )
    ],
    "D9": [
        ("file-kind-not-supported", "'type' value 'external_account' not recognized"),
        ("file-kind-not-supported", "Error: Unsupported Subject Token Source"),
        ("file-kind-not-supported", "Error parsing service account: missing field `private_key` at line 1"),
        (
            "file-kind-not-supported",
            'google: read JWT from JSON credentials: \'type\' field is "external_account" (expected "service_account")',
        ),
        ("file-kind-not-supported", "The incoming JSON object does not contain a client_email field"),
        (
            "file-kind-not-supported",
            "ValueError: Service account info was not in the expected format, missing fields token_uri, client_email.",
        ),
    ],
    "D10": [
        (
            "regional-access-boundary",
            "WARNING google.oauth2._client: Regional Access Boundary HTTP request failed after retries: 403",
        )
    ],
    "D11": [
        ("credentials-not-picklable", "TypeError: cannot pickle '_thread.lock' object"),
        ("credentials-not-picklable", "TypeError: can't pickle _thread.lock objects"),
        ("credentials-not-picklable", "TypeError: cannot pickle '_thread.RLock' object"),
    ],
}
