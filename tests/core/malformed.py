"""Hypothesis strategies for almost valid input: a JSON document or text with a few changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Change = Callable[[Any], Any]

numbers = st.sampled_from([0, -1, 1, 3600, 1e300, 10**400, 2**53, float("nan"), float("inf"), "3600", "9" * 5000])


def mutated(valid: object, *fragments: str) -> st.SearchStrategy[Any]:
    """Return a JSON document with up to four changes of values, members or letters.

    Args:
        valid: the valid document.
        fragments: texts with a meaning for the reader of the document.
    """
    few = st.lists(_changes(fragments), max_size=4)
    return st.builds(_apply, st.just(valid), few)


def near(*valid: str) -> st.SearchStrategy[str]:
    """Return one of these texts, unchanged or with a few changed letters, or any other short text."""
    return st.builds(_apply, st.sampled_from(valid), st.lists(_edits(valid), max_size=3)) | st.text(max_size=20)


def bodies(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return bodies of replies: documents in several encodings, complete or truncated, and bytes that are not JSON."""
    encodings = st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-32"])
    whole = st.builds(lambda document, encoding: json.dumps(document).encode(encoding), documents, encodings)
    broken = st.builds(
        lambda body, at, middle: body[: at % (len(body) + 1)] + middle + body[at % (len(body) + 1) + len(middle) :],
        whole,
        st.integers(0, 999),
        st.binary(max_size=3),
    )
    cut = st.builds(lambda body, at: body[: at % (len(body) + 1)], whole, st.integers(0, 999))
    others = st.binary(max_size=40) | st.sampled_from([b"[" * 20_000, b"<html>502</html>"])
    return whole | whole | broken | cut | others


def values(fragments: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return any JSON value, often one of the fragments."""
    words = st.sampled_from(fragments) if fragments else st.nothing()
    leaves = st.none() | st.booleans() | numbers | st.integers() | st.floats() | st.text(max_size=20) | words | words
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | words, inner, max_size=3),
        max_leaves=4,
    )


def _changes(fragments: tuple[str, ...]) -> st.SearchStrategy[Change]:
    junk, where = values(fragments), st.integers(0, 63)
    return st.one_of(
        st.builds(lambda at, value: lambda document: _set(document, at, value), where, junk),
        st.builds(lambda at, edit: lambda document: _at(document, at, edit), where, _edits(fragments)),
        st.builds(lambda at: lambda document: _drop(document, at), where),
        st.builds(
            lambda name, value: lambda document: {**document, name: value} if isinstance(document, dict) else document,
            st.sampled_from(fragments) if fragments else st.text(max_size=8),
            junk,
        ),
    )


def _edits(fragments: tuple[str, ...]) -> st.SearchStrategy[Change]:
    """Return functions that replace a few letters if the value is a text."""

    def edit(at: int, cut: int, letters: str) -> Change:
        def change(text: Any) -> Any:
            if not isinstance(text, str):
                return text
            place = at % (len(text) + 1)
            return text[:place] + letters + text[place + cut :]

        return change

    letters = st.sampled_from(
        [*"/?#@:.%\\ \n\t\0{}[]-_~é１\u202e\ud800", "", "//", "..", "%2e", "%00", "\r\n", *fragments]
    )
    return st.builds(edit, st.integers(0, 199), st.sampled_from([0, 0, 1, 2, 50]), letters)


def _apply(valid: object, changes: list[Change]) -> Any:
    document = copy.deepcopy(valid)
    for change in changes:
        document = change(document)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a document with each of its keys."""
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from _places(document[key])


def _at(document: Any, at: int, change: Change) -> Any:
    places = list(_places(document))
    if not places:
        return change(document)
    container, key = places[at % len(places)]
    container[key] = change(container[key])
    return document


def _set(document: Any, at: int, value: Any) -> Any:
    return _at(document, at, lambda _: value)


def _drop(document: Any, at: int) -> Any:
    places = list(_places(document))
    if places:
        container, key = places[at % len(places)]
        del container[key]
    return document
