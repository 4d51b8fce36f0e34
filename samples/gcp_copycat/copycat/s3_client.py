"""Creates botocore's S3 client, configured for the copy."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Any

import botocore.loaders
import botocore.session
from botocore.config import Config

from copycat import timestamps
from copycat.s3_listing import extract_entries

# Character references, and the UTF-8 of characters that XML 1.0 does not allow.
_CHARACTERS = re.compile(
    rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xed[\xa0-\xbf].|\xef\xbf[\xbe\xbf]", re.DOTALL
)


def s3_client(connections: int) -> tuple[Any, Any]:
    """Return a client that uses botocore's default credential chain, and its session."""
    session = botocore.session.Session()
    # Share the loader: loading botocore's service model takes most of the time of creating a client, and a run creates several.
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    # botocore's default, dateutil, would take most of the time of a listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=connections,
        # `retrying.py` does the retries. botocore's share a quota, so that problems of some objects would fail others.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # S3 verifies the CRC32C of every body, and TLS protects it. An additional SHA-256 would only take time.
        s3={"payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.create_client("s3", config=config)
    # Registered first, so that it is called before botocore's own handler, which reads the XML of responses with status 200.
    client.meta.events.register_first("before-parse.*.*", _before_parse)
    return client, session


@functools.lru_cache
def _loader(data_path: str | None) -> botocore.loaders.Loader:
    return botocore.loaders.create_loader(data_path)


def _before_parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Prepare a response for botocore's parser."""
    listing = operation_model.name == "ListObjectsV2"
    if listing and extract_entries(response_dict, customized_response_dict):
        return
    # Replace characters that XML 1.0 does not allow, because parsers reject them. Keys can have them, and S3's responses about
    # uploads contain the key. It is not read from there, and in listings keys are percent-encoded.
    if isinstance(response_dict["body"], bytes):
        response_dict["body"] = _CHARACTERS.sub(_valid, response_dict["body"])
    if listing:
        extract_entries(response_dict, customized_response_dict)


def _valid(found: re.Match[bytes]) -> bytes:
    if found[1] is None and found[2] is None:
        return b"?"
    number = int(found[1], 16) if found[1] else int(found[2])
    exists = number in {9, 10, 13} or 32 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000
    return found[0] if exists else b"?"


def _timestamp(text: str) -> dt.datetime:
    """Parse a time in either format that S3 uses: 2006-02-03T16:45:09.000Z, or that of HTTP headers."""
    if text[:1].isdigit():
        return timestamps.parse(text)
    return dt.datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=dt.timezone.utc)
