"""The two formats of a metadata server: JSON and text. A client chooses with the parameter `alt`.

https://cloud.google.com/compute/docs/metadata/querying-metadata#format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google_auth_botocore.cli.serve._http import Reply, json_reply, text_reply

_JSON = "json"
_TEXT = "text"


def value_reply(value: Any, query: Mapping[str, str], *, json_by_default: bool = False) -> Reply:
    """Return the reply with a value, in the format that the query requests.

    Args:
        value: Text, a number, or a list or mapping of these.
        query: The last value of each parameter. Other formats than json and text are ignored, as by Google's server.
        json_by_default: Whether the format is JSON if the query has no `alt`.
    """
    form = query.get("alt", "").lower()
    if form not in {_JSON, _TEXT}:
        form = _JSON if json_by_default else _TEXT
    return json_reply(value) if form == _JSON else text_reply(200, _as_text(value))


def in_requested_format(reply: Reply, query: Mapping[str, str]) -> Reply:
    """Return a reply with a token in the format that the query requests. Errors stay text."""
    if reply.status != 200 or "alt" not in query:
        return reply
    is_json = reply.content_type == "application/json"
    value = json.loads(reply.body) if is_json else reply.body.decode()
    return value_reply(value, query, json_by_default=is_json)._replace(etag=reply.etag)


def _as_text(value: Any) -> str:
    """Return a value as it is, and a list or mapping as lines. Each line of a mapping is a path and its value."""
    if isinstance(value, Mapping):
        return "".join(f"{path} {each}\n" for path, each in _leaves(value))
    return "".join(f"{each}\n" for each in value) if isinstance(value, list) else str(value)


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}/")
        elif isinstance(value, list):
            yield from ((f"{prefix}{name}", each) for each in value)
        else:
            yield f"{prefix}{name}", value
