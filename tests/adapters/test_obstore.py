"""obstore reads and writes Cloud Storage with the tokens of credentials."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from typing import Any

import obstore
import pytest
import seams
from core.stand_in import FakeClock
from obstore.exceptions import UnauthenticatedError
from obstore.store import GCSStore

from adapters.conftest import PausedGoogle
from google_auth_botocore import Credentials
from google_auth_botocore.adapters.obstore import AsyncCredentialProvider, CredentialProvider
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.storage import Storage


@pytest.fixture(name="storage")
def _storage(google: Emulator) -> Iterator[Storage]:
    with Storage(google.check_access_token, google.check_signature) as storage:
        storage.create_bucket("bucket")
        yield storage


def store(url: str, provider: Any) -> GCSStore:
    return GCSStore("bucket", base_url=url, client_options={"allow_http": True}, credential_provider=provider)


def test_objects_are_written_listed_and_read(credentials: Credentials, google: Emulator, storage: Storage) -> None:
    files = store(storage.url, CredentialProvider(credentials))
    obstore.put(files, "a/b", b"content")
    assert [each["path"] for each in obstore.list(files).collect()] == ["a/b"]
    assert bytes(obstore.get(files, "a/b").bytes()) == b"content"
    assert storage.tokens == {credentials.token}
    assert len(storage.principals) == 3
    assert google.count("/v1/token") == 1


def test_a_store_with_an_expired_token_requests_another(
    late_clock: FakeClock, credentials: Credentials, storage: Storage
) -> None:
    storage.put("bucket", "a", b"content")
    files = store(storage.url, CredentialProvider(credentials))
    for _ in range(2):
        obstore.get(files, "a").bytes()
        late_clock.advance(3600)
    assert len(storage.tokens) == 2
    assert storage.refused == 0


def test_a_rejection_by_google_is_the_text_of_the_error(
    credentials: Credentials, rejection: str, storage: Storage
) -> None:
    with pytest.raises(UnauthenticatedError, match=rejection):
        obstore.get(store(storage.url, CredentialProvider(credentials)), "a")


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, storage: Storage
) -> None:
    storage.put("bucket", "a", b"content")
    files = store(storage.url, AsyncCredentialProvider(credentials))

    async def read() -> bytes:
        return bytes(await (await obstore.get_async(files, "a")).bytes_async())

    assert asyncio.run(paused.during(read())) == b"content"
    assert storage.tokens == {credentials.token}


def test_a_pickled_store_fetches_its_own_token_in_another_process(
    credentials: Credentials, google: Emulator, storage: Storage
) -> None:
    storage.put("bucket", "a", b"content")
    files = store(storage.url, CredentialProvider(credentials))
    obstore.get(files, "a").bytes()
    pickled = pickle.dumps(files)
    [token] = storage.tokens
    assert token.encode() not in pickled
    obstore.get(seams.unpickled_elsewhere(pickled), "a").bytes()
    assert len(storage.tokens) == google.count("/v1/token") == 2
