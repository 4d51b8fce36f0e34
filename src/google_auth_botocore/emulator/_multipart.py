"""The parts of a multipart body: an upload with metadata, a batch, or a form.

It does not use an email parser for the whole body, which would parse a file that is itself an email, and change line ends.
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser
from typing import NamedTuple


class Part(NamedTuple):
    """A part.

    Attributes:
        headers: its headers. Names are not case-sensitive.
        content: its content.
    """

    headers: Message
    content: bytes


def parts(content_type: str, body: bytes) -> list[Part]:
    """Return the parts of a body. It is empty if the body is malformed.

    Args:
        content_type: the `Content-Type` of the body.
        body: the body.
    """
    kind = Message()
    kind["Content-Type"] = content_type
    boundary = kind.get_boundary() or ""
    # apitools, in gcloud and gsutil, puts the boundary in single quotes. By the standard, they are part of it, but apitools
    # does not use them in the body.
    for each in (boundary, boundary.strip("'")):
        delimiter = b"--" + each.encode("latin-1", "replace")
        start = re.search(rb"(?:\A|\n)" + re.escape(delimiter) + rb"[ \t]*(\r?\n)", body) if each else None
        if start is not None:
            # The line end before a delimiter belongs to it. Some clients end all lines with a line feed only.
            end = re.escape(start[1] + delimiter) + rb"(?=--|[ \t]*\r?\n)"
            return [_part(piece) for piece in re.split(end, body[start.start(1) :])[:-1]]
    return []


def _part(piece: bytes) -> Part:
    """Split a part into headers and content at the first empty line."""
    found = re.search(rb"\r?\n\r?\n", piece)
    head, content = (piece, b"") if found is None else (piece[: found.start()], piece[found.end() :])
    return Part(BytesParser().parsebytes(head.lstrip(b"\r\n"), headersonly=True), content)
