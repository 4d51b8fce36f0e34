"""The buckets, objects and unfinished uploads of the stand-in, with S3's rules for writing them. This has no HTTP."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from samples.gcp_copycat import s3_checksums
from samples.gcp_copycat.s3_errors import S3Error

_META = "x-amz-meta-"
_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
_SSE = "x-amz-server-side-encryption"
_KMS_KEY = f"{_SSE}-aws-kms-key-id"
_STORAGE_CLASSES = {
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
    "GLACIER_IR", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW",
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """The properties that a request sets for the new object.

    Attributes:
        headers: headers that are stored with the object, by lower-case name, including user metadata.
        storage_class: storage class.
        kms_key: KMS key. None: S3's own key.
    """

    headers: Mapping[str, str]
    storage_class: str
    kms_key: str | None

    @property
    def encryption(self) -> dict[str, str]:
        """The response headers about the encryption."""
        return {_SSE: "AES256"} if self.kms_key is None else {_SSE: "aws:kms", _KMS_KEY: self.kms_key}


@dataclass(frozen=True)
class StoredObject:
    """One object.

    Attributes:
        key: its key.
        content: its content.
        etag: without quotation marks.
        algorithm: algorithm of the checksum.
        checksum: checksum in base64.
        checksum_type: `FULL_OBJECT` or `COMPOSITE`.
        description: its headers.
        modified: seconds since the epoch.
        parts: number of parts of its multipart upload. 0: none.
    """

    key: str
    content: bytes = field(repr=False)
    etag: str
    algorithm: str
    checksum: str
    checksum_type: str
    description: Description
    modified: float
    parts: int = 0


@dataclass(frozen=True)
class Part:
    """One part of an unfinished upload."""

    number: int
    content: bytes = field(repr=False)
    etag: str
    checksum: str
    modified: float


@dataclass
class Upload:
    """An unfinished upload."""

    id: str
    key: str
    description: Description
    algorithm: str
    checksum_type: str
    initiated: float
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Bucket:
    """A bucket.

    Attributes:
        name: its name.
        owner: the account that owns it.
        kms_key: default KMS key. None: S3's own key.
        smallest_part: minimum size in bytes of each part except the last.
    """

    name: str
    owner: str
    kms_key: str | None = None
    smallest_part: int = 5 << 20
    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def described(self, headers: Mapping[str, str]) -> Description:
        """Return the properties that the headers of a request set.

        Raises:
            S3Error: The headers are invalid.
        """
        metadata = {name: value for name, value in headers.items() if name.startswith(_META)}
        if sum(len(name) - len(_META) + len(value) for name, value in metadata.items()) > 2048:
            raise S3Error("MetadataTooLarge")
        storage_class = headers.get("x-amz-storage-class", "STANDARD")
        if storage_class not in _STORAGE_CLASSES:
            raise S3Error("InvalidStorageClass")
        sse, key = headers.get(_SSE), headers.get(_KMS_KEY)
        if sse not in {None, "AES256", "aws:kms", "aws:kms:dsse"} or (key is not None and sse in {None, "AES256"}):
            raise S3Error("InvalidArgument", "The encryption method specified is not supported")
        if sse is None:
            key = self.kms_key
        elif sse != "AES256":
            key = key or f"arn:aws:kms:eu-central-1:{self.owner}:key/aws-s3"
        kept = {name: headers[name] for name in _KEPT if name in headers}
        kept.setdefault("content-type", "binary/octet-stream")
        encodings = [each.strip() for each in kept.pop("content-encoding", "").split(",")]
        encoding = ",".join(each for each in encodings if each not in {"", "aws-chunked"})
        return Description(
            {**kept, **({"content-encoding": encoding} if encoding else {}), **metadata}, storage_class, key
        )

    def put(self, key: str, content: bytes, headers: Mapping[str, str], now: float) -> StoredObject:
        """Write an object.

        Raises:
            S3Error: The content or the headers are invalid, or a condition is not met.
        """
        given = s3_checksums.verified(headers, content)
        algorithm, checksum = given or ("CRC64NVME", s3_checksums.checksum("CRC64NVME", content))
        description = self.described(headers)
        etag = self._etag(content, description)
        with self.lock:
            self._check_conditions(key, headers)
            made = StoredObject(key, content, etag, algorithm, checksum, "FULL_OBJECT", description, now)
            self.objects[key] = made
        return made

    def create_upload(self, key: str, headers: Mapping[str, str], now: float) -> Upload:
        """Create a multipart upload.

        Raises:
            S3Error: The headers are invalid.
        """
        algorithm = headers.get("x-amz-checksum-algorithm", "CRC64NVME")
        if algorithm not in s3_checksums.ALGORITHMS:
            raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")  # fmt: skip
        kind = headers.get("x-amz-checksum-type", "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
        if kind == ("COMPOSITE" if algorithm == "CRC64NVME" else "FULL_OBJECT" if algorithm.startswith("SHA") else ""):
            detail = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
            raise S3Error("InvalidRequest", detail)
        with self.lock:
            number = f"{self.name}/{next(self._numbers)}"
            upload_id = hashlib.sha256(number.encode()).hexdigest()
            made = Upload(upload_id, key, self.described(headers), algorithm, kind, now)
            self.uploads[upload_id] = made
        return made

    def upload(self, key: str, upload_id: str) -> Upload:
        """Return an unfinished upload.

        Raises:
            S3Error: The upload does not exist.
        """
        found = self.uploads.get(upload_id)
        if found is None or found.key != key:
            raise S3Error("NoSuchUpload")
        return found

    def put_part(self, upload: Upload, number: int, content: bytes, headers: Mapping[str, str], now: float) -> Part:
        """Write a part.

        Raises:
            S3Error: The content or the number is invalid.
        """
        if not 1 <= number <= 10_000:
            raise S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        given = s3_checksums.given(headers)
        if upload.algorithm != "CRC64NVME" and (given is None or given[0] != upload.algorithm):
            actual = "null" if given is None else given[0].lower()
            detail = f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, actual checksum Type: {actual}"  # fmt: skip
            raise S3Error("InvalidRequest", detail)
        s3_checksums.verified(headers, content)
        checksum = s3_checksums.checksum(upload.algorithm, content)
        made = Part(number, content, self._etag(content, upload.description), checksum, now)
        with self.lock:
            self.upload(upload.key, upload.id)  # it may have been aborted in the meantime
            upload.parts[number] = made
        return made

    def complete(
        self, upload: Upload, listed: list[dict[str, str]], headers: Mapping[str, str], now: float
    ) -> StoredObject:
        """Complete an upload with the listed parts.

        Raises:
            S3Error: A part, a checksum or a size is invalid, or a condition is not met. The upload is kept.
        """
        numbers = [int(each.get("PartNumber", "0")) for each in listed]
        if not numbers:
            raise S3Error("MalformedXML")
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder")
        parts = [self._listed_part(upload, each) for each in listed]
        if any(len(part.content) < self.smallest_part for part in parts[:-1]):
            raise S3Error("EntityTooSmall")
        content = b"".join(part.content for part in parts)
        if headers.get("x-amz-mp-object-size", str(len(content))) != str(len(content)):
            raise S3Error(
                "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed."
            )
        if headers.get("x-amz-checksum-type", upload.checksum_type) != upload.checksum_type:
            detail = f"The upload was created using the {upload.checksum_type} checksum mode. The complete request must use the same checksum mode."  # fmt: skip
            raise S3Error("InvalidRequest", detail)
        digests = b"".join(hashlib.md5(part.content).digest() for part in parts)
        etag = f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"
        if upload.checksum_type == "FULL_OBJECT":
            checksum = s3_checksums.checksum(upload.algorithm, content)
            given = s3_checksums.given(headers)
            if given is not None and given != (upload.algorithm, checksum):
                raise S3Error("BadDigest", given[0].lower())
        else:
            raw = b"".join(s3_checksums.ALGORITHMS[upload.algorithm](part.content) for part in parts)
            checksum = f"{s3_checksums.checksum(upload.algorithm, raw)}-{len(parts)}"
        with self.lock:
            self.upload(upload.key, upload.id)
            self._check_conditions(upload.key, headers)
            kind, described = upload.checksum_type, upload.description
            made = StoredObject(upload.key, content, etag, upload.algorithm, checksum, kind, described, now, len(parts))
            self.objects[upload.key] = made
            del self.uploads[upload.id]
        return made

    def _listed_part(self, upload: Upload, listed: Mapping[str, str]) -> Part:
        part = upload.parts.get(int(listed["PartNumber"]))
        if part is None or listed.get("ETag", "").strip('"') != part.etag:
            raise S3Error("InvalidPart")
        checksum = listed.get(f"Checksum{upload.algorithm}")
        if checksum is None and upload.checksum_type == "COMPOSITE":
            detail = f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request must include the checksum for each part. It was missing for part {part.number} in the request."  # fmt: skip
            raise S3Error("InvalidRequest", detail)
        if checksum is not None and checksum != part.checksum:
            raise S3Error("InvalidPart")
        return part

    def _check_conditions(self, key: str, headers: Mapping[str, str]) -> None:
        """Check the conditions of the request for the existing object."""
        found, match, none_match = self.objects.get(key), headers.get("if-match"), headers.get("if-none-match")
        if none_match not in {None, "*"} or (none_match is not None and match is not None):
            raise S3Error("NotImplemented")
        if none_match is not None and found is not None:
            raise S3Error("PreconditionFailed")
        if match is not None and found is None:
            raise S3Error("NoSuchKey")
        if match is not None and found is not None and match.strip('"') not in {found.etag, "*"}:
            raise S3Error("PreconditionFailed")

    def _etag(self, content: bytes, description: Description) -> str:
        """Return the entity tag: the MD5 of the content, unless a KMS key encrypts it."""
        with self.lock:
            salt = b"" if description.kms_key is None else f"{next(self._numbers)} encrypted ".encode()
        return hashlib.md5(salt + content).hexdigest()
