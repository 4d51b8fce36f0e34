"""Marks parameter values as slow if they only vary another value, so that only `nox -s slow` runs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*values: Any) -> list[Any]:
    """Mark values as slow. A tuple has a value for each parameter."""
    return [pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.slow) for each in values]


def few(values: Iterable[Any], number: int = 1) -> list[Any]:
    """Return the values, all marked as slow except the first few."""
    every = list(values)
    return [*every[:number], *slow(*every[number:])]
