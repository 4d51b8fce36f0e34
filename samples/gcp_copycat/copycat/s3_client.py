"""botocore's client of S3, as a copy needs it."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Any

import botocore.loaders
import botocore.session
from botocore.config import Config

from copycat import timestamps
from copycat.s3_listing import take_entries

# References to characters, and the UTF-8 of those that XML 1.0 does not have.
_CHARACTERS = re.compile(
    rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xed[\xa0-\xbf].|\xef\xbf[\xbe\xbf]", re.DOTALL
)


def s3_client(connections: int) -> tuple[Any, Any]:
    """Return a client with AWS keys from botocore's own chain, and its session."""
    session = botocore.session.Session()
    # Reading botocore's description of S3 takes most of the time of a new client. A run makes several.
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    # dateutil, botocore's own choice, takes most of the time of a listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=connections,
        # `retrying.py` tries again: botocore's retries share a quota, so that some objects' trouble fails others.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # Every body has a CRC32C, which S3 verifies, and TLS protects it: a SHA-256 besides would only take time.
        s3={"payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.create_client("s3", config=config)
    # Under this name it is called before botocore's own handler for answers with status 200, which reads the XML.
    client.meta.events.register_first("before-parse.*.*", _before_parse)
    return client, session


@functools.lru_cache
def _loader(data_path: str | None) -> botocore.loaders.Loader:
    return botocore.loaders.create_loader(data_path)


def _before_parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Prepare an answer for botocore's parser."""
    listing = operation_model.name == "ListObjectsV2"
    if listing and take_entries(response_dict, customized_response_dict):
        return
    # Replace the characters that XML 1.0 lacks, for which no parser takes an answer. Keys may have them, and S3 repeats a key
    # in its answers about uploads. Nothing reads it there: the keys of listings are percent-encoded.
    if isinstance(response_dict["body"], bytes):
        response_dict["body"] = _CHARACTERS.sub(_valid, response_dict["body"])
    if listing:
        take_entries(response_dict, customized_response_dict)


def _valid(found: re.Match[bytes]) -> bytes:
    if found[1] is None and found[2] is None:
        return b"?"
    number = int(found[1], 16) if found[1] else int(found[2])
    exists = number in {9, 10, 13} or 32 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000
    return found[0] if exists else b"?"


def _timestamp(text: str) -> dt.datetime:
    """Parse the two forms that S3 has: 2006-02-03T16:45:09.000Z, and that of HTTP's headers."""
    if text[:1].isdigit():
        return timestamps.parse(text)
    return dt.datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=dt.timezone.utc)
