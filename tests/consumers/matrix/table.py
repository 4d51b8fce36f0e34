"""What each library does, cell by cell, and the README's table of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from consumers.matrix import adapted, cloud, columns, files, grpc_clients, transports
from consumers.matrix.columns import Column
from consumers.matrix.world import Consumer


class Row(NamedTuple):
    """The cells of one library; `columns` says what becomes of its token in each.

    What the words mean:

    - works, renewed, replaced: the user notices nothing.
    - ERROR, user refreshes: the library raises its own, until `credentials.refresh()`.
    - ERROR, user refreshes its scopes: until the same of a copy with the scopes that the client asks for.
    - ERROR to its end: the library keeps the token, whatever the user does.
    - unnoticed: while a refresh is tried in the background; unasked: it asks for nothing yet.
    - our error, our message in …: what the user sees is ours, or says what ours does; lost: does not.
    - … or …: one of the two, by how the library was built.

    Unless a cell says otherwise, Google is asked for one token, and nobody waits.
    """

    job: str = "works"
    refresh: str = "renewed"
    refused: str = "replaced"
    outage: str = "unnoticed"
    late_outage: str = "unnoticed"
    failure: str = "our error"


COLUMNS: dict[str, Column] = {name: getattr(columns, name) for name in Row._fields}

_GRPC = Row(refused="Unauthenticated, user refreshes its scopes")  # its channels never ask for another token
_GCSFS = Row(
    refused="HttpError, user refreshes",
    outage="unasked",
    late_outage="our message in __cause__ of HttpError, 3 min",  # it wants another in the last five minutes
    failure="our message in __cause__ of HttpError, 6 exchanges, 1 min",
)
# google-genai and the Cloud SQL connector want another in the last 3:45 minutes, and have it by `refresh` alone.
_BY_REFRESH = Row(outage="unasked", late_outage="our error, ½ min")

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
        refused="Unauthenticated, user refreshes", failure="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.SecretManagerAsync: Row(
        refused="Unauthenticated, user refreshes", failure="our message in RetryError, 3 exchanges, ½ min"
    ),
    grpc_clients.PubSub: _GRPC._replace(failure="our message in RetryError, 11 exchanges, 10 min"),
    grpc_clients.Firestore: _GRPC._replace(failure="our message in RetryError, 11 exchanges, 5 min"),
    cloud.Genai: _BY_REFRESH._replace(refused="ClientError, user refreshes"),
    cloud.CloudSql: _BY_REFRESH._replace(refused="ClientResponseError, user refreshes its scopes"),
    files.Gcsfs: _GCSFS,
    files.Dask: _GCSFS,
    files.DuckDb: _GCSFS._replace(
        refused="Error, user refreshes",
        # Its wheels for Python 3.12 and later show what the error of a file system says.
        late_outage="lost: Error, 6 min or our message in Error, 6 min",
        failure="lost: Error, 12 exchanges, 1½ min or our message in Error, 12 exchanges, 1½ min",
    ),
    # These three keep a token: obstore to its last minutes, in which it asks at each request; polars to its last five,
    # and then for 15 s at a time; gcloud-aio for half of what is left of its life.
    adapted.Obstore: Row(
        refused="UnauthenticatedError to its end", outage="unasked", failure="our message in UnauthenticatedError"
    ),
    adapted.Polars: Row(refused="OSError, user refreshes", outage="unasked"),
    adapted.GcloudAio: Row(refused="ClientResponseError to its end", failure="our error, 2 exchanges, ½ min"),
    adapted.Httpx: Row(),
    adapted.GoogleAuthAio: Row(),
    adapted.Kubernetes: Row(refused="ApiException, user refreshes"),
}

_HEAD = (
    "library",
    "token over",
    "token revoked",
    "Google down 7 min before its end",
    "… 2 min before",
    "grant taken away, token over",
)
_BLOCK = re.compile("(?<=<!-- matrix -->\n).*?(?=<!-- /matrix -->)", re.DOTALL)


def written_into(text: str) -> str:
    """A README with the table in the place of the one that is there, a line for all libraries that do the same."""
    names: dict[Row, list[str]] = {}
    for consumer, row in EXPECTED.items():
        names.setdefault(row, []).append(consumer.name)
    lines = [_HEAD, ["---"] * len(_HEAD), *((", ".join(who), *row[1:]) for row, who in names.items())]
    assert len(_BLOCK.findall(text)) == 1
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return _BLOCK.sub(re.sub(r"__\w+__", r"`\g<0>`", table), text)
