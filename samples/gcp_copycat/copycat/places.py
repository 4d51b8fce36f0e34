"""Where a run keeps its manifest and its checkpoint: a file, or an object in S3."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
)

from copycat.retrying import PATIENCE
from google_auth_botocore import ConfigurationError

# S3's parts have at least 5 MiB, and an object 10,000 of them: 80 GiB.
_PART = 8 << 20
# After botocore's own retries.
_DELAY = 2.0


class PlaceError(Exception):
    """A manifest or a checkpoint cannot be read or written.

    Args:
        message: one sentence.
        transient: S3 does not answer; it may do so later.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class Place(Protocol):
    """A file or an object."""

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces; nothing if there is none yet."""

    def write(self, content: bytes) -> None:
        """Replace the content, at once."""

    def clear(self) -> None:
        """Replace the content by nothing: whoever may not write it is told so."""

    def remove(self) -> None:
        """Remove it, if it is there."""

    def open(self) -> Writer:
        """Begin to replace the content, little by little."""


class Writer(Protocol):
    """New content of a place."""

    def write(self, content: bytes) -> None:
        """Add to the content."""

    def close(self) -> None:
        """Finish. Only now an object in S3 has the new content."""


def place(text: str, owner: str | None = None) -> Place:
    """Return the place with this name: `s3://BUCKET/KEY`, or a file.

    Args:
        text: its name.
        owner: account that must own the bucket; None: any.

    Raises:
        ConfigurationError: The name is not one of a place.
    """
    if "://" not in text:
        return File(Path(text))
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or not key:
        raise ConfigurationError(f"{text!r} is not a file and not an object. Give FILE or s3://BUCKET/KEY.")
    return S3Object(bucket, key, owner)


class File:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces; nothing if there is no file."""
        with self._errors("read"):
            if not self._path.exists() or self._path.is_char_device() or self._path.is_fifo():
                return
            with self._path.open("rb") as file:
                while piece := file.read(1 << 20):
                    yield piece

    def write(self, content: bytes) -> None:
        """Replace the content: a reader sees the old or the new one, also after a crash."""
        with self._errors("write"):
            if self._path.exists() and not self._path.is_file():  # a device or a pipe stays one
                self._path.write_bytes(content)
                return
            path = self._path.resolve()
            new = path.with_name(f"{path.name}.{os.getpid()}.new")
            try:
                with new.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)

    def clear(self) -> None:
        """Empty the file, or make an empty one."""
        self.open().close()

    def remove(self) -> None:
        """Remove the file, if it is there."""
        with self._errors("remove"):
            if self._path.is_file():
                self._path.resolve().unlink(missing_ok=True)

    def open(self) -> Writer:
        """Open the file anew. What is written is in it at once, so a killed run leaves it behind."""
        with self._errors("write"):
            return _FileWriter(self._path.open("wb", buffering=0))

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PlaceError(f"Cannot {what} the file {str(self._path)!r}: {error.strerror}.") from error


class _FileWriter:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise PlaceError(f"Cannot write the file {self._file.name!r}: {error.strerror}.") from error

    def close(self) -> None:
        self._file.close()


class S3Object:
    """An object in S3."""

    def __init__(self, bucket: str, key: str, owner: str | None) -> None:
        import boto3  # noqa: PLC0415 - a run without such a place does not spend the time

        # A run must end within 10 s of SIGTERM, whatever S3 does.
        config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 5})
        self._client: Any = boto3.client("s3", config=config)
        self._name = f"s3://{bucket}/{key}"
        self._where = {"Bucket": bucket, "Key": key} | ({"ExpectedBucketOwner": owner} if owner else {})

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces; nothing if there is no object."""
        try:
            body = self._send("read", lambda: self._client.get_object(**self._where)["Body"])
            yield from body.iter_chunks(1 << 20)
        except self._client.exceptions.NoSuchKey:
            return
        except BotoCoreError as error:
            raise self._error("read", error) from error

    def write(self, content: bytes) -> None:
        """Replace the content."""
        self._send("write", lambda: self._client.put_object(**self._where, Body=content))

    def clear(self) -> None:
        """Replace the content by nothing."""
        self.write(b"")

    def remove(self) -> None:
        """Remove the object, if it is there."""
        self._send("remove", lambda: self._client.delete_object(**self._where))

    def open(self) -> Writer:
        """Begin an upload. The object gets its new content at the end."""
        return _S3Writer(self)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Make a request about this object."""
        return self._send("write", lambda: getattr(self._client, operation)(**self._where, **arguments))

    def _send(self, what: str, call: Callable[[], Any]) -> Any:
        """Send a request. An outage costs time: the run waits for this thread only as long as it may."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except self._client.exceptions.NoSuchKey:
                raise
            except (BotoCoreError, ClientError) as error:
                if not _is_transient(error) or time.monotonic() >= end:
                    raise self._error(what, error) from error
            time.sleep(_DELAY)

    def _error(self, what: str, error: Exception) -> PlaceError:
        text = f"Cannot {what} {self._name}: {' '.join(str(error).split())}"
        return PlaceError(text, transient=_is_transient(error))


def _is_transient(error: Exception) -> bool:
    """Tell whether S3, or what gives its keys, may answer later."""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= 500 or status in {408, 429}
    return isinstance(error, (HTTPClientError, ConnectionError, CredentialRetrievalError, MetadataRetrievalError))


class _S3Writer:
    """An upload in parts, or in one request if it is small."""

    def __init__(self, target: S3Object) -> None:
        self._target = target
        self._buffer = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []

    def write(self, content: bytes) -> None:
        self._buffer += content
        if len(self._buffer) >= _PART:
            if not self._upload:
                self._upload = {"UploadId": self._target.call("create_multipart_upload")["UploadId"]}
            self._send()

    def close(self) -> None:
        if not self._upload:
            self._target.write(bytes(self._buffer))
            return
        try:
            if self._buffer:
                self._send()
            self._target.call("complete_multipart_upload", **self._upload, MultipartUpload={"Parts": self._parts})
        except PlaceError:
            with contextlib.suppress(PlaceError):
                self._target.call("abort_multipart_upload", **self._upload)
            raise

    def _send(self) -> None:
        number = len(self._parts) + 1
        reply = self._target.call("upload_part", **self._upload, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": reply["ETag"]})
        self._buffer.clear()
