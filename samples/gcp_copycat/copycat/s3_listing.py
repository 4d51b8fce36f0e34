"""Parses S3's object listing from its XML.

botocore's parser takes six times as long, which would be most of the time of a run that only skips objects. So a handler of
botocore's event `before-parse` (in `s3_client.py`) takes the entries out of the response, and botocore parses the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from copycat import timestamps
from copycat.aws_errors import InvalidS3ResponseError
from copycat.objects import DestinationObject

_ENTRIES = "CopyCatEntries"


def extract_entries(response_dict: dict[str, Any], customized_response_dict: dict[str, Any]) -> bool:
    """Take the entries out of a listing, and leave the rest to botocore. Return whether the response is a listing.

    Args:
        response_dict: response, from botocore's event `before-parse`.
        customized_response_dict: receives the entries. botocore adds it to the parsed response.
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


def parse_listing(reply: Mapping[str, Any]) -> tuple[list[DestinationObject], str | None]:
    """Return the objects of a page, and the token of the next page.

    Args:
        reply: botocore's parsed response, with the entries that `extract_entries` has added.

    Raises:
        InvalidS3ResponseError: The listing is invalid.
    """
    # botocore requests percent-encoding, because XML cannot contain keys with control characters.
    decoded = unquote_plus if reply.get("EncodingType") == "url" else str
    space, entries = reply.get(_ENTRIES, ("", ()))
    key, size, etag, modified, storage_class = (
        f"{space}{name}" for name in ("Key", "Size", "ETag", "LastModified", "StorageClass")
    )
    try:
        found = [
            DestinationObject(
                decoded(_required(each.findtext(key))),
                int(_required(each.findtext(size))),
                _required(each.findtext(etag)).strip('"'),
                timestamps.parse(_required(each.findtext(modified))),
                each.findtext(storage_class, "STANDARD"),
            )
            for each in entries
        ]
    except ValueError as error:
        raise InvalidS3ResponseError(f"Cannot parse S3's listing: {error}") from error
    following = reply.get("NextContinuationToken")
    if "IsTruncated" not in reply or (reply["IsTruncated"] and not following):
        raise InvalidS3ResponseError("S3's listing does not say whether or where it continues")
    return found, following if reply["IsTruncated"] else None


def _required(text: str | None) -> str:
    if text is None:
        raise ValueError("an entry lacks its key, size, ETag or time")
    return text
