"""Two fast servers to copy between: `python -m bench.copy_server storage|s3` prints the port on which it listens.

They do as little as possible, so that a copy's time is the client's time: they count and drop bodies, and use the checksums
that the client sends. Each is one process with one thread.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import google_crc32c

from bench.contestants import LARGE_SIZE, SMALL, SMALL_SIZE

_BLOCK = bytes(range(256)) * (1 << 12)  # 1 MiB; the large object repeats it
_PAGE = 1000
_KEPT = 1 << 16  # bytes: a longer body is dropped
_WHEN = "2026-01-01T00:00:00.000Z"


class Http(asyncio.BufferedProtocol):
    """HTTP/1.1 with keep-alive. Subclasses create the replies."""

    calls = 0

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(1 << 18))
        self._head = b""
        self._left = -1  # remaining bytes of the body; -1 if the head is incomplete
        self._body = b""
        self._sending: Iterator[bytes | memoryview] = iter(())
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(1 << 20)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._buffer[:nbytes]
        if self._left > len(data) and self._length > _KEPT:
            self._left -= len(data)
            return
        self._feed(bytes(data))

    def _feed(self, data: bytes) -> None:
        while data:
            if self._left < 0:
                self._head += data
                end = self._head.find(b"\r\n\r\n")
                if end < 0:
                    return
                data, self._head = self._head[end + 4 :], self._head[:end]
                self._lower = self._head.lower()
                self._length = self._left = int(self.header(b"content-length") or 0)
                if self._left and self.header(b"expect"):
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            piece, data = data[: self._left], data[self._left :]
            self._left -= len(piece)
            if self._length <= _KEPT:
                self._body += piece
            if self._left == 0:
                self._served()

    def _served(self) -> None:
        method, target, _ = self._head.split(b"\r\n", 1)[0].split(b" ")
        Http.calls += 1
        if target == b"/control":
            Http.calls = 0 if self._body == b"reset" else self.calls
            self.control(self._body)
        else:
            path, _, query = target.decode().partition("?")
            self.answer(method.decode(), path, query, self._body)
        self._head, self._body, self._left = b"", b"", -1

    def header(self, name: bytes) -> str:
        """Return the value of a header, or an empty string. The name must be lower-case."""
        start = self._lower.find(b"\r\n" + name + b":")
        if start < 0:
            return ""
        start += len(name) + 3
        end = self._head.find(b"\r\n", start)
        return self._head[start : end if end >= 0 else None].decode("latin-1").strip()

    def send(self, status: str, headers: str = "", body: bytes = b"", length: int | None = None) -> None:
        """Send a reply. *length* is the length of a body that is sent separately."""
        size = len(body) if length is None else length
        self._transport.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\n\r\n".encode() + body)

    def send_large(self, pieces: Iterator[bytes | memoryview]) -> None:
        """Send a body as fast as the client reads it."""
        self._sending = pieces
        self._pump()

    def _pump(self) -> None:
        while not self._paused:
            piece = next(self._sending, None)
            if piece is None:
                return
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def control(self, body: bytes) -> None:
        """Reply with the CPU seconds used so far. `reset` also deletes everything that was written."""
        if body == b"reset":
            self.forget()
        self.send("200 OK", "", json.dumps({"calls": self.calls, "cpu": time.process_time()}).encode())

    def forget(self) -> None:
        """Delete everything that was written."""

    def answer(self, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a request."""
        raise NotImplementedError


def _repeated(start: int, end: int) -> Iterator[bytes | memoryview]:
    block = memoryview(_BLOCK)
    while start < end:
        offset = start % len(_BLOCK)
        piece = block[offset : min(len(_BLOCK), offset + end - start, offset + (1 << 18))]
        yield piece
        start += len(piece)


def _small(number: int) -> bytes:
    return f"{number:08}".encode() * (SMALL_SIZE // 8)


class Bucket:
    """The source objects, `small/…` and `large/object`. Their content is generated, not stored."""

    def __init__(self) -> None:
        self.listed = [self._resource(f"small/{number:08}", _small(number)) for number in range(SMALL)]
        self._large: dict[str, object] | None = None

    def _resource(self, name: str, content: bytes) -> dict[str, object]:
        crc = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
        md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
        return self._described(name, len(content), crc, md5)

    def _described(self, name: str, size: int, crc: str, md5: str) -> dict[str, object]:
        return {
            "kind": "storage#object", "id": f"source/{name}/1700000000000000", "name": name, "bucket": "source",
            "generation": "1700000000000000", "metageneration": "1", "contentType": "application/octet-stream",
            "storageClass": "STANDARD", "size": str(size), "md5Hash": md5, "crc32c": crc, "etag": "CIDggciArYEDEAE=",
            "timeCreated": _WHEN, "updated": _WHEN, "timeStorageClassUpdated": _WHEN,
        }  # fmt: skip

    @property
    def large(self) -> dict[str, object]:
        if self._large is None:
            crc, md5 = google_crc32c.Checksum(), hashlib.md5()
            for _ in range(LARGE_SIZE // len(_BLOCK)):
                crc.update(_BLOCK)
                md5.update(_BLOCK)
            digests = [base64.b64encode(each.digest()).decode() for each in (crc, md5)]
            self._large = self._described("large/object", LARGE_SIZE, *digests)
        return self._large


class Storage(Http):
    """Cloud Storage's JSON API, for reads of the bucket `source`."""

    bucket: Bucket
    pages: dict[str, bytes] = {}  # noqa: RUF012 - one bucket per process

    def answer(self, method: str, path: str, query: str, body: bytes) -> None:
        _, separator, name = unquote(path).partition("/o/")
        number = name.removeprefix("small/")
        if not separator:
            self._list(query)
        elif name != "large/object" and not number.isdecimal():
            self.send("404 Not Found")
        elif "alt=media" in query:
            self._media(name)
        else:
            found = self.bucket.large if name == "large/object" else self.bucket.listed[int(number)]
            self.send("200 OK", "Content-Type: application/json\r\n", json.dumps(found).encode())

    def _list(self, query: str) -> None:
        host = self.header(b"host")
        if query not in self.pages:
            asked = dict(parse_qsl(query))
            prefix, start = asked.get("prefix", ""), asked.get("startOffset", "")
            found = [self.bucket.large] if prefix.startswith("large/") else self.bucket.listed
            first = int(asked.get("pageToken", "0"))
            page = [each for each in found if str(each["name"]) >= start][first : first + _PAGE]
            url = f"http://{host}/download/storage/v1/b/source/o/"
            items = [{**each, "mediaLink": url + str(each["name"]).replace("/", "%2F") + "?alt=media"} for each in page]
            document: dict[str, object] = {"kind": "storage#objects", "items": items}
            if first + _PAGE < len(found):
                document["nextPageToken"] = str(first + _PAGE)
            self.pages[query] = json.dumps(document).encode()
        self.send("200 OK", "Content-Type: application/json\r\n", self.pages[query])

    def _media(self, name: str) -> None:
        if name != "large/object":
            found = self.bucket.listed[int(name[6:])]
            self.send("200 OK", _describing(found), _small(int(name[6:])))
            return
        start, end, status, extra = 0, LARGE_SIZE, "200 OK", ""
        asked = self.header(b"range")
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(LARGE_SIZE, int(last) + 1 if last else LARGE_SIZE)
            status, extra = "206 Partial Content", f"Content-Range: bytes {start}-{end - 1}/{LARGE_SIZE}\r\n"
        self.send(status, _describing(self.bucket.large) + extra, length=end - start)
        self.send_large(_repeated(start, end))


def _describing(found: dict[str, object]) -> str:
    return (
        f"Content-Type: application/octet-stream\r\nx-goog-hash: crc32c={found['crc32c']},md5={found['md5Hash']}\r\n"
        f"x-goog-generation: {found['generation']}\r\nx-goog-metageneration: 1\r\n"
        f"x-goog-stored-content-length: {found['size']}\r\nx-goog-stored-content-encoding: identity\r\n"
    )


class S3(Http):
    """S3, for writes to any bucket. It keeps only the headers of an object and its entry in a listing."""

    objects: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - one S3 per process
    order: list[str] = []  # noqa: RUF012
    uploads: dict[str, tuple[str, dict[int, tuple[str, int]]]] = {}  # noqa: RUF012

    def forget(self) -> None:
        self.objects.clear()
        self.order.clear()
        self.uploads.clear()

    def answer(self, method: str, path: str, query: str, body: bytes) -> None:
        _, _, key = unquote(path[1:]).partition("/")
        if not key:
            self._of_bucket(method, query)
        elif query.startswith(("uploads", "uploadId", "partNumber")) or "uploadId=" in query:
            self._in_parts(method, key, dict(parse_qsl(query, keep_blank_values=True)), body)
        elif method == "PUT":
            md5 = self.header(b"content-md5")
            etag = base64.b64decode(md5).hex() if md5 else hashlib.md5(body).hexdigest()
            self._keep(key, self._length, etag, self._kept())
            crc = self.header(b"x-amz-checksum-crc32c")
            checksum = f"x-amz-checksum-crc32c: {crc}\r\nx-amz-checksum-type: FULL_OBJECT\r\n" if crc else ""
            self.send("200 OK", f'ETag: "{etag}"\r\nx-amz-server-side-encryption: AES256\r\n{checksum}')
        elif method == "HEAD":
            found = self.objects.get(key)
            if found is None:
                self.send("404 Not Found")
            else:
                self._transport.write(f"HTTP/1.1 200 OK\r\n{found[0]}\r\n".encode())
        else:
            self.send("501 Not Implemented")

    def _kept(self) -> str:
        """Return the headers of an upload that a later HEAD request returns."""
        lines = self._head.decode("latin-1").split("\r\n")[1:]
        kept = [line for line in lines if line.lower().startswith(("x-amz-meta-", "content-type", "x-amz-checksum-c"))]
        return "".join(f"{line}\r\n" for line in kept)

    def _keep(self, key: str, size: int, etag: str, kept: str) -> None:
        headers = f'Content-Length: {size}\r\nETag: "{etag}"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n{kept}'
        entry = (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_WHEN}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
            f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
        if key not in self.objects:
            self.order.clear()
        self.objects[key] = (headers, entry)

    def _of_bucket(self, method: str, query: str) -> None:
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if method != "GET":
            self.send("200 OK")
            return
        if "uploads" in asked:
            self._xml("ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>")
            return
        if len(self.order) != len(self.objects):
            self.order[:] = sorted(self.objects)
        prefix = asked.get("prefix", "")
        after = asked.get("continuation-token") or asked.get("start-after") or asked.get("marker") or ""
        found = [key for key in self.order if key > after and key.startswith(prefix)]
        more = len(found) > _PAGE
        found = found[:_PAGE]
        content = f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount>"
        content += f"<MaxKeys>{_PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            last = escape(found[-1])
            content += f"<NextContinuationToken>{last}</NextContinuationToken><NextMarker>{last}</NextMarker>"
        self._xml("ListBucketResult", content + "".join([self.objects[key][1] for key in found]))

    def _in_parts(self, method: str, key: str, asked: dict[str, str], body: bytes) -> None:
        upload = asked.get("uploadId", "")
        crc = self.header(b"x-amz-checksum-crc32c")
        if method == "POST" and "uploads" in asked:
            upload = f"upload{len(self.uploads)}"
            self.uploads[upload] = (self._kept(), {})
            kind = "x-amz-checksum-algorithm: CRC32C\r\nx-amz-checksum-type: FULL_OBJECT\r\n"
            content = f"<Bucket>bucket</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            self._xml("InitiateMultipartUploadResult", content, kind)
        elif method == "PUT":
            md5 = self.header(b"content-md5")
            etag = base64.b64decode(md5).hex() if md5 else hashlib.md5(crc.encode()).hexdigest()
            self.uploads[upload][1][int(asked["partNumber"])] = (etag, self._length)
            self.send("200 OK", f'ETag: "{etag}"\r\n' + (f"x-amz-checksum-crc32c: {crc}\r\n" if crc else ""))
        elif method == "POST":
            kept, parts = self.uploads.pop(upload)
            digests = b"".join(bytes.fromhex(parts[number][0]) for number in sorted(parts))
            etag = f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"
            checksum = f"x-amz-checksum-crc32c: {crc}\r\nx-amz-checksum-type: FULL_OBJECT\r\n" if crc else ""
            self._keep(key, sum(size for _, size in parts.values()), etag, kept + checksum)
            content = (
                f"<Location>s3</Location><Bucket>bucket</Bucket><Key>{escape(key)}</Key><ETag>&quot;{etag}&quot;</ETag>"
            )
            if crc:
                content += f"<ChecksumCRC32C>{crc}</ChecksumCRC32C><ChecksumType>FULL_OBJECT</ChecksumType>"
            self._xml("CompleteMultipartUploadResult", content)
        elif method == "DELETE":
            self.uploads.pop(upload, None)
            self.send("204 No Content")
        else:
            self._xml("ListPartsResult", "<IsTruncated>false</IsTruncated>")

    def _xml(self, root: str, content: str, headers: str = "") -> None:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        body = f"{text}{content}</{root}>".encode()
        self.send("200 OK", f"Content-Type: application/xml\r\n{headers}", body)


async def _main(kind: str) -> None:
    if kind == "storage":
        Storage.bucket = Bucket()
    gc.disable()  # there are no reference cycles, and a pause would count as client time
    server = await asyncio.get_running_loop().create_server(
        Storage if kind == "storage" else S3, "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
