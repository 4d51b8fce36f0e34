"""The `external_account` mapping as gcloud writes it."""

from __future__ import annotations

from typing import Any

from google_auth_botocore import Credentials


def external_account(credentials: Credentials) -> dict[str, Any]:
    """What is in the file that describes credentials."""
    info = credentials.info
    base, _, method = str(info.get("token_url", "")).rpartition("/")
    if credentials.service_account_email is None and method == "token":
        # Where gcloud asks whose a federated token is; a service account's name it knows.
        info.setdefault("token_info_url", f"{base}/introspect")
    return info
