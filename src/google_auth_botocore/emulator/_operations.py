"""Long-running operations. Here each one is done at once, but the client still has to poll for the result.

Source: https://cloud.google.com/iam/docs/reference/rest/Shared.Types/Operation
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from google_auth_botocore.emulator._errors import RpcError


class Operations:
    """Every operation so far, by name."""

    def __init__(self) -> None:
        self._done: dict[str, dict[str, Any]] = {}

    def start(self, prefix: str, metadata: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
        """Record a finished operation, and return it as if it had just started.

        Args:
            prefix: its name up to the ID.
            metadata: its metadata, with an `@type`.
            response: its result, with an `@type`.
        """
        name = f"{prefix}{secrets.token_hex(16)}"
        started = {"name": name, "metadata": dict(metadata)}
        self._done[name] = {**started, "done": True, "response": dict(response)}
        return started

    def get(self, name: str) -> dict[str, Any]:
        """Return a finished operation.

        Raises:
            RpcError: 404 if no operation has this name.
        """
        if name not in self._done:
            raise RpcError(404, "Requested entity was not found.")
        return self._done[name]
