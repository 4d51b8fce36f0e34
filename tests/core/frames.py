"""The text that a crash report shows of an exception: the local variables of its frames, including nested containers."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

_TESTS = str(Path(__file__).parent.parent)


def text_in_frames(error: BaseException | None) -> str:
    """Return all text in the frames of an error, its causes and contexts, except frames of tests."""
    found: list[str] = []
    pending, seen = [error], set[int]()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if not frame.f_code.co_filename.startswith(_TESTS):
                found += _texts(frame.f_locals, 6)
        members = getattr(each, "exceptions", ())
        attached = [*each.args, *members, *getattr(each, "__dict__", {}).values()]
        pending += [each.__cause__, each.__context__, *(part for part in attached if isinstance(part, BaseException))]
    return unquote(unquote(" ".join(found)))


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Yield the text of a value as Sentry and stackprinter show it: a container's elements, or the `repr`."""
    if isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping):
        for name, each in list(value.items()):
            yield from _texts(name, depth - 1)
            yield from _texts(each, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for each in list(value):
            yield from _texts(each, depth - 1)
    else:
        try:
            yield repr(value)
        except Exception:  # the `repr` of an object whose construction was interrupted can fail
            yield type(value).__name__


def is_package_frame(frame: FrameType) -> bool:
    """Return whether a frame runs code of the package."""
    return str(frame.f_globals.get("__name__")).startswith("google_auth_botocore")
