"""The cells of one library in the table."""

from __future__ import annotations

from typing import NamedTuple

from consumers.matrix import columns
from consumers.matrix.columns import Column


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

# google-genai and the Cloud SQL connector use only `refresh()`, and call it in the last 3:45 minutes.
ONLY_REFRESH = Row(outage="no request", late_outage="our error, ½ min")
