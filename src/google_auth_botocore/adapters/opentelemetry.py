"""Adapter for OpenTelemetry: the sessions and channels of OTLP exporters, for Google's Telemetry API or your own collector.

Environment variables select the entry points of this package, without a change of the application:

    OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER=google_auth_botocore_http
    OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER=google_auth_botocore_grpc

https://opentelemetry-python.readthedocs.io/en/latest/sdk/environment_variables.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import google.auth.credentials
from google.auth.transport.requests import AuthorizedSession, Request

from google_auth_botocore import default
from google_auth_botocore.adapters._extras import requires
from google_auth_botocore.adapters._sharing import shared

if TYPE_CHECKING:
    import grpc


def create_session(credentials: google.auth.credentials.Credentials | None = None) -> AuthorizedSession:
    """Return a session for an exporter over HTTP, such as `OTLPSpanExporter(session=…)`.

    Each request contains a valid token, and the quota project if there is one. A rejected request is sent again with a new
    token.

    Args:
        credentials: The credentials to get tokens from. None: `google_auth_botocore.default()` finds them.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: There are no default credentials, or they are invalid.
    """
    return AuthorizedSession(_or_default(credentials))


def create_channel_credentials(
    credentials: google.auth.credentials.Credentials | None = None,
) -> grpc.ChannelCredentials:
    """Return the credentials of a channel for an exporter over gRPC, such as `OTLPSpanExporter(credentials=…)`.

    They contain gRPC's default roots of TLS. gRPC only sends tokens over TLS.

    Args:
        credentials: As for `create_session`.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: As for `create_session`.
    """
    with requires("grpcio", extra="opentelemetry"):
        import grpc  # noqa: PLC0415 - exporters over HTTP do not require it
        from google.auth.transport.grpc import AuthMetadataPlugin  # noqa: PLC0415 - as above

    plugin = AuthMetadataPlugin(_or_default(credentials), Request())
    return grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), grpc.metadata_call_credentials(plugin))


def _or_default(credentials: google.auth.credentials.Credentials | None) -> google.auth.credentials.Credentials:
    # There is one exporter for each of traces, metrics and logs.
    return shared(default()[0]) if credentials is None else credentials
