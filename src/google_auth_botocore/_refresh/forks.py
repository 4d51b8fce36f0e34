"""The child of a fork: it has none of the parent's threads, and must not use the parent's locks and connections."""

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class Forked(Protocol):
    """An object that changes in the child."""

    def after_fork(self) -> None: ...


_OBJECTS: weakref.WeakSet[Forked] = weakref.WeakSet()
_ACTIONS: list[Callable[[], object]] = []


def watch(thing: Forked) -> None:
    """Call `after_fork` of an object in every child, as long as the object exists."""
    _OBJECTS.add(thing)


def in_child(action: Callable[[], object]) -> None:
    """Call a function in every child, before the objects that are watched."""
    _ACTIONS.append(action)


def begin_child() -> None:
    """Do what happens in the child of a fork."""
    for action in _ACTIONS:
        action()
    for thing in list(_OBJECTS):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=begin_child)
