"""What Google's metadata server says to a request, as a pure function of its path and query.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
https://cloud.google.com/run/docs/container-contract#metadata-server
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from google_auth_botocore.cli.serve._http import Reply, document, text

_ROOT = ("computeMetadata", "v1")
_ACCOUNTS = "service-accounts"
# A directory is a mapping, a value is text, a number or a list; a token is its own kind of value.
_Node = Mapping[str, Any]


class AccessToken(NamedTuple):
    """The answer is an access token; no scopes: those of the credentials."""

    scopes: tuple[str, ...]


class IDToken(NamedTuple):
    """The answer is an ID token."""

    audience: str
    include_email: bool


Wanted = AccessToken | IDToken


class Identity(NamedTuple):
    """Whose metadata it is.

    Attributes:
        email: The service account; without one, a name of the pool, which is no address.
        scopes: What its access tokens are good for where a client does not say.
        project_id: Project that clients are to take as their default.
        project_number: Of the pool's project.
        universe_domain: Domain of Google's endpoints.
    """

    email: str
    scopes: tuple[str, ...]
    project_id: str
    project_number: int
    universe_domain: str


def answer(identity: Identity, path: str, query: Mapping[str, str]) -> Reply | Wanted:
    """What a request gets: an answer, or the token that is the answer.

    Args:
        identity: Whose metadata it is.
        path: Percent-decoded.
        query: The last value of each parameter.
    """
    segments = path.strip("/").split("/") if path.strip("/") else []
    node: Any = {_ROOT[0]: {_ROOT[1]: _tree(identity)}}
    for segment in segments:
        node = node.get(segment) if isinstance(node, Mapping) else None
        if node is None:
            return text(404, "This metadata server has no such entry.")
    if node is AccessToken:
        return AccessToken(tuple(re.findall(r"[^,\s]+", query.get("scopes", ""))))
    if node is IDToken:
        audience = query.get("audience")
        if not audience:
            return text(400, "The parameter audience is missing.")
        return IDToken(audience, query.get("format") == "full")
    if isinstance(node, Mapping):
        recursive = query.get("recursive", "").lower() == "true"
        name = segments[-1] if segments else ""
        return document(_recursive(name, node)) if recursive else text(200, _listing(node))
    return text(200, "".join(f"{each}\n" for each in node) if isinstance(node, list) else str(node))


def _tree(identity: Identity) -> _Node:
    account = {
        "aliases": ["default"],
        "email": identity.email,
        "identity": IDToken,
        "scopes": list(identity.scopes),
        "token": AccessToken,
    }
    return {
        "instance": {_ACCOUNTS: {identity.email: account, "default": account}},
        "project": {"numeric-project-id": identity.project_number, "project-id": identity.project_id},
        # The second as older clients spell it.
        "universe": dict.fromkeys(("universe-domain", "universe_domain"), identity.universe_domain),
    }


def _listing(node: _Node) -> str:
    return "".join(f"{name}/\n" if isinstance(value, Mapping) else f"{name}\n" for name, value in node.items())


def _recursive(directory: str, node: _Node) -> dict[str, Any]:
    """A directory as JSON: keys in camel case, but for names of accounts; no tokens."""
    found: dict[str, Any] = {}
    for name, value in node.items():
        key = name if directory == _ACCOUNTS else re.sub(r"[-_](\w)", lambda match: match[1].upper(), name)
        if isinstance(value, Mapping):
            found[key] = _recursive(name, value)
        elif not isinstance(value, type):
            found[key] = value
    return found
