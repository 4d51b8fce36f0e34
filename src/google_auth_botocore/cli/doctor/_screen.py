"""The width of the terminal, and the characters that may be written to it."""

from __future__ import annotations

import os
import re
from typing import TextIO

_WIDTH = 80


def columns(stream: TextIO) -> int:
    """Return the width of a terminal. A file or a pipe has 80 columns, so that a report in a ticket does not depend on them."""
    try:
        if not stream.isatty():
            return _WIDTH
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return _WIDTH
    return width or _WIDTH


def printable(text: str) -> str:
    """Return the text in ASCII and without control characters. Parts of it may come from a server."""
    kept = re.sub(r"[^\n -~]", lambda found: found[0].encode("unicode_escape").decode(), text.replace("…", "..."))
    return kept.encode("ascii", "backslashreplace").decode()
