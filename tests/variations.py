"""Values of parameters that only `nox -s slow` tries: variations of what another value shows in the default run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*values: Any) -> list[Any]:
    """Mark values as slow; a tuple: one for each parameter."""
    return [pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.slow) for each in values]


def few(values: Iterable[Any], number: int = 1) -> list[Any]:
    """Leave the first few as they are, and mark the others as slow."""
    every = list(values)
    return [*every[:number], *slow(*every[number:])]
