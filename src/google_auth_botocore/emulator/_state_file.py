"""The file with the emulator's state, which one emulator at a time uses."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from google_auth_botocore.emulator import _private_files, _state
from google_auth_botocore.emulator._emulator import Emulator

try:
    import fcntl
except ImportError:  # Windows: two emulators with one file are not noticed there
    fcntl = None  # type: ignore[assignment]

_VERSION = 1


class StateFile:
    """Keeps the state of an emulator in a file. A `with` block locks the file.

    Attributes:
        setup: the options with which the saved state was set up; None: nothing was saved yet.
    """

    def __init__(self, path: Path) -> None:
        """Use a file that may not exist yet."""
        self._path = path
        self._lock: int | None = None
        self._saved: dict[str, Any] | None = None
        self.setup: Mapping[str, Any] | None = None

    def __enter__(self) -> StateFile:
        """Lock the file.

        Raises:
            OSError: the directory does not exist or is read-only.
            ValueError: another emulator uses the file.
        """
        # A file next to it, because saving replaces the file itself. It stays: to delete it would break the lock.
        self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise ValueError(f"another emulator uses the state file {self._path}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)

    def load(self, google: Emulator) -> None:
        """Replace the state of an emulator that is not running, if the file exists and is not empty.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or from another version.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        if not content.strip():
            return
        try:
            document = json.loads(content.decode())
            if document["version"] != _VERSION:
                raise ValueError(f"its version is not {_VERSION}")
            _state.load(google, document["state"])
            self.setup = document["setup"]
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"the state file {self._path} is damaged or from another version ({type(error).__name__})."
                " Delete it to start with an empty state"
            ) from error

    def save(self, google: Emulator, setup: Mapping[str, Any]) -> None:
        """Write the state if it changed since the last time.

        Raises:
            OSError: the file cannot be written.
        """
        document = {"version": _VERSION, "setup": dict(setup), "state": _state.dump(google)}
        if document != self._saved:
            _private_files.write(self._path, json.dumps(document))
            self._saved = document
