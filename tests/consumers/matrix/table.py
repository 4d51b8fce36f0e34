"""The expected behaviour of each library, and the table of it on the page of the adapters."""

from __future__ import annotations

import re

from consumers.matrix import adapted, cloud, files, genai, grpc_clients, transports
from consumers.matrix.harness import Consumer
from consumers.matrix.row import ONLY_REFRESH, Row

_GRPC = Row(revoked="Unauthenticated until scoped refresh()")  # gRPC channels do not refresh after a rejection
_GCSFS = Row(
    call="works, 2 exchanges",  # one for the type of the bucket, over gRPC, with other scopes
    revoked="HttpError until refresh()",
    outage="no request",
    late_outage="our message in __cause__ of HttpError, 3 min",  # it refreshes in the last five minutes
    denied="our message in __cause__ of HttpError, 6 exchanges, 1 min",
)

EXPECTED: dict[type[Consumer], Row] = {
    transports.Requests: Row(),
    transports.Urllib3: Row(),
    transports.Httplib2: Row(),
    transports.Discovery: Row(),
    transports.Gspread: Row(),
    cloud.Storage: Row(),
    cloud.TransferManager: Row(),
    grpc_clients.StorageAsync: _GRPC._replace(denied="our message in ServiceUnavailable"),
    cloud.BigQuery: Row(),
    cloud.PandasGbq: Row(denied="our message in AccessDenied"),
    # Their only scope is cloud-platform, the default scope of the credentials.
    grpc_clients.SecretManager: Row(
        revoked="Unauthenticated until refresh()", denied="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.SecretManagerAsync: Row(
        revoked="Unauthenticated until refresh()", denied="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.PubSub: _GRPC._replace(denied="our message in RetryError, 11 exchanges, 10 min"),
    grpc_clients.Firestore: _GRPC._replace(denied="our message in RetryError, 11 exchanges, 5 min"),
    genai.Genai: genai.ROW,
    cloud.CloudSql: ONLY_REFRESH._replace(revoked="ClientResponseError until scoped refresh()"),
    files.Gcsfs: _GCSFS,
    files.Dask: _GCSFS,
    files.DuckDb: _GCSFS._replace(
        revoked="Error until refresh()",
        # Only its wheels for Python 3.12 and later show the message of a file system's error.
        late_outage="cause lost: Error, 6 min or our message in Error, 6 min",
        denied="cause lost: Error, 12 exchanges, 1½ min or our message in Error, 12 exchanges, 1½ min",
    ),
    # These three cache the token: obstore until its last minutes, in which it requests one for each call; polars until the
    # last five minutes, and then for 15 s at a time; gcloud-aio for half of its remaining lifetime.
    adapted.Obstore: Row(
        revoked="UnauthenticatedError until expiry",
        outage="no request",
        denied="our message in UnauthenticatedError",
    ),
    adapted.Polars: Row(revoked="OSError until refresh()", outage="no request"),
    adapted.GcloudAio: Row(revoked="ClientResponseError until expiry", denied="our error, 2 exchanges, ½ min"),
    adapted.Httpx: Row(),
    adapted.Httpx2: Row(),
    adapted.GoogleAuthAio: Row(),
    adapted.Kubernetes: Row(revoked="ApiException until refresh()"),
    adapted.OpenAI: Row(revoked="AuthenticationError until refresh()"),
    adapted.Pyiceberg: Row(revoked="UnauthorizedError until refresh()"),
    adapted.OtlpHttp: Row(denied="our message in LoggedError"),
    adapted.OtlpGrpc: Row(revoked="LoggedError until refresh()", denied="our message in LoggedError, ½ min"),
}

_HEAD = (
    "library",
    "token revoked",
    "outage 7 min before expiry",
    "… 2 min before",
    "role revoked, token expired",
)
_BLOCK = re.compile("(?<=<!-- matrix -->\n).*?(?=<!-- /matrix -->)", re.DOTALL)


def with_table(text: str) -> str:
    """Return the page with its table replaced. Libraries with the same behaviour share a line."""
    names: dict[Row, list[str]] = {}
    for consumer, row in EXPECTED.items():
        names.setdefault(row, []).append(consumer.name)
    # The page says so in a sentence.
    assert {row.expired for row in names} == {"refreshed"}
    lines = [_HEAD, ["---"] * len(_HEAD), *((", ".join(libraries), *row[2:]) for row, libraries in names.items())]
    assert len(_BLOCK.findall(text)) == 1
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return _BLOCK.sub(re.sub(r"__\w+__", r"`\g<0>`", table), text)
