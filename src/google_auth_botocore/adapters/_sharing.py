"""Sharing of tokens between objects that a library creates from equal configuration."""

from __future__ import annotations

import pickle

import google.auth.credentials

from google_auth_botocore import Credentials


def shared(credentials: google.auth.credentials.Credentials) -> google.auth.credentials.Credentials:
    """Return credentials that share the AWS identity and the tokens with equal ones in this process.

    Unpickled copies do so. Credentials that cannot be pickled, because they have a session with keys that were set in code,
    are returned unchanged. So are google-auth's own.
    """
    if not isinstance(credentials, Credentials):
        return credentials
    try:
        copy: Credentials = pickle.loads(pickle.dumps(credentials))  # noqa: S301 - just pickled
    except pickle.PicklingError:
        return credentials
    return copy
