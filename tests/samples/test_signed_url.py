"""The sample signed_url.py."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from service_account.signed_urls import verify_v4

from google_auth_botocore import FederationError
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import Run, grant


def test_the_url_gives_read_access_to_the_object(sandbox: Sandbox, run: Run) -> None:
    """The requests have no credentials. If the AWS role lacks the role that the sample requires, the error names it."""
    with pytest.raises(FederationError, match=r"roles/iam\.serviceAccountTokenCreator"):
        run("signed_url.py", "my-bucket", "report.pdf")
    grant(sandbox, "roles/iam.serviceAccountTokenCreator")
    sandbox.storage_client().create_bucket("my-bucket").blob("report.pdf").upload_from_string(b"%PDF")

    url = run("signed_url.py", "my-bucket", "report.pdf").strip()

    assert urlsplit(url)[:3] == ("https", "storage.googleapis.com", "/my-bucket/report.pdf")
    assert parse_qs(urlsplit(url).query)["X-Goog-Expires"] == ["900"]
    keys = requests.get(f"{sandbox.google.url}/service_accounts/v1/metadata/x509/{sandbox.service_account}").json()
    verify_v4(keys, sandbox.service_account, "GET", url)
    assert requests.get(url).content == b"%PDF"
    assert requests.put(url, data=b"other").status_code == 403
