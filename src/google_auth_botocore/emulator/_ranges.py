"""Range requests, in the one form that Cloud Storage accepts: https://www.rfc-editor.org/rfc/rfc9110#name-range."""

from __future__ import annotations

import re
from collections.abc import Mapping

from google_auth_botocore.emulator._http import Response

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def range_response(content: bytes, requested: str, headers: Mapping[str, str]) -> Response | None:
    """Return a reply with the requested range, or with all of the content. None: the range is empty.

    Args:
        content: the whole content.
        requested: the request's `Range` header. If it is empty or invalid, the reply has the whole content.
        headers: headers of the reply.
    """
    part = _RANGE.fullmatch(requested)
    if part is None or part[0] == "bytes=-":
        return Response(content, 200, dict(headers))
    size = len(content)
    start = int(part[1]) if part[1] else max(0, size - int(part[2]))
    end = min(size, int(part[2]) + 1) if part[1] and part[2] else size
    if start >= end:
        return None
    return Response(content[start:end], 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"})
