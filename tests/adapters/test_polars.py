"""polars reads and writes Cloud Storage with the tokens of credentials."""

from __future__ import annotations

import pickle
from typing import Any

import polars as pl
import pytest
from core.stand_in import FakeClock

from adapters.token_checking_servers import Objects, TokenChecker
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.adapters import polars as adapter
from google_auth_botocore.adapters.polars import CredentialProvider
from google_auth_botocore.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore:the `credential_provider` parameter")

TABLE = pl.DataFrame({"number": [1, 2, 3]})


@pytest.fixture(name="options")
def _options(storage_url: str) -> dict[str, Any]:
    return {"google_base_url": storage_url, "allow_http": "true"}


def test_tables_are_written_and_read(
    credentials: Credentials, google: Emulator, checker: TokenChecker, objects: Objects, options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    lazy = pl.scan_parquet("gs://bucket/*.parquet", credential_provider=provider, storage_options=options)
    lazy.sink_parquet("gs://bucket/b.parquet", credential_provider=provider, storage_options=options)
    assert pl.read_parquet("gs://bucket/b.parquet", credential_provider=provider, storage_options=options).equals(TABLE)
    assert set(objects) == {"/bucket/a.parquet", "/bucket/b.parquet"}
    assert set(checker.tokens) == {credentials.token}
    assert checker.rejected == 0
    assert google.count("/v1/token") == 1


def test_a_rejected_token_is_replaced_by_the_current_one(
    credentials: Credentials, checker: TokenChecker, options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    checker.revoked.update(checker.tokens)
    credentials.refresh(None)
    read = pl.read_parquet("gs://bucket/a.parquet", credential_provider=provider, storage_options=options)
    assert read.equals(TABLE)
    assert checker.rejected > 0
    assert checker.tokens[-1] == credentials.token


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


def test_a_pickled_provider_fetches_its_own_token(
    credentials: Credentials, google: Emulator, checker: TokenChecker, options: dict[str, Any]
) -> None:
    provider = CredentialProvider(credentials)
    provider()
    pickled = pickle.dumps(provider)
    assert str(credentials.token).encode() not in pickled
    other = pickle.loads(pickled)
    TABLE.write_parquet("gs://bucket/a.parquet", credential_provider=other, storage_options=options)
    assert credentials.token not in checker.tokens
    assert google.count("/v1/token") == 2


def test_the_repr_of_a_provider_contains_no_token(credentials: Credentials) -> None:
    provider = CredentialProvider(credentials)
    provider()
    assert repr(provider) == f"CredentialProvider({credentials!r})"
