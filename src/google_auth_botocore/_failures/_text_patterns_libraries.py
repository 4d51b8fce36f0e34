"""What libraries and tools say about credentials that they do not support."""

from google_auth_botocore._failures._libraries import LIBRARY
from google_auth_botocore._failures._text_words import Known, either

SIGNED_URL = (
    Known(
        "signed-as-another-account",
        LIBRARY,
        either(
            r"SignatureDoesNotMatch|signature we calculated does not match",
            r"GOOG4|Google secret key|x-goog-signature|x-goog-credential|storage\.googleapis\.com",
        ),
    ),
)

KNOWN = (
    Known(
        "subject-lost",
        LIBRARY,
        rf"Delegation denied for|Not Authorized to access this resource/api|{either('Precondition check failed', 'gmail')}",
    ),
    Known("id-token-requires-impersonation", LIBRARY, r"Credential must be .{0,3}impersonated_credentials"),
    Known(
        "id-token-not-supported", LIBRARY, r"Cannot fetch ID token in this environment|idtoken: .{0,60}external_account"
    ),
    Known(
        "service-account-file-required",
        LIBRARY,
        r"ADC is not a service account|Domain-wide delegation requires a service account",
    ),
    Known(
        "credentials-cannot-sign",
        LIBRARY,
        r"need a private key to sign|Cannot sign data without|Signing key was not provided|unable to detect default GoogleAccessID|SignBlobInterface"
        r"|cannot be used to sign|credentials? cannot sign"
        r"|has no attribute .{0,2}(?:signer|sign_bytes|service_account_email)",
    ),
    # The loader says that it expects the type that it does not accept. An old version of google-auth does not expect it.
    Known("asynchronous-loader", LIBRARY, r"Type is external_account, expected one of [^)]{0,80}'external_account'"),
    Known(
        "file-kind-not-supported",
        LIBRARY,
        r"Unsupported Subject Token Source|external_account.{0,60}expected|does not contain a client_email field|(?:unknown|unsupported|unrecognized|unexpected|invalid|not recognized).{0,60}external_account"
        r"|external_account.{0,60}(?:not recognized|not supported|unsupported|unknown|unrecognized|invalid|unexpected)"
        r"|info was not in the expected format|missing field .?(?:client_email|private_key|client_id|refresh_token)",
    ),
    Known("regional-access-boundary", LIBRARY, r"Regional Access Boundary|allowedLocations|Trust Boundary"),
    Known("credentials-not-picklable", LIBRARY, r"can.?.?.?(?:not)? pickle .{0,3}_thread\.R?lock"),
    Known(
        "no-project",
        "project",
        r"Project was not passed and could not be determined|Unable to (?:determine|detect) (?:a |the )?(?:default )?project"
        r"|could not (?:determine|find|detect) (?:a |the )?(?:default )?project|project ID is required for this service"
        r"|unable to detect projectID",
    ),
    Known(
        "no-identity-named",
        "configuration",
        r"No identity is configured|default credentials were not found|Could not automatically determine credentials|could not (?:find|load) (?:the )?default credentials"
        r"|Application Default Credentials are not available|There are no Application Default Credentials|No file is specified. Pass FILE",
    ),
    Known(
        "reply-hidden-by-google-auth",
        LIBRARY,
        r"No access token or invalid expiration in response|Unable to acquire impersonated credentials",
    ),
    Known(
        "role-of-the-instance",
        "AWS caller",
        r"assumed-role/[\w+=,.@-]{0,64}?(?:NodeInstanceRole|NodeRole|node-role|node-group|ecsInstanceRole)",
    ),
)
