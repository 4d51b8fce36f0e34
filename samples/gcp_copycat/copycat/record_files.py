"""The files that a run keeps as records (manifest and checkpoint): a local file, or an object in S3."""

from __future__ import annotations

import contextlib
import functools
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

from copycat.retrying import OUTAGE_LIMIT
from google_auth_botocore import ConfigurationError

# S3 accepts 10,000 parts of at least 5 MiB. With parts of 8 MiB, an object can have 80 GiB.
_PART_SIZE = 8 << 20
# Seconds before the next attempt, after botocore's own retries.
_DELAY = 2.0


class RecordFileError(Exception):
    """A manifest or a checkpoint cannot be read or written.

    Args:
        message: one sentence.
        transient: whether S3 did not respond, so that it may work later.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class RecordFile(Protocol):
    """A local file or an object in S3."""

    def read(self) -> Iterator[bytes]:
        """Yield the content in chunks. Yield nothing if there is none yet."""

    def write(self, content: bytes) -> None:
        """Replace the content atomically."""

    def clear(self) -> None:
        """Empty the file. This also shows whether it can be written."""

    def remove(self) -> None:
        """Remove the file if it exists."""

    def open(self) -> Writer:
        """Return a writer that replaces the content."""


class Writer(Protocol):
    """Writes new content to a record file."""

    def write(self, content: bytes) -> None:
        """Add to the content."""

    def close(self) -> None:
        """Finish. An object in S3 has the new content only after this."""


def record_file(text: str, owner: str | None = None) -> RecordFile:
    """Return the record file with this name.

    Args:
        text: path of a local file, or `s3://BUCKET/KEY`.
        owner: AWS account that must own the bucket. None: not checked.

    Raises:
        ConfigurationError: The name is neither.
    """
    if "://" not in text:
        return LocalFile(Path(text))
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or not key:
        raise ConfigurationError(f"{text!r} is neither a file nor an S3 object. Give a file name or s3://BUCKET/KEY.")
    return S3RecordFile(bucket, key, owner)


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Iterator[bytes]:
        """Yield the content in chunks. Yield nothing if the file does not exist."""
        with self._errors("read"):
            if not self._path.exists() or self._path.is_char_device() or self._path.is_fifo():
                return
            with self._path.open("rb") as file:
                while piece := file.read(1 << 20):
                    yield piece

    def write(self, content: bytes) -> None:
        """Replace the content atomically: even after a crash, the file has either the old or the new content."""
        with self._errors("write"):
            if self._path.exists() and not self._path.is_file():  # do not replace a device or a pipe
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
        """Empty the file, or create an empty one."""
        self.open().close()

    def remove(self) -> None:
        """Remove the file, if it is there."""
        with self._errors("remove"):
            if self._path.is_file():
                self._path.resolve().unlink(missing_ok=True)

    def open(self) -> Writer:
        """Empty the file and open it. It is not buffered, so a killed run does not lose what it has written."""
        with self._errors("write"):
            return _FileWriter(self._path.open("wb", buffering=0))

    @contextlib.contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordFileError(f"Cannot {action} the file {str(self._path)!r}: {error.strerror}.") from error


class _FileWriter:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise RecordFileError(f"Cannot write the file {self._file.name!r}: {error.strerror}.") from error

    def close(self) -> None:
        self._file.close()


class S3RecordFile:
    """An object in S3."""

    def __init__(self, bucket: str, key: str, owner: str | None) -> None:
        self._name = f"s3://{bucket}/{key}"
        self._where = {"Bucket": bucket, "Key": key} | ({"ExpectedBucketOwner": owner} if owner else {})

    @functools.cached_property
    def _client(self) -> Any:
        """The client. botocore gets the AWS credentials when it creates one, so `_send` retries this, too."""
        import boto3  # noqa: PLC0415 - slow, and not needed for local files

        # A run must end within 10 s of SIGTERM, even if S3 does not respond.
        config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 5})
        return boto3.client("s3", config=config)

    def read(self) -> Iterator[bytes]:
        """Yield the content in chunks. Yield nothing if the object does not exist."""
        try:
            body = self._send("read", lambda: self._client.get_object(**self._where)["Body"])
            if body is not None:
                yield from body.iter_chunks(1 << 20)
        except BotoCoreError as error:
            raise self._error("read", error) from error

    def write(self, content: bytes) -> None:
        """Replace the content."""
        self._send("write", lambda: self._client.put_object(**self._where, Body=content))

    def clear(self) -> None:
        """Replace the object by an empty one."""
        self.write(b"")

    def remove(self) -> None:
        """Remove the object if it exists."""
        self._send("remove", lambda: self._client.delete_object(**self._where))

    def open(self) -> Writer:
        """Start an upload. The object has the new content once the writer is closed."""
        return _S3Writer(self)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Send a request about this object."""
        return self._send("write", lambda: getattr(self._client, operation)(**self._where, **arguments))

    def _send(self, action: str, call: Callable[[], Any]) -> Any:
        """Send a request, and retry it during an outage. The run limits how long it waits for this thread.

        Return the reply, or None if the object does not exist.
        """
        end = time.monotonic() + OUTAGE_LIMIT
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError) as error:
                if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    return None
                if not _is_transient(error) or time.monotonic() >= end:
                    raise self._error(action, error) from error
            time.sleep(_DELAY)

    def _error(self, action: str, error: Exception) -> RecordFileError:
        text = f"Cannot {action} {self._name}: {' '.join(str(error).split())}"
        return RecordFileError(text, transient=_is_transient(error))


def _is_transient(error: Exception) -> bool:
    """Return whether S3, or the source of the AWS credentials, may respond later."""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= 500 or status in {408, 429}
    return isinstance(error, (HTTPClientError, ConnectionError, CredentialRetrievalError, MetadataRetrievalError))


class _S3Writer:
    """Writes an object with a multipart upload, or with one request if it is small."""

    def __init__(self, target: S3RecordFile) -> None:
        self._target = target
        self._buffer = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []

    def write(self, content: bytes) -> None:
        self._buffer += content
        if len(self._buffer) >= _PART_SIZE:
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
        except RecordFileError:
            with contextlib.suppress(RecordFileError):
                self._target.call("abort_multipart_upload", **self._upload)
            raise

    def _send(self) -> None:
        number = len(self._parts) + 1
        reply = self._target.call("upload_part", **self._upload, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": reply["ETag"]})
        self._buffer.clear()
