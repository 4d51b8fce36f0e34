"""Parts of the patterns by which `doctor --explain` recognises failures."""

from typing import NamedTuple

# Characters between two parts of one message.
NEAR = r".{0,300}?"
GOOGLE = r"(?:sts|iamcredentials|oauth2)[\w.-]{0,40}googleapis\.com"
AWS = r"(?:\bamazonaws\.com|\bawsapps\.com|\bapi\.aws\b)"
NO_REPLY = (
    r"(?:timed? ?out|deadline exceeded|refused|unreachable|No route to host|Max retries exceeded|invalid argument"
    r"|Network is down|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNREFUSED|ECONNRESET|Connection reset|Could not connect"
    r"|ConnectTimeout|StatusCode: 0\b|socket hang up)"
)
NO_NAME = (
    r"(?:Name or service not known|getaddrinfo|nodename nor servname|no such host|ENOTFOUND|EAI_AGAIN"
    r"|UnknownHostException|name resolution|Could not resolve host|NameResolutionError)"
)
NOT_TRUSTED = (
    r"(?:CERTIFICATE_VERIFY_FAILED|certificate verify failed|unable to get (?:local )?issuer|SELF_SIGNED_CERT"
    r"|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF)\w{0,20}|unable to verify the first certificate|self.signed certificate"
    r"|x509: certificate|PKIX path building failed|CA certificates failed to verify)"
)
NODE = r"(?:gaxios|axios|node_modules|node:internal|\.[cm]?js:[0-9])"
PERMISSION = r"iam\.serviceAccounts\.(getAccessToken|getOpenIdToken|signBlob|signJwt|implicitDelegation)"
IMPERSONATION = "impersonation"


class Known(NamedTuple):
    """The words by which one failure is recognised.

    Attributes:
        id: The failure.
        step: A step of its entry.
        words: A pattern. Letter case and white space do not matter. Each repetition has a limit, so that a search takes time in
            proportion to the text.
        of_any_server: Whether any server's client uses these words, so that they count only if the message names no server, or a
            server of Google or AWS.
        unless: A pattern for words in the same message with which it is not this failure.
    """

    id: str
    step: str
    words: str
    of_any_server: bool = False
    unless: str | None = None


def either(one: str, other: str) -> str:
    """Return a pattern for two parts of a message in any order."""
    return f"(?:{one}){NEAR}(?:{other})|(?:{other}){NEAR}(?:{one})"
