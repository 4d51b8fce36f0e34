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
    Known("audience-malformed", "configuration", r"names no workload identity pool provider"),
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
