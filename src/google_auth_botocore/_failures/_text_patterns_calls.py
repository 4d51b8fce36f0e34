"""What Google's APIs say about a call with the token."""

from google_auth_botocore._failures._text_words import IMPERSONATION, Known, either

_DENIED_BY_CLOUD_RUN = either(r"\b40[13]\b|Unauthorized|Forbidden", r"run\.app|cloudfunctions\.net")
# The request had no token.
_ANONYMOUS = "Anonymous caller"

KNOWN = (
    Known(
        "quota-project-missing",
        "call",
        r"in project (?:32555940559|764086051850)\b|requires a quota project|projects?[=/](?:32555940559|764086051850)\b",
    ),
    Known("quota-project-denied", "call", r"serviceusage\.services\.use|USER_PROJECT_DENIED"),
    Known("target-api-disabled", "call", r"API has not been used in project|\bSERVICE_DISABLED\b|accessNotConfigured"),
    Known(
        "id-token-required",
        "call",
        r"access token could not be verified|allow unauthenticated invocations|Your client does not have permission to get URL"
        rf"|{_DENIED_BY_CLOUD_RUN}",
    ),
    # A project, and not a bucket, is what lists and creates buckets.
    Known(
        "bucket-with-acls",
        "call",
        r"does not have storage\.(?!buckets\.(?:list|create)\b)\w{1,40}\.\w{1,40} access"
        r"|storage\.(?:objects\.|buckets\.(?!list\b|create\b))\w.{0,60}denied|cannot use (?:legacy )?ACL",
        unless=_ANONYMOUS,
    ),
    Known(
        "not-allowed",
        "call",
        r"Permission '[a-z]{1,40}\.[\w.]{3,80}' denied on resource|does not have [a-z]{1,40}\.\w{1,40}\.\w{1,40} (?:permission|access)"
        r"|(?:User|Caller) does not have permission to query",
        unless=_ANONYMOUS,
    ),
    Known("argument-rejected", IMPERSONATION, r"Request contains an invalid argument"),
    Known("federated-token-not-accepted", "call", r"Expected OAuth 2 access token"),
)
