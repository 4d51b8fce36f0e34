"""The expected behaviour of each library, cell by cell, and the README's table of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from consumers.matrix import adapted, cloud, columns, files, grpc_clients, transports
from consumers.matrix.columns import Column
from consumers.matrix.world import Consumer


class Row(NamedTuple):
    """The cells of one library. The functions in `columns` define what happens to its token in each column.

    What the words mean:

    - works, refreshed, replaced: the job succeeds.
    - ERROR until refresh(): the library raises its own error until the user calls `credentials.refresh()`.
    - ERROR until scoped refresh(): the same on a copy with the scopes that the client requests.
    - ERROR until expiry: the library keeps the token, whatever the user does.
    - no effect: the job succeeds and a refresh is tried in the background; no request: the library requests no token yet.
    - our error, our message in …: the user sees our error or its text; cause lost: the user does not see it.
    - … or …: one of the two, which depends on how the library was built.

    Unless a cell says otherwise, there is one exchange and no wait.
    """

    job: str = "works"
    refresh: str = "refreshed"
    refused: str = "replaced"
    outage: str = "no effect"
    late_outage: str = "no effect"
    failure: str = "our error"


COLUMNS: dict[str, Column] = {name: getattr(columns, name) for name in Row._fields}

_GRPC = Row(refused="Unauthenticated until scoped refresh()")  # its channels never ask for another token
_GCSFS = Row(
    refused="HttpError until refresh()",
    outage="no request",
    late_outage="our message in __cause__ of HttpError, 3 min",  # it wants another in the last five minutes
    failure="our message in __cause__ of HttpError, 6 exchanges, 1 min",
)
# google-genai and the Cloud SQL connector want another in the last 3:45 minutes, and have it by `refresh` alone.
_BY_REFRESH = Row(outage="no request", late_outage="our error, ½ min")

EXPECTED: dict[type[Consumer], Row] = {
    transports.Requests: Row(),
    transports.Urllib3: Row(),
    transports.Httplib2: Row(),
    transports.Discovery: Row(),
    transports.Gspread: Row(),
    cloud.Storage: Row(),
    cloud.TransferManager: Row(),
    grpc_clients.StorageAsync: _GRPC._replace(failure="our message in ServiceUnavailable"),
    cloud.BigQuery: Row(),
    cloud.PandasGbq: Row(failure="our message in AccessDenied"),
    # With no scopes but cloud-platform, which are those of the object.
    grpc_clients.SecretManager: Row(
        refused="Unauthenticated until refresh()", failure="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.SecretManagerAsync: Row(
        refused="Unauthenticated until refresh()", failure="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.PubSub: _GRPC._replace(failure="our message in RetryError, 11 exchanges, 10 min"),
    grpc_clients.Firestore: _GRPC._replace(failure="our message in RetryError, 11 exchanges, 5 min"),
    cloud.Genai: _BY_REFRESH._replace(refused="ClientError until refresh()"),
    cloud.CloudSql: _BY_REFRESH._replace(refused="ClientResponseError until scoped refresh()"),
    files.Gcsfs: _GCSFS,
    files.Dask: _GCSFS,
    files.DuckDb: _GCSFS._replace(
        refused="Error until refresh()",
        # Its wheels for Python 3.12 and later show what the error of a file system says.
        late_outage="cause lost: Error, 6 min or our message in Error, 6 min",
        failure="cause lost: Error, 12 exchanges, 1½ min or our message in Error, 12 exchanges, 1½ min",
    ),
    # These three keep a token: obstore to its last minutes, in which it asks at each request; polars to its last five,
    # and then for 15 s at a time; gcloud-aio for half of what is left of its life.
    adapted.Obstore: Row(
        refused="UnauthenticatedError until expiry", outage="no request", failure="our message in UnauthenticatedError"
    ),
    adapted.Polars: Row(refused="OSError until refresh()", outage="no request"),
    adapted.GcloudAio: Row(refused="ClientResponseError until expiry", failure="our error, 2 exchanges, ½ min"),
    adapted.Httpx: Row(),
    adapted.GoogleAuthAio: Row(),
    adapted.Kubernetes: Row(refused="ApiException until refresh()"),
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


def written_into(text: str) -> str:
    """Return a README with its table replaced. Libraries that behave alike share a line."""
    names: dict[Row, list[str]] = {}
    for consumer, row in EXPECTED.items():
        names.setdefault(row, []).append(consumer.name)
    lines = [_HEAD, ["---"] * len(_HEAD), *((", ".join(who), *row[1:]) for row, who in names.items())]
    assert len(_BLOCK.findall(text)) == 1
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return _BLOCK.sub(re.sub(r"__\w+__", r"`\g<0>`", table), text)
