"""copycat.metadata: names and values of user metadata in S3's headers."""

from __future__ import annotations

import datetime as dt
import email.header
import re
import string
from typing import Any

import pytest
from copycat import metadata
from copycat.objects import SourceObject
from hypothesis import given
from hypothesis import strategies as st

_NAMES = st.one_of(st.text(), st.text(alphabet="_aAgcs-2 0fF.~"))


def _source(**fields: Any) -> SourceObject:
    given = {"name": "object", "generation": 7, "metageneration": 2, "size": 5, "crc32c": "mnG7TA==", **fields}
    return SourceObject(**{"updated": dt.datetime.now(dt.timezone.utc), **given})


def _entries(**metadata_of_the_user: str) -> dict[str, str]:
    return dict(metadata.describe(_source(metadata=tuple(metadata_of_the_user.items())))["Metadata"])


def _decoded(name: str) -> str:
    """Decode a name from S3."""
    data = re.sub(rb"_([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    return data.decode("utf-8", "surrogatepass")


@given(_NAMES)
def test_every_name_can_be_read_back_and_so_different_names_stay_different(name: str) -> None:
    assert name == _decoded(metadata.encode_name(name))


@given(_NAMES)
def test_encoded_names_are_valid_in_case_insensitive_headers(name: str) -> None:
    assert set(metadata.encode_name(name)) <= set(string.ascii_lowercase + string.digits + "-._")


@given(_NAMES)
def test_no_user_entry_has_a_name_of_copycats_own(name: str) -> None:
    assert not metadata.encode_name(name).startswith("gcs-")


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("owner", "owner"),
        ("my_key", "my_key"),
        ("a b", "a_20b"),
        ("a_20b", "a_5f20b"),
        ("Owner", "_4fwner"),
        ("Stadt Köln", "_53tadt_20_4b_c3_b6ln"),
        ("gcs-generation", "_67cs-generation"),
    ],
)
def test_ordinary_names_are_kept(name: str, encoded: str) -> None:
    assert encoded == metadata.encode_name(name)


@given(st.text())
def test_every_value_can_be_read_back(value: str) -> None:
    """S3 keeps ASCII, strips outer spaces, and returns other text as an encoded word."""
    encoded = metadata.encode_value(value)

    assert encoded.isascii()
    assert encoded.isprintable()
    assert encoded.strip() == encoded
    [(data, charset)] = email.header.decode_header(encoded) if encoded else [("", None)]
    assert value == (data.decode(charset or "ascii", "surrogatepass") if isinstance(data, bytes) else data)


def test_names_that_differ_only_in_case_are_both_kept() -> None:
    entries = _entries(Key="1", key="2", KEY="3")

    assert {"1", "2", "3"} <= set(entries.values())


def test_the_source_is_stored_with_the_object() -> None:
    described = metadata.describe(_source(md5="XUFAKrxLKna5cZ2REBfFkg=="))

    expected = metadata.Origin(7, 2, 5, "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert expected == metadata.origin(described["Metadata"])


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"gcs-generation": "1"},
        {"gcs-generation": "x", "gcs-metageneration": "1", "gcs-size": "1", "gcs-crc32c": "A"},
    ],
)
def test_an_object_of_another_program_has_no_origin(entries: dict[str, str]) -> None:
    assert metadata.origin(entries) is None


@given(st.dictionaries(st.text(max_size=50), st.text(max_size=400), max_size=30))
def test_entries_above_the_limit_are_left_out_and_counted(users: dict[str, str]) -> None:
    """The limit is 2 KB. CopyCat's own entries are always kept."""
    entries = _entries(**users)

    assert sum(len(name) + len(value) for name, value in entries.items()) <= 2048
    origin = metadata.origin(entries)
    assert origin is not None
    assert origin.generation == 7
    own = sum(name.startswith("gcs-") for name in entries)
    assert len(users) == len(entries) - own + int(entries.get("gcs-metadata-left-out", "0"))


def test_headers_that_are_not_ascii_are_percent_encoded() -> None:
    described = metadata.describe(
        _source(
            content_disposition="attachment; filename=Köln\r\n.txt",
            content_type="text/html; charset=utf-8",
            cache_control="",
        )
    )

    assert described["ContentDisposition"] == "attachment; filename=K%C3%B6ln%0D%0A.txt"
    assert described["ContentType"] == "text/html; charset=utf-8"
    assert "CacheControl" not in described
