"""S3's listings: objects, unfinished uploads and their parts, as XML."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote
from xml.sax.saxutils import escape

from samples.gcp_copycat.s3_buckets import Bucket, Upload
from samples.gcp_copycat.s3_errors import S3Error

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def element(name: str, value: object) -> str:
    """Return an XML element. Control characters are written as references."""
    text = "".join(f"&#x{ord(each):X};" if ord(each) < 32 else each for each in escape(str(value)))
    return f"<{name}>{text}</{name}>"


def document(root: str, content: str) -> bytes:
    """Return an XML document as S3 writes it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{content}</{root}>'.encode()


def moment(seconds: float) -> str:
    """Return a timestamp in the format of S3's documents."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def objects(bucket: Bucket, query: Mapping[str, str], page_size: int) -> bytes:
    """Return a page of ListObjectsV2, in the order of the bytes of the keys.

    Raises:
        S3Error: A parameter is invalid.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = min(_number(query, "max-keys", 1000), 1000, page_size)
    after = query.get("start-after", "").encode()
    token = query.get("continuation-token")
    if token is not None:
        try:
            after = base64.b64decode(token, validate=True)
        except ValueError:
            raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None
    entries: dict[bytes, str] = {}
    for key in sorted((each for each in list(bucket.objects) if each.startswith(prefix)), key=str.encode):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if found:
            folder = f"{prefix}{head}{delimiter}"
            entries.setdefault(folder.encode(), element("Prefix", _name(folder, query)))
        else:
            entries[key.encode()] = ""
    names = [name for name in sorted(entries) if name > after]
    contents, prefixes = "", ""
    for name in names[:most]:
        if entries[name]:
            prefixes += f"<CommonPrefixes>{entries[name]}</CommonPrefixes>"
            continue
        found_object = bucket.objects.get(name.decode())
        if found_object is None:  # deleted in the meantime
            continue
        fields = {
            "Key": _name(found_object.key, query),
            "LastModified": moment(found_object.modified),
            "ETag": f'"{found_object.etag}"',
            "ChecksumAlgorithm": found_object.algorithm,
            "ChecksumType": found_object.checksum_type,
            "Size": len(found_object.content),
            "StorageClass": found_object.description.storage_class,
        }
        contents += f"<Contents>{''.join(element(*each) for each in fields.items())}</Contents>"
    more = len(names) > most
    result = {"Name": bucket.name, "Prefix": _name(prefix, query), "MaxKeys": most, "KeyCount": len(names[:most])}
    result |= {"IsTruncated": str(more).lower()}
    if token is not None:
        result["ContinuationToken"] = token
    elif "start-after" in query:
        result["StartAfter"] = _name(query["start-after"], query)
    if more and most:
        result["NextContinuationToken"] = base64.b64encode(names[most - 1]).decode()
    if delimiter:
        result["Delimiter"] = _name(delimiter, query)
    if "encoding-type" in query:
        result["EncodingType"] = query["encoding-type"]
    return document("ListBucketResult", "".join(element(*each) for each in result.items()) + contents + prefixes)


def uploads(bucket: Bucket, query: Mapping[str, str], page_size: int) -> bytes:
    """Return a page of ListMultipartUploads, sorted by key and time."""
    prefix = query.get("prefix", "")
    most = min(_number(query, "max-uploads", 1000), 1000, page_size)
    found = sorted(
        (each for each in list(bucket.uploads.values()) if each.key.startswith(prefix)),
        key=lambda each: (each.key.encode(), each.initiated, each.id),
    )
    marker, id_marker = query.get("key-marker", "").encode(), query.get("upload-id-marker")
    if id_marker is not None and any(each.id == id_marker for each in found):
        found = found[[each.id for each in found].index(id_marker) + 1 :]
    elif marker:
        found = [each for each in found if each.key.encode() > marker]
    more = len(found) > most
    listed = "".join(f"<Upload>{_upload(each, query)}</Upload>" for each in found[:most])
    result = {"Bucket": bucket.name, "KeyMarker": _name(query.get("key-marker", ""), query)}
    result |= {"UploadIdMarker": id_marker or "", "Prefix": _name(prefix, query), "MaxUploads": str(most)}
    result |= {"IsTruncated": str(more).lower()}
    if more and most:
        last = found[most - 1]
        result |= {"NextKeyMarker": _name(last.key, query), "NextUploadIdMarker": last.id}
    if "encoding-type" in query:
        result["EncodingType"] = query["encoding-type"]
    return document("ListMultipartUploadsResult", "".join(element(*each) for each in result.items()) + listed)


def _upload(upload: Upload, query: Mapping[str, str]) -> str:
    user = element("ID", "arn:aws:iam::123456789012:role/role") + element("DisplayName", "role")
    fields = {
        "UploadId": upload.id,
        "Key": _name(upload.key, query),
        "Initiated": moment(upload.initiated),
        "StorageClass": upload.description.storage_class,
        "ChecksumAlgorithm": upload.algorithm,
        "ChecksumType": upload.checksum_type,
    }
    owners = f"<Owner>{user}</Owner><Initiator>{user}</Initiator>"
    return "".join(element(*each) for each in fields.items()) + owners


def parts(bucket: Bucket, upload: Upload, query: Mapping[str, str], page_size: int) -> bytes:
    """Return a page of ListParts."""
    most = min(_number(query, "max-parts", 1000), 1000, page_size)
    marker = _number(query, "part-number-marker", 0)
    found = [upload.parts[number] for number in sorted(upload.parts) if number > marker]
    more = len(found) > most
    result = {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": found[:most][-1].number if found[:most] else 0,
        "MaxParts": most,
        "IsTruncated": str(more).lower(),
        "StorageClass": upload.description.storage_class,
        "ChecksumAlgorithm": upload.algorithm,
        "ChecksumType": upload.checksum_type,
    }
    listed = ""
    for each in found[:most]:
        fields = {
            "PartNumber": each.number,
            "LastModified": moment(each.modified),
            "ETag": f'"{each.etag}"',
            "Size": len(each.content),
            f"Checksum{upload.algorithm}": each.checksum,
        }
        listed += f"<Part>{''.join(element(*field) for field in fields.items())}</Part>"
    return document("ListPartsResult", "".join(element(*each) for each in result.items()) + listed)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal():
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return int(value)


def _name(text: str, query: Mapping[str, str]) -> str:
    """Return a key as it is listed: percent-encoded if the request asks for that."""
    return quote(text, safe="/-_.~*") if query.get("encoding-type") == "url" else text
