"""What a crash report shows of an exception: the locals of its frames, and what is in containers there."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

_TESTS = str(Path(__file__).parent.parent)


def in_frames(error: BaseException | None) -> str:
    """All text in the frames of an error, of what it comes of and of what it was raised in; but for the frames of tests."""
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
        hanging = [*each.args, *members, *getattr(each, "__dict__", {}).values()]
        pending += [each.__cause__, each.__context__, *(part for part in hanging if isinstance(part, BaseException))]
    return unquote(unquote(" ".join(found)))


def _texts(value: Any, depth: int) -> Iterator[str]:
    """As Sentry and stackprinter write a value: a container by its elements, anything else by its `repr`."""
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
        except Exception:  # of an object that was interrupted while it was built
            yield type(value).__name__


def of_ours(frame: FrameType) -> bool:
    """Whether code of the package runs in a frame."""
    return str(frame.f_globals.get("__name__")).startswith("google_auth_botocore")
