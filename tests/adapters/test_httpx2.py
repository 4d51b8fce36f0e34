"""httpx2's clients send the tokens of credentials."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import httpx2
import pytest

from adapters.httpx_contract import AuthContract
from google_auth_botocore import Credentials
from google_auth_botocore.adapters import httpx as httpx_adapter
from google_auth_botocore.adapters import httpx2 as adapter


class TestAuth(AuthContract):
    library, adapter = httpx2, adapter


def test_each_library_rejects_the_adapter_of_the_other(credentials: Credentials) -> None:
    """This is why there are two adapters."""
    pairs: list[tuple[Any, Any]] = [(httpx.Client, adapter.Auth), (httpx2.Client, httpx_adapter.Auth)]
    for client, auth in pairs:
        with pytest.raises(TypeError, match='Invalid "auth" argument'):
            client(auth=auth(credentials))


def test_the_adapter_for_httpx_is_for_httpx2_if_an_application_aliases_it() -> None:
    if not hasattr(httpx2, "alias_httpx"):
        pytest.skip("an old release of httpx2")
    program = (
        "import httpx2; httpx2.alias_httpx()\n"
        "from google_auth_botocore import Credentials\n"
        "from google_auth_botocore.adapters.httpx import Auth\n"
        "provider = 'projects/1/locations/global/workloadIdentityPools/p/providers/q'\n"
        "httpx2.Client(auth=Auth(Credentials(provider)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
