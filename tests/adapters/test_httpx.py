"""httpx's clients send the tokens of credentials."""

from __future__ import annotations

import httpx

from adapters.httpx_contract import AuthContract
from google_auth_botocore.adapters import httpx as adapter


class TestAuth(AuthContract):
    library, adapter = httpx, adapter
