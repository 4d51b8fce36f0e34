"""Batches: several requests to Cloud Storage's JSON API in one.

Source: https://cloud.google.com/storage/docs/batch
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from email.parser import BytesParser
from http import HTTPStatus

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._multipart import Part, parts
from google_auth_botocore.emulator._storage_request import StorageRequest

_MAX_REQUESTS = 100
_BOUNDARY = "batch_reply_7c1f0a52d4"
_LINE = re.compile(rb"([A-Z]+) (?:https?://[^/ ]+)?(/[^ ?]*)(?:\?([^ ]*))?(?: HTTP/[\d.]+)?")


def answer_batch(request: StorageRequest, answer: Callable[[StorageRequest], Response]) -> Response:
    """Return the replies to the requests in a batch.

    Args:
        request: the batch. Its caller is the caller of each request.
        answer: returns the reply to one request.

    Raises:
        StorageError: the batch is malformed or too large.
    """
    found = parts(request.headers.get("content-type", ""), request.body)
    if not found:
        raise errors.StorageError(400, "badRequest", "Failed to parse batch request, error: 0 items.")
    if len(found) > _MAX_REQUESTS:
        message = f"The batch request should not contain more than {_MAX_REQUESTS} calls."
        raise errors.StorageError(400, "invalid", message)
    body = b"".join(_reply(part, _answer(request, part, answer)) for part in found)
    kind = {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"}
    return Response(body + f"--{_BOUNDARY}--\r\n".encode(), 200, kind)


def _answer(batch: StorageRequest, part: Part, answer: Callable[[StorageRequest], Response]) -> Response:
    line, _, rest = part.content.lstrip().replace(b"\r\n", b"\n").partition(b"\n")
    head, _, body = rest.partition(b"\n\n") if not rest.startswith(b"\n") else (b"", b"", rest[1:])
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return errors.StorageError(400, "badRequest", "Failed to parse a request of the batch.").response()
    headers = {name.lower(): str(value) for name, value in BytesParser().parsebytes(head, headersonly=True).items()}
    method, path, query = (each.decode("latin-1") for each in (match[1], match[2], match[3] or b""))
    headers = {**headers, "host": batch.headers.get("host", "")}
    inner = replace(batch, method=method, path=path, query=query, headers=headers, body=body.strip())
    try:
        return answer(inner)
    except errors.StorageError as error:
        return error.response()


def _reply(part: Part, response: Response) -> bytes:
    body, kind = response.encoded()
    headers = {"Content-Type": kind, **response.headers, "Content-Length": str(len(body))}
    identifier = str(part.headers.get("Content-ID", "")).strip().removeprefix("<")
    lines = [
        f"--{_BOUNDARY}",
        "Content-Type: application/http",
        *([f"Content-ID: <response-{identifier}"] if identifier else []),
        "",
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + body + b"\r\n"
