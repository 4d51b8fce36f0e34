"""Failures of other libraries and tools with the same configuration. Only `doctor --explain` names them, by their text.

The comments name the report: py is googleapis/google-auth-library-python, gcp is googleapis/google-cloud-python.
"""

from __future__ import annotations

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import account
from google_auth_botocore._failures._entry import Failure, Remedy, do, never
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._names import CREATOR, OPEN_ID

# The step of these entries. The core has no such step, so none of its errors has one of these names.
LIBRARY = "library"
_STEP = (LIBRARY,)
_INSTALL = "Pass the credentials of google_auth_botocore instead, or run the program with `google-auth-botocore serve -- COMMAND`."


def _sign_as_account(facts: Facts) -> Remedy:
    member = _commands.member(facts)
    return Remedy(
        [
            (
                "Impersonate a service account (service_account_email=, --service-account): these credentials then sign with "
                "signBlob of the IAM Credentials API, without a private key."
            )
        ],
        gcloud=[_commands.bind(account(facts), CREATOR, member)],
        terraform=[_commands.binding(account(facts), CREATOR, member)],
    )


def _get_id_token(facts: Facts) -> Remedy:
    member = _commands.member(facts)
    return Remedy(
        ["Use IDTokenCredentials of google_auth_botocore, or `google-auth-botocore id-token AUDIENCE`."],
        gcloud=[_commands.bind(account(facts), OPEN_ID, member)],
        terraform=[_commands.binding(account(facts), OPEN_ID, member)],
    )


def _see_reply(facts: Facts) -> Remedy:
    return Remedy(
        ["Read the reply that the message contains, or let doctor repeat the request and name the cause."],
        [_commands.doctor(facts)],
    )


ENTRIES = (
    # googleapis/google-auth-library-nodejs#1755
    Failure(
        "metadata-token-cached",
        _STEP,
        never,
        "Google's library for Node.js keeps the session token of instance metadata longer than it is valid.",
        do(
            "Upgrade google-auth-library, or restart the process. With `google-auth-botocore serve -- COMMAND`, the program does not read instance metadata."
        ),
    ),
    # mscribellito#4: older releases of google-auth report every failed impersonation with these words.
    Failure(
        "reply-hidden-by-google-auth",
        _STEP,
        never,
        "Google rejected the impersonation, and google-auth's message does not say why.",
        _see_reply,
    ),
    # gcp#15194
    Failure(
        "id-token-requires-impersonation",
        _STEP,
        never,
        "google-auth gets ID tokens only with its own class impersonated_credentials.Credentials.",
        _get_id_token,
    ),
    # googleapis/google-auth-library-nodejs#1545
    Failure(
        "id-token-not-supported",
        _STEP,
        never,
        "Google's library cannot get an ID token with credentials for a workload on AWS.",
        _get_id_token,
    ),
    # gcp#18428
    Failure(
        "subject-lost",
        _STEP,
        never,
        "The API was called as the service account instead of a Workspace user. with_scopes() of google-auth drops the subject.",
        do("Use Credentials(..., subject=USER) of google_auth_botocore. Its copies keep the subject."),
    ),
    # py#1785
    Failure(
        "service-account-file-required",
        _STEP,
        never,
        "The application checks that Application Default Credentials are a service account with a private key.",
        do(
            "Use Credentials(..., subject=USER) of google_auth_botocore, which need no private key for domain-wide delegation, in place of the application's check."
        ),
    ),
    # django-storages#1107, google-github-actions/auth#164
    Failure(
        "credentials-cannot-sign",
        _STEP,
        never,
        "The credentials have no private key, so the library cannot sign a URL or a token with them.",
        _sign_as_account,
    ),
    # googleapis/nodejs-storage#1550
    Failure(
        "signed-as-another-account",
        _STEP,
        never,
        "Cloud Storage does not accept the signed URL: it names another account than the one that signed it, or was changed after signing.",
        do(
            "Sign with the service account that the URL names in X-Goog-Credential. Send the same method and headers that were signed."
        ),
    ),
    # gcp#15170
    Failure(
        "asynchronous-loader",
        _STEP,
        never,
        "google-auth's asynchronous loader does not accept external_account files.",
        do(
            "Use Credentials of google_auth_botocore.adapters.google_auth_aio, or the synchronous google.auth.default()."
        ),
    ),
    # StarRocks#64341, yoshidan/google-cloud-rust#233
    Failure(
        "file-kind-not-supported",
        _STEP,
        never,
        "The program reads the configuration file itself, and does not support external_account files for AWS.",
        do(_INSTALL),
    ),
    # gcp#17515
    Failure(
        "regional-access-boundary",
        _STEP,
        never,
        "A background request of google-auth for the Regional Access Boundary failed. Tokens do not depend on it.",
        do("Upgrade google-auth, or use google_auth_botocore, which does not send the request."),
    ),
    # py#1478
    Failure(
        "credentials-not-picklable",
        _STEP,
        never,
        "The credentials hold a lock, so they cannot be pickled and sent to another process.",
        do("Use Credentials of google_auth_botocore, which can be pickled, or upgrade google-auth."),
    ),
)
