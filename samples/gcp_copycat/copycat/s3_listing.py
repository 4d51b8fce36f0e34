"""S3's listing of a bucket, read from its XML. botocore's parser takes six times as long, most of the time of a second run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from copycat import timestamps
from copycat.aws_errors import WrongS3AnswerError
from copycat.objects import DestinationObject

_ENTRIES = "CopyCatEntries"


def take_entries(response_dict: dict[str, Any], customized_response_dict: dict[str, Any]) -> bool:
    """Take the entries out of an answer, and leave the rest to botocore. Tell whether it is a listing.

    Args:
        response_dict: the answer, as botocore's event `before-parse` has it.
        customized_response_dict: is added to what botocore reads.
    """
    try:
        root = ET.fromstring(response_dict["body"])  # noqa: S314 - as botocore does
    except ET.ParseError:
        return False
    if response_dict["status_code"] != 200 or not root.tag.endswith("ListBucketResult"):
        return False
    space = root.tag.removesuffix("ListBucketResult")
    customized_response_dict[_ENTRIES] = space, root.findall(f"{space}Contents")
    root[:] = [each for each in root if each.tag != f"{space}Contents"]
    response_dict["body"] = ET.tostring(root)
    return True


def listed(reply: Mapping[str, Any]) -> tuple[list[DestinationObject], str | None]:
    """Return the objects of a page, and the token of the next one.

    Args:
        reply: botocore's, with what `take_entries` has read.

    Raises:
        WrongS3AnswerError: The answer cannot be read.
    """
    # Without an encoding, no XML can hold a key with control characters. botocore requests it.
    decoded = unquote_plus if reply.get("EncodingType") == "url" else str
    space, entries = reply.get(_ENTRIES, ("", ()))
    key, size, etag, modified, storage_class = (
        f"{space}{name}" for name in ("Key", "Size", "ETag", "LastModified", "StorageClass")
    )
    try:
        found = [
            DestinationObject(
                decoded(_there(each.findtext(key))),
                int(_there(each.findtext(size))),
                _there(each.findtext(etag)).strip('"'),
                timestamps.parse(_there(each.findtext(modified))),
                each.findtext(storage_class, "STANDARD"),
            )
            for each in entries
        ]
    except ValueError as error:
        raise WrongS3AnswerError(f"S3's listing cannot be read: {error}") from error
    following = reply.get("NextContinuationToken")
    if "IsTruncated" not in reply or (reply["IsTruncated"] and not following):
        raise WrongS3AnswerError("S3's listing does not say whether or where it goes on")
    return found, following if reply["IsTruncated"] else None


def _there(text: str | None) -> str:
    if text is None:
        raise ValueError("an entry lacks its key, size, entity tag or time")
    return text
