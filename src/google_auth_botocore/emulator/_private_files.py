"""Write files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp


def write(path: Path, text: str) -> None:
    """Write a file with mode 0600. A reader sees the old content or the new one, never a part.

    Raises:
        OSError: the directory does not exist or is read-only, or the disk is full.
    """
    descriptor, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # creates it with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
