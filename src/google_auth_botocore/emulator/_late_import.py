"""Run a function as soon as a module has been imported."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class WhenImported(MetaPathFinder):
    """Runs a function after each import of a module, until `restore` is called.

    Args:
        name: the module, which has not been imported yet.
        action: the function. It runs in the thread that imports the module.
    """

    def __init__(self, name: str, action: Callable[[], None]) -> None:
        self._name = name
        self._action = action
        self._active = True
        sys.meta_path.insert(0, self)

    def restore(self) -> None:
        """Stop."""
        self._active = False
        with contextlib.suppress(ValueError):  # other code has restored `sys.meta_path`
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders return, with a loader that runs the function in the end."""
        if fullname != self._name or not self._active:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        if loader is None:  # a namespace package
            return
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if self._active:
                self._action()

        loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
