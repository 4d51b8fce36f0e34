"""icechunk, which stores Zarr arrays in Cloud Storage: https://icechunk.io/en/stable/storage/"""

from __future__ import annotations

from typing import Any

import icechunk
import pytest
import zarr

from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


def recipe(credentials: Credentials, url: str) -> Any:
    config = f'prefix="climate", config={{"google_base_url": "{url}", "allow_http": "true"}},'
    return execute("icechunk", credentials, {'prefix="climate",': config})


def test_recipe(sandbox: Sandbox, credentials: Credentials) -> None:
    """It commits an array, and reads it in another session, with one token."""
    sandbox.storage.create_bucket("my-bucket")
    storage = recipe(credentials, sandbox.storage.url).storage
    session = icechunk.Repository.create(storage).writable_session("main")
    array = zarr.create_array(session.store, name="a", shape=(4,), dtype="i4", chunks=(2,))
    array[:] = 7
    session.commit("one")
    read: Any = zarr.open_array(icechunk.Repository.open(storage).readonly_session("main").store, path="a")
    assert read[:].tolist() == [7] * 4
    assert sandbox.storage.refused == 0
    assert sandbox.storage.tokens == {credentials.token}
    assert sandbox.google.count(":generateAccessToken") == 1


def test_a_denied_token_is_reported_with_its_reason(sandbox: Sandbox, credentials: Credentials) -> None:
    other = sandbox.google.add_service_account("other@my-project.iam.gserviceaccount.com").email
    denied = Credentials(**{**sandbox.credentials_arguments(), "service_account_email": other})
    storage = recipe(denied, sandbox.storage.url).storage
    with pytest.raises(icechunk.IcechunkError, match=r"iam\.serviceAccounts\.getAccessToken"):
        icechunk.Repository.create(storage)
