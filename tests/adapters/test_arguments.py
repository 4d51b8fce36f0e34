"""Adapters reject other objects than this package's credentials when they are created, not with the first request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import google.auth.credentials
import kubernetes.client
import pytest

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore.adapters import gcloud_aio, google_auth_aio, httpx, httpx2, obstore, openai, polars
from google_auth_botocore.adapters import kubernetes as kubernetes_adapter

ADAPTERS: list[Callable[[Any], object]] = [
    gcloud_aio.Token,
    google_auth_aio.Credentials,
    httpx.Auth,
    httpx2.Auth,
    obstore.AsyncCredentialProvider,
    obstore.CredentialProvider,
    openai.get_async_bearer_token_provider,
    openai.get_bearer_token_provider,
    polars.CredentialProvider,
    kubernetes_adapter.get_google_credentials,
    lambda credentials: kubernetes_adapter.authenticate(kubernetes.client.Configuration(), credentials),
]


@pytest.mark.parametrize(
    ("bad", "seen"),
    [
        ("token", "an object of the type builtins.str"),
        (None, "an object of the type builtins.NoneType"),
        (Credentials, "the class google_auth_botocore.credentials.Credentials"),
        (google.auth.credentials.AnonymousCredentials(), "google.auth.credentials.AnonymousCredentials"),
    ],
)
def test_other_objects_are_rejected(bad: object, seen: str) -> None:
    for create in ADAPTERS:
        with pytest.raises(ConfigurationError, match=f"not {seen}|{seen}") as caught:
            create(bad)
        assert caught.value.failure == "argument-of-wrong-type"
