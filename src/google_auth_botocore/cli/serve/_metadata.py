"""The entries of a metadata server: find the one that a path and query name, without network calls.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
https://cloud.google.com/run/docs/container-contract#metadata-server
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from google_auth_botocore.cli.serve._changes import etag
from google_auth_botocore.cli.serve._formats import value_reply
from google_auth_botocore.cli.serve._http import Reply, text_reply
from google_auth_botocore.cli.serve._identity import Identity

_ROOT = ("computeMetadata", "v1")
_ACCOUNTS = "service-accounts"
# A directory is a mapping. A value is text, a number or a list, or the class of a token request.
_Node = Mapping[str, Any]


class AccessTokenRequest(NamedTuple):
    """A request for an access token. Without scopes, the token has the scopes of the credentials."""

    scopes: tuple[str, ...]


class IDTokenRequest(NamedTuple):
    """A request for an ID token."""

    audience: str
    include_email: bool


TokenRequest = AccessTokenRequest | IDTokenRequest


def answer(identity: Identity, path: str, query: Mapping[str, str]) -> Reply | TokenRequest:
    """Return the reply to a request, or the request for the token that the reply must contain.

    Args:
        identity: The identity whose metadata to serve.
        path: The path, percent-decoded.
        query: The last value of each parameter.
    """
    segments = path.strip("/").split("/") if path.strip("/") else []
    node: Any = {_ROOT[0]: {_ROOT[1]: _tree(identity)}}
    for segment in segments:
        node = node.get(segment) if isinstance(node, Mapping) else None
        if node is None:
            return text_reply(404, "This metadata server has no such entry.")
    if node is AccessTokenRequest:
        return AccessTokenRequest(tuple(re.findall(r"[^,\s]+", query.get("scopes", ""))))
    if node is IDTokenRequest:
        audience = query.get("audience")
        if not audience:
            return text_reply(400, "The parameter audience is missing.")
        return IDTokenRequest(audience, query.get("format") == "full")
    recursive = isinstance(node, Mapping) and query.get("recursive", "").lower() == "true"
    if recursive:
        # Only JSON has keys in camel case.
        as_text = query.get("alt", "").lower() == "text"
        value: Any = _recursive(segments[-1] if segments else "", node, camel_case=not as_text)
    else:
        value = _listing(node) if isinstance(node, Mapping) else node
    reply = value_reply(value, query, json_by_default=recursive)
    return reply._replace(etag=etag(json.dumps([recursive, path.strip("/"), value])))


def _tree(identity: Identity) -> _Node:
    account = {
        "aliases": ["default"],
        "email": identity.email,
        "identity": IDTokenRequest,
        "scopes": list(identity.scopes),
        "token": AccessTokenRequest,
    }
    return {
        "instance": {_ACCOUNTS: {identity.email: account, "default": account}},
        "project": {"numeric-project-id": identity.project_number, "project-id": identity.project_id},
        # Older clients use the name with an underscore.
        "universe": dict.fromkeys(("universe-domain", "universe_domain"), identity.universe_domain),
    }


def _listing(node: _Node) -> list[str]:
    return [f"{name}/" if isinstance(value, Mapping) else name for name, value in node.items()]


def _recursive(directory: str, node: _Node, *, camel_case: bool) -> dict[str, Any]:
    """Return a directory without tokens. In camel case, the names of accounts stay the same."""
    found: dict[str, Any] = {}
    for name, value in node.items():
        keep = directory == _ACCOUNTS or not camel_case
        key = name if keep else re.sub(r"[-_](\w)", lambda match: match[1].upper(), name)
        if isinstance(value, Mapping):
            found[key] = _recursive(name, value, camel_case=camel_case)
        elif not isinstance(value, type):
            found[key] = value
    return found
