"""Every way to copy an object."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda each: pickle.loads(cloudpickle.dumps(each)),
    **{
        f"pickle {protocol}": lambda each, protocol=protocol: pickle.loads(pickle.dumps(each, protocol))  # type: ignore[misc]  # a default
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
