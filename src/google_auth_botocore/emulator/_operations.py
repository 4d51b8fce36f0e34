"""Long-running operations: what an API answers with while it is at work, though here all is done at once.

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
        """Makes an operation; gives it as at its start, so that a client has to ask for its end.

        Args:
            prefix: of its name, up to its id.
            metadata: says what it does; with an `@type`.
            response: what came of it; with an `@type`.
        """
        name = f"{prefix}{secrets.token_hex(16)}"
        started = {"name": name, "metadata": dict(metadata)}
        self._done[name] = {**started, "done": True, "response": dict(response)}
        return started

    def get(self, name: str) -> dict[str, Any]:
        """Gives an operation at its end.

        Raises:
            RpcError: 404, where there is none of this name.
        """
        if name not in self._done:
            raise RpcError(404, "Requested entity was not found.")
        return self._done[name]
