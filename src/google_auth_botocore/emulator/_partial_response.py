"""The parameter `fields` of Google's JSON APIs, which selects parts of a reply.

Source: https://cloud.google.com/storage/docs/json_api#partial-response
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

_TOKEN = re.compile(r"[\w*]+|[(),/]")
Tree = dict[str, "Tree"]


class FieldsError(ValueError):
    """The value of `fields` is invalid. The message is the invalid part."""


def select(document: Any, fields: str, known: Collection[str]) -> Any:
    """Return the parts of a document that `fields` selects.

    Args:
        document: a JSON document.
        fields: `kind,items(name,size)` or `items/name`, for example.
        known: every field name that is valid at any depth.

    Raises:
        FieldsError: the syntax is wrong, or a name is unknown.
    """
    tokens = _TOKEN.findall(fields)
    if "".join(tokens) != fields or not tokens:
        raise FieldsError(fields)
    tree = _selections(tokens)
    if tokens:
        raise FieldsError(tokens[0])
    _check(tree, known)
    return _selected(document, tree)


def _selections(tokens: list[str]) -> Tree:
    """Parse and remove a list of selections at the start of the tokens."""
    tree: Tree = {}
    while True:
        node = tree
        while True:
            name = tokens.pop(0) if tokens else ""
            if not re.fullmatch(r"[\w*]+", name):
                raise FieldsError(name)
            node = node.setdefault(name, {})
            if tokens[:1] != ["/"]:
                break
            tokens.pop(0)
        if tokens[:1] == ["("]:
            tokens.pop(0)
            node.update(_selections(tokens))
            if tokens[:1] != [")"]:
                raise FieldsError("(")
            tokens.pop(0)
        if tokens[:1] != [","]:
            return tree
        tokens.pop(0)


def _check(tree: Tree, known: Collection[str]) -> None:
    for name, inner in tree.items():
        if name != "*" and name not in known:
            raise FieldsError(name)
        if name != "metadata":  # its field names are defined by the user
            _check(inner, known)


def _selected(value: Any, tree: Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_selected(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _selected(each, tree[name]) for name, each in value.items() if name in tree}
