"""Each public name as a user's type checker sees it: checked by mypy (strict) and pyright (strict), never run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.requests
from typing_extensions import assert_type

import google_auth_botocore
from google_auth_botocore import (
    ConfigurationError,
    Credentials,
    FederationError,
    IDTokenCredentials,
    Token,
    TransientFederationError,
    default,
    install,
    load_credentials_from_file,
    uninstall,
)
from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, ServiceAccount

AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/aws/providers/prod"


def building() -> Credentials:
    every = Credentials(
        AUDIENCE,
        "app@my-project.iam.gserviceaccount.com",
        scopes=("https://www.googleapis.com/auth/cloud-platform",),
        default_scopes=["openid"],
        lifetime=3600,
        delegates=iter(["first@my-project.iam.gserviceaccount.com"]),
        subject="user@example.com",
        quota_project_id="quota",
        project_id="project",
        session=botocore.session.Session(),
        profile=None,
        region="eu-central-1",
        assume_role={"RoleArn": "arn:aws:iam::123456789012:role/reader", "DurationSeconds": 900},
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",
        tags={"team": "data"},
        subject_mode="AWSIdentity",
        universe_domain="googleapis.com",
        token_url="https://sts.googleapis.com/v1/token",
        iam_credentials_endpoint="https://iamcredentials.googleapis.com",
        oauth_token_url="https://oauth2.googleapis.com/token",
    )
    assert_type(every, Credentials)
    Credentials(AUDIENCE, session=boto3.Session(), assume_role="arn:aws:iam::123456789012:role/reader")
    assert_type(Credentials.from_file("config.json", project_id="p"), Credentials)
    assert_type(Credentials.from_file(Path("config.json")), Credentials)
    info: Mapping[str, Any] = every.info
    assert_type(Credentials.from_info(info), Credentials)
    assert_type(every.info, dict[str, Any])
    return every


def wrong(credentials: Credentials) -> None:
    """Contain errors that a type checker must find: an unnecessary ignore comment is itself an error."""
    Credentials()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Credentials(AUDIENCE, None, ["scope"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Credentials(AUDIENCE, lifetime="3600")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Credentials(AUDIENCE, scopes=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    IDTokenCredentials(credentials, "https://x", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    credentials.get_token().value = "t"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def using(credentials: Credentials) -> None:
    a_library_s: google.auth.credentials.Credentials = credentials
    scoped: google.auth.credentials.Scoped = credentials
    signing: google.auth.credentials.Signing = credentials
    del a_library_s, scoped, signing

    assert_type(credentials.get_token(), Token)
    value, expiry = credentials.get_token()
    assert_type(value, str)
    assert_type(expiry, datetime)
    assert_type(credentials.get_token().value, str)
    assert_type(credentials.get_token().expiry, datetime)
    assert_type(credentials.token, str | None)
    assert_type(credentials.expiry, datetime | None)
    assert_type(credentials.refresh(None), None)
    assert_type(credentials.refresh(), None)
    headers: dict[str, str] = {}
    assert_type(credentials.before_request(None, "GET", "https://x", headers), None)
    assert_type(credentials.apply(headers), None)

    assert_type(credentials.with_scopes(["a"]), Credentials)
    assert_type(credentials.with_scopes(None, default_scopes=["a"]), Credentials)
    assert_type(credentials.with_quota_project("quota"), Credentials)
    assert_type(credentials.with_subject("user@example.com"), Credentials)
    assert_type(credentials.with_universe_domain("apis.example"), Credentials)
    assert_type(credentials.with_token_uri("https://sts.googleapis.com/v1/token"), Credentials)
    assert_type(credentials.requires_scopes, bool)
    assert_type(credentials.service_account_email, str | None)
    assert_type(credentials.project_id, str)
    assert_type(credentials.get_project_id(), str | None)
    assert_type(credentials.universe_domain, str)
    assert_type(credentials.signer_email, str)
    assert_type(credentials.sign_bytes(b"message"), bytes)
    assert_type(credentials.retrieve_subject_token(), str)
    assert_type(credentials.retrieve_subject_token(google.auth.transport.requests.Request()), str)
    assert_type(credentials.get_cred_info(), dict[str, str])


def id_tokens(credentials: Credentials) -> None:
    tokens = IDTokenCredentials(credentials, "https://service.run.app", include_email=True)
    assert_type(tokens.get_token(), Token)
    assert_type(tokens.with_target_audience("https://another.run.app"), IDTokenCredentials)
    assert_type(tokens.with_quota_project(None), IDTokenCredentials)
    assert_type(tokens.service_account_email, str | None)


def application_default() -> None:
    found = default(scopes=["a"], project_id="p")
    assert_type(found, tuple[google.auth.credentials.Credentials, str | None])
    assert_type(load_credentials_from_file("config.json"), tuple[google.auth.credentials.Credentials, str | None])
    assert_type(install(region="eu-central-1"), AbstractContextManager[None])
    with install():
        pass
    assert_type(uninstall(), None)


def errors(credentials: Credentials) -> None:
    try:
        credentials.refresh(None)
    except TransientFederationError as error:
        refused: google.auth.exceptions.TransportError = error
        del refused
    except FederationError as error:
        assert_type(error.step, str | None)
        assert_type(error.reason, str | None)
        assert_type(error.status_code, int | None)
        assert_type(error.hint, str | None)
        assert_type(error.aws_reason, str | None)
    except ConfigurationError as error:
        wrong_value: ValueError = error
        del wrong_value


def adapters(credentials: Credentials) -> None:
    import httpx
    import httpx2
    import kubernetes.client
    import obstore.store
    import openai
    import polars as pl
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
    from pyiceberg.catalog.rest import auth

    import google_auth_botocore.adapters.gcloud_aio
    import google_auth_botocore.adapters.google_auth_aio
    import google_auth_botocore.adapters.httpx
    import google_auth_botocore.adapters.httpx2
    import google_auth_botocore.adapters.kubernetes
    import google_auth_botocore.adapters.obstore
    import google_auth_botocore.adapters.openai
    import google_auth_botocore.adapters.opentelemetry
    import google_auth_botocore.adapters.polars
    import google_auth_botocore.adapters.pyiceberg

    of = google_auth_botocore.adapters
    httpx.Client(auth=of.httpx.Auth(credentials))
    httpx.AsyncClient(auth=of.httpx.Auth(IDTokenCredentials(credentials, "https://x")))
    httpx2.Client(auth=of.httpx2.Auth(credentials))
    httpx2.AsyncClient(auth=of.httpx2.Auth(IDTokenCredentials(credentials, "https://x")))
    obstore.store.GCSStore("bucket", credential_provider=of.obstore.CredentialProvider(credentials))
    obstore.store.GCSStore("bucket", credential_provider=of.obstore.AsyncCredentialProvider(credentials))
    openai.OpenAI(api_key=of.openai.get_bearer_token_provider(credentials))
    openai.AsyncOpenAI(api_key=of.openai.get_async_bearer_token_provider(credentials))
    HttpExporter(session=of.opentelemetry.create_session(credentials))
    GrpcExporter(credentials=of.opentelemetry.create_channel_credentials(credentials))
    manager: auth.AuthManager = of.pyiceberg.AuthManager(credentials)
    del manager
    pl.scan_parquet("gs://bucket/*", credential_provider=of.polars.CredentialProvider(credentials))
    of.google_auth_aio.Credentials(credentials)
    of.gcloud_aio.Token(credentials)
    of.kubernetes.authenticate(kubernetes.client.Configuration(), credentials)


def emulating() -> Iterator[Emulator]:
    with Emulator() as google_emulator:
        assert_type(google_emulator, Emulator)
        assert_type(google_emulator.add_aws_provider(), AwsProvider)
        assert_type(google_emulator.add_service_account("app@my-project.iam.gserviceaccount.com"), ServiceAccount)
        assert_type(google_emulator.aws_keys.issue(), AwsKeys)
        yield google_emulator


assert_type(google_auth_botocore.__version__, str)
