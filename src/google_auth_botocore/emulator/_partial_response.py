"""The parameter `fields` of Google's JSON APIs, which selects parts of a reply.

Source: https://cloud.google.com/storage/docs/json_api#partial-response
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

_NAME = re.compile(r"[^(),/]+")  # the names in an object's `metadata` can contain almost anything
_TOKEN = re.compile(rf"{_NAME.pattern}|[(),/]")
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
    tokens.reverse()
    tree = _selections(tokens)
    if tokens:
        raise FieldsError(tokens[-1])
    _check(tree, known)
    return _selected(document, tree)


def _selections(tokens: list[str]) -> Tree:
    """Parse and remove a list of selections. The tokens are in reverse order."""
    tree: Tree = {}
    while True:
        node = tree
        while True:
            name = tokens.pop() if tokens else ""
            if not _NAME.fullmatch(name):
                raise FieldsError(name)
            node = node.setdefault(name, {})
            if tokens[-1:] != ["/"]:
                break
            tokens.pop()
        if tokens[-1:] == ["("]:
            tokens.pop()
            node.update(_selections(tokens))
            if tokens[-1:] != [")"]:
                raise FieldsError("(")
            tokens.pop()
        if tokens[-1:] != [","]:
            return tree
        tokens.pop()


def _check(tree: Tree, known: Collection[str]) -> None:
    for name, inner in tree.items():
        if name != "*" and name not in known:
            raise FieldsError(name)
        if name not in {"labels", "metadata"}:  # the user chooses their names
            _check(inner, known)


def _selected(value: Any, tree: Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_selected(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _selected(each, tree[name]) for name, each in value.items() if name in tree}
