"""The expected behaviour of each library, and the README's table of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from consumers.matrix import adapted, cloud, columns, files, grpc_clients, transports
from consumers.matrix.columns import Column
from consumers.matrix.harness import Consumer


class Row(NamedTuple):
    """The cells of one library. The module `columns` has a function for each.

    What the cells mean:

    - works, refreshed, replaced: the user notices nothing.
    - ERROR until refresh(): the library raises ERROR until the user calls `credentials.refresh()`.
    - ERROR until scoped refresh(): the same for a copy of the credentials with the client's scopes.
    - ERROR until expiry: the library uses the token until it expires, whatever the user does.
    - no effect: a background refresh fails, and the token is still used; no request: the library does not request a
      token yet.
    - our error, our message in ERROR: the user sees our error, or our message in the library's error.
    - cause lost: ERROR: the user does not see the reason.
    - … or …: one of the two, depending on how the library was built.

    Unless a cell says otherwise, there is one exchange, and calls do not wait.
    """

    call: str = "works"
    expired: str = "refreshed"
    revoked: str = "replaced"
    outage: str = "no effect"
    late_outage: str = "no effect"
    denied: str = "our error"


COLUMNS: dict[str, Column] = {name: getattr(columns, name) for name in Row._fields}

_GRPC = Row(revoked="Unauthenticated until scoped refresh()")  # gRPC channels do not refresh after a rejection
_GCSFS = Row(
    revoked="HttpError until refresh()",
    outage="no request",
    late_outage="our message in __cause__ of HttpError, 3 min",  # it refreshes in the last five minutes
    denied="our message in __cause__ of HttpError, 6 exchanges, 1 min",
)
# google-genai and the Cloud SQL connector use only `refresh()`, and call it in the last 3:45 minutes.
_ONLY_REFRESH = Row(outage="no request", late_outage="our error, ½ min")

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
    cloud.Genai: _ONLY_REFRESH._replace(revoked="ClientError until refresh()"),
    cloud.CloudSql: _ONLY_REFRESH._replace(revoked="ClientResponseError until scoped refresh()"),
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
    adapted.GoogleAuthAio: Row(),
    adapted.Kubernetes: Row(revoked="ApiException until refresh()"),
}

_HEAD = (
    "library",
    "token expired",
    "token revoked",
    "outage 7 min before expiry",
    "… 2 min before",
    "role revoked, token expired",
)
_BLOCK = re.compile("(?<=<!-- matrix -->\n).*?(?=<!-- /matrix -->)", re.DOTALL)


def with_table(text: str) -> str:
    """Return the README with its table replaced. Libraries with the same behaviour share a line."""
    names: dict[Row, list[str]] = {}
    for consumer, row in EXPECTED.items():
        names.setdefault(row, []).append(consumer.name)
    lines = [_HEAD, ["---"] * len(_HEAD), *((", ".join(libraries), *row[1:]) for row, libraries in names.items())]
    assert len(_BLOCK.findall(text)) == 1
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return _BLOCK.sub(re.sub(r"__\w+__", r"`\g<0>`", table), text)
