"""gcsfs, and pandas, which uses it: https://gcsfs.readthedocs.io/"""

from __future__ import annotations

import asyncio
import pickle
from types import SimpleNamespace

import gcsfs
import pandas as pd
import pytest

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi
from consumers.recipes.readme import execute
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator.sandbox import Sandbox


def test_recipe(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    done = execute("gcsfs", credentials)
    assert done.files.ls(bucket) == [f"{bucket}/table.parquet"]
    assert done.frame.to_dict("list") == {"x": [1, 2, 3]}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}
    assert sandbox.google.count(":generateAccessToken") == 2  # one for Storage Control, with other scopes


def test_with_scopes_storage_control_uses_the_same_token(
    sandbox: Sandbox, credentials: Credentials, bucket: str, storage_control: GrpcApi
) -> None:
    scoped = credentials.with_scopes([CLOUD_PLATFORM])
    assert execute("gcsfs", scoped).files.ls(bucket) == [f"{bucket}/table.parquet"]
    assert storage_control.callers == {credentials.service_account_email}
    assert storage_control.scopes == {(CLOUD_PLATFORM,)}
    assert sandbox.google.count(":generateAccessToken") == 1


def test_pandas_reads_and_writes(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    options = {"token": credentials, "project": "my-project"}
    pd.DataFrame({"y": [4]}).to_csv(f"gs://{bucket}/new.csv", index=False, storage_options=options)
    assert pd.read_csv(f"gs://{bucket}/new.csv", storage_options=options).to_dict("list") == {"y": [4]}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}


def test_each_identity_has_its_own_file_system(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    """fsspec returns the same instance for the same arguments, which it compares by their repr."""
    direct = Credentials(**{**sandbox.credentials_arguments(), "service_account_email": None})
    one, other = (gcsfs.GCSFileSystem(project="my-project", token=each) for each in (credentials, direct))
    assert one is not other
    one.cat_file(f"{bucket}/table.parquet")
    other.cat_file(f"{bucket}/table.parquet")
    one.cat_file(f"{bucket}/table.parquet")
    account, identity, again = sandbox.storage.principals
    assert account == again == credentials.service_account_email
    assert identity is not None
    assert identity.startswith("principal://")
    # Equal credentials that are created later get the same instance, which already has a token.
    rebuilt = Credentials(**sandbox.credentials_arguments())
    assert gcsfs.GCSFileSystem(project="my-project", token=rebuilt) is one


def test_a_token_refreshed_by_the_user_is_used(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    files = gcsfs.GCSFileSystem(project="my-project", token=credentials)
    for _ in range(2):
        files.cat_file(f"{bucket}/table.parquet")
        credentials.refresh(None)
    assert len(sandbox.storage.tokens) == 2


def test_an_unpickled_file_system_shares_the_token_of_its_process(
    sandbox: Sandbox, credentials: Credentials, bucket: str
) -> None:
    files = gcsfs.GCSFileSystem(project="my-project", token=credentials)
    content = files.cat_file(f"{bucket}/table.parquet")
    pickled = pickle.dumps(files)
    [token] = sandbox.storage.tokens
    assert token.encode() not in pickled
    gcsfs.GCSFileSystem.clear_instance_cache()  # so that unpickling makes a new file system
    unpickled = pickle.loads(pickled)
    assert unpickled is not files
    assert unpickled.cat_file(f"{bucket}/table.parquet") == content
    assert sandbox.storage.tokens == {token}
    assert sandbox.storage.refused == 0


def test_the_cause_of_invalid_credentials_has_the_reason(
    sandbox: Sandbox, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gcsfs has the same message for every failed refresh, after six attempts."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=sleep))
    other = sandbox.google.add_service_account("other@my-project.iam.gserviceaccount.com").email
    denied = Credentials(**{**sandbox.credentials_arguments(), "service_account_email": other})
    files = gcsfs.GCSFileSystem(project="my-project", token=denied)
    with pytest.raises(gcsfs.retry.HttpError, match="Invalid Credentials") as caught:
        files.cat_file(f"{bucket}/table.parquet")
    assert isinstance(caught.value.__cause__, FederationError)
    assert "iam.serviceAccounts.getAccessToken" in str(caught.value.__cause__)
