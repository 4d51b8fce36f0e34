"""gcsfs, and pandas, which reads by it: https://gcsfs.readthedocs.io/"""

from __future__ import annotations

import asyncio
import pickle
from types import SimpleNamespace

import gcsfs
import pandas as pd
import pytest

from consumers.recipes.readme import follow
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator.sandbox import Sandbox


def test_recipe(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    done = follow("gcsfs", credentials)
    assert done.files.ls(bucket) == [f"{bucket}/table.parquet"]
    assert done.frame.to_dict("list") == {"x": [1, 2, 3]}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}
    assert sandbox.google.count(":generateAccessToken") == 1


def test_pandas_writes_what_it_reads(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    options = {"token": credentials, "project": "my-project"}
    pd.DataFrame({"y": [4]}).to_csv(f"gs://{bucket}/new.csv", index=False, storage_options=options)
    assert pd.read_csv(f"gs://{bucket}/new.csv", storage_options=options).to_dict("list") == {"y": [4]}
    assert set(sandbox.storage.principals) == {credentials.service_account_email}


def test_each_identity_has_a_file_system_of_its_own(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    """fsspec gives the same one to everybody who comes with the same arguments, by their repr."""
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
    # Whoever has built the same credentials again gets the one whose credentials have a token by now.
    rebuilt = Credentials(**sandbox.credentials_arguments())
    assert gcsfs.GCSFileSystem(project="my-project", token=rebuilt) is one


def test_a_token_that_the_user_renews_is_taken(sandbox: Sandbox, credentials: Credentials, bucket: str) -> None:
    files = gcsfs.GCSFileSystem(project="my-project", token=credentials)
    for _ in range(2):
        files.cat_file(f"{bucket}/table.parquet")
        credentials.refresh(None)
    assert len(sandbox.storage.tokens) == 2


def test_a_pickled_file_system_finds_an_identity_where_it_lands(
    sandbox: Sandbox, credentials: Credentials, bucket: str
) -> None:
    files = gcsfs.GCSFileSystem(project="my-project", token=credentials)
    content = files.cat_file(f"{bucket}/table.parquet")
    pickled = pickle.dumps(files)
    [token] = sandbox.storage.tokens
    assert token.encode() not in pickled
    gcsfs.GCSFileSystem.clear_instance_cache()  # as it is in another process
    landed = pickle.loads(pickled)
    assert landed is not files
    assert landed.cat_file(f"{bucket}/table.parquet") == content
    assert len(sandbox.storage.tokens) == 2
    assert sandbox.storage.refused == 0


def test_the_cause_of_invalid_credentials_says_why(
    sandbox: Sandbox, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gcsfs has one message for every refresh that fails, and tries it six times."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=sleep))
    stranger = sandbox.google.add_service_account("stranger@my-project.iam.gserviceaccount.com").email
    denied = Credentials(**{**sandbox.credentials_arguments(), "service_account_email": stranger})
    files = gcsfs.GCSFileSystem(project="my-project", token=denied)
    with pytest.raises(gcsfs.retry.HttpError, match="Invalid Credentials") as caught:
        files.cat_file(f"{bucket}/table.parquet")
    assert isinstance(caught.value.__cause__, FederationError)
    assert "iam.serviceAccounts.getAccessToken" in str(caught.value.__cause__)
