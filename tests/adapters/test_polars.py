"""polars reads and writes Cloud Storage with the tokens of credentials."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import seams
from core.stand_in import FakeClock

from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.adapters import polars as adapter
from google_auth_botocore.adapters.polars import CredentialProvider
from google_auth_botocore.emulator import Emulator, TokenInfo
from google_auth_botocore.emulator.storage import Storage

pytestmark = pytest.mark.filterwarnings("ignore:the `credential_provider` parameter")

TABLE = pl.DataFrame({"number": [1, 2, 3]})


@pytest.fixture(name="revoked")
def _revoked() -> set[str]:
    """Tokens that Cloud Storage rejects."""
    return set()


@pytest.fixture(name="storage")
def _storage(google: Emulator, revoked: set[str]) -> Iterator[Storage]:
    def check(token: str) -> TokenInfo | None:
        return None if token in revoked else google.check_access_token(token)

    with Storage(check, google.check_signature) as storage:
        storage.create_bucket("bucket")
        yield storage


@pytest.fixture(name="options")
def _options(storage: Storage) -> dict[str, Any]:
    return {"google_base_url": storage.url, "allow_http": "true"}


def test_tables_are_written_and_read(
    credentials: Credentials, google: Emulator, storage: Storage, options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    lazy = pl.scan_parquet("gs://bucket/*.parquet", credential_provider=provider, storage_options=options)
    lazy.sink_parquet("gs://bucket/b.parquet", credential_provider=provider, storage_options=options)
    assert pl.read_parquet("gs://bucket/b.parquet", credential_provider=provider, storage_options=options).equals(TABLE)
    assert storage.resource("bucket", "a.parquet") is not None
    assert storage.tokens == {credentials.token}
    assert storage.refused == 0
    assert google.count("/v1/token") == 1


def test_a_rejected_token_is_replaced_by_the_current_one(
    credentials: Credentials, storage: Storage, revoked: set[str], options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    revoked.update(storage.tokens)
    credentials.refresh(None)
    read = pl.read_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    assert read.equals(TABLE)
    assert storage.refused > 0
    assert credentials.token in storage.tokens


def test_polars_keeps_a_token_until_five_minutes_before_it_expires(
    late_clock: FakeClock, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "time", late_clock)
    start = late_clock.now
    provider = CredentialProvider(credentials)
    token, keep = provider()
    assert token == {"bearer_token": credentials.token}
    assert keep == int(start + 3600) - 300


def test_a_token_that_expires_soon_is_kept_for_a_short_time(
    late_clock: FakeClock, credentials: Credentials, google: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "time", late_clock)
    provider = CredentialProvider(credentials)
    google.token_lifetime = 240
    assert provider()[1] == int(late_clock.now) + 15
    credentials.token = None
    google.token_lifetime = 10
    assert provider()[1] == int(late_clock.now + 10)


@pytest.mark.parametrize("lazily", [False, True])
def test_a_rejection_by_google_reaches_the_user(
    credentials: Credentials, rejection: str, options: dict[str, Any], lazily: bool
) -> None:
    provider = CredentialProvider(credentials)

    def read() -> pl.DataFrame:
        if lazily:
            return pl.scan_parquet(
                "gs://bucket/a.parquet", credential_provider=provider, storage_options=options
            ).collect()
        return pl.read_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)

    with pytest.raises(FederationError, match=rejection):
        read()


def test_a_pickled_provider_fetches_its_own_token_in_another_process(
    credentials: Credentials, google: Emulator, storage: Storage, options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    provider()
    pickled = pickle.dumps(provider)
    assert str(credentials.token).encode() not in pickled
    other = seams.unpickled_elsewhere(pickled)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=other, storage_options=options)
    assert credentials.token not in storage.tokens
    assert google.count("/v1/token") == 2


def test_the_repr_of_a_provider_contains_no_token(credentials: Credentials) -> None:
    provider = CredentialProvider(credentials)
    provider()
    assert repr(provider) == f"CredentialProvider({credentials!r})"
