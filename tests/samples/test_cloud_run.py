"""The sample cloud_run.py. The service verifies the token with google-auth's verifier."""

from __future__ import annotations

import pytest
import requests
from service_account.services import Service, over_http

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, Run

URL = "https://hello-123456789012.europe-west1.run.app"


def test_the_service_sees_the_service_account(sandbox: Sandbox, run: Run, redirects: dict[str, str]) -> None:
    """The only role of the AWS identity is workloadIdentityUser, which the sandbox grants as `config setup` does."""
    service = Service(sandbox.google.certs_url)
    with over_http(service) as address:
        redirects[URL] = address
        service.audience = URL
        assert run("cloud_run.py", f"{URL}/") == "\n"
        assert service.callers == [sandbox.service_account]

        service.audience = "https://other-123456789012.europe-west1.run.app"
        with pytest.raises(requests.HTTPError, match="401 Client Error"):
            run("cloud_run.py", f"{URL}/")

    assert URL in (SAMPLES / "cloud_run.py").read_text()
