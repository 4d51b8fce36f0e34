"""The words by which `doctor --explain` recognises each failure in a text.

An error object has codes, so the table of failures recognises it more exactly. A text may be cut, wrapped, quoted or written in
another program's words, so here each failure has a pattern.
"""

from google_auth_botocore._failures import (
    _text_patterns_aws,
    _text_patterns_calls,
    _text_patterns_google,
    _text_patterns_libraries,
    _text_patterns_network,
)
from google_auth_botocore._failures._text_words import IMPERSONATION, PERMISSION, Known

__all__ = ["IMPERSONATION", "KNOWN", "PERMISSION", "Known"]

# What this package itself says without the link to its page.
_OWN = (
    Known("pool-for-provider", "configuration", r"audience .{0,300}? is a pool, not a provider"),
    # The second is the text of earlier releases.
    Known(
        "project-id-for-number", "configuration", r"in the place of the project number|where the project number belongs"
    ),
    Known(
        "audience-malformed",
        "configuration",
        r"names no workload identity pool provider|\baudience must be a non-empty string",
    ),
    Known(
        "not-a-service-account", "configuration", r"(?:service_account_email|delegate) .{0,200}is not a service account"
    ),
    Known(
        "no-service-account",
        "configuration",
        r"(?:lifetime|subject|ID tokens) requires? a service account|federated identity has no key",
    ),
    Known(
        "foreign-endpoint",
        "configuration",
        r"The configuration's .{0,300}(?:is not a Google endpoint|must begin with https://|is not GetCallerIdentity)",
    ),
    Known(
        "endpoint-invalid",
        "configuration",
        r"must be (?:an https URL, or http on loopback|a scheme and a host without a path|a host name such as)",
    ),
    Known(
        "configuration-file-missing",
        "configuration",
        r"There is no configuration file '|GOOGLE_APPLICATION_CREDENTIALS names '.{0,300}which does not exist",
    ),
    Known(
        "configuration-file-unreadable",
        "configuration",
        r"The configuration (?:file|on standard input)\b.{0,300}(?:cannot be read|must hold a JSON object|must be a path)"
        r"|\bfilename must be a path|The configuration must be a JSON object|The configuration is nested deeper"
        r"|holds .{0,40}, not a path. Its value is not shown",
    ),
    Known(
        "output-not-writable",
        "configuration",
        r"already exists. Use --force|Cannot write '|--output must be the path of a file",
    ),
    Known("port-unavailable", "configuration", r"Cannot serve: "),
    Known("list-expected", "configuration", r"must be a sequence of strings|Each item of \w{1,40} must be one name"),
    Known(
        "lifetime-invalid",
        "configuration",
        r"must be a whole number of seconds|token that acts for a subject is valid for at most",
    ),
    Known("session-wrong", "configuration", r"session must be a botocore or boto3 Session"),
    Known("asynchronous-session", "configuration", r"session is an aiobotocore session"),
    Known("profile-with-session", "configuration", r"profile cannot be combined with session"),
    Known("role-arn-malformed", "configuration", r"assume_role must be a role's ARN"),
    Known("region-malformed", "configuration", r"region must be an AWS region such as"),
    Known("jwt-required", "configuration", r"tags and subject_mode require AWS's JWT"),
    Known("pickle-unreadable", "configuration", r"This pickle of \w{1,80} cannot be read"),
    Known("google-auth-not-supported", "configuration", r"install\(\) of google-auth-botocore .{0,60}does not support"),
    Known(
        "extra-missing",
        "configuration",
        r"The (?:adapter|emulator) requires [\w-]{1,60}, (?:of )?which|Completion requires argcomplete",
    ),
    Known(
        "argument-of-wrong-type",
        "configuration",
        r"must be (?:a non-empty string|a single line of text|a name), not |tags must be a mapping of names"
        r"|must be google_auth_botocore.Credentials|subject_(?:mode|token_type) must be '|assume_role holds a value",
    ),
    Known("file-of-another-kind", "configuration", r"configuration has the type .{0,60}not 'external_account'"),
    Known("redirected", "exchange", r"answered with a redirect"),
    # The second is a TypeError of google-auth.
    Known(
        "reply-not-googles",
        "exchange",
        r"answered with (?:no lifetime|no token|a body that is not a JSON object)|timedelta seconds component: NoneType",
    ),
    Known("white-space-in-a-key", "aws", r"access key.{0,60} contains white space|An AWS key contains white space"),
    Known("region-unknown", "aws", r"belongs to no partition that botocore knows"),
)

# In the order in which they are tried: the words of a cause before those of a library that reports it, special ones before general.
KNOWN = (
    *_OWN,
    *_text_patterns_google.EXCHANGE,
    # Cloud Storage signs with the same word as AWS, so its errors come before AWS's.
    *_text_patterns_libraries.SIGNED_URL,
    *_text_patterns_aws.KNOWN,
    *_text_patterns_google.SERVICE_ACCOUNT,
    *_text_patterns_calls.KNOWN,
    *_text_patterns_network.KNOWN,
    # Other libraries, and what they say about any of the above.
    *_text_patterns_libraries.KNOWN,
)
