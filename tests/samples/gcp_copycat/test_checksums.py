"""copycat.checksums, compared with google-crc32c."""

from __future__ import annotations

import google_crc32c
import pytest
from copycat import checksums
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(), st.binary())
def test_the_checksums_of_two_pieces_combine_to_that_of_both(first: bytes, second: bytes) -> None:
    combined = checksums.combine(google_crc32c.value(first), google_crc32c.value(second), len(second))

    assert google_crc32c.value(first + second) == combined


def test_parts_as_long_as_those_of_the_largest_object_combine() -> None:
    """Gigabytes of zeros are appended without reading them."""
    zeros = bytes(1 << 20)
    crc = whole = google_crc32c.value(b"start")
    of_zeros = google_crc32c.value(zeros)
    for _ in range(64):
        whole = google_crc32c.extend(whole, zeros)
    doubled, length = of_zeros, len(zeros)
    for _ in range(6):
        doubled, length = checksums.combine(doubled, doubled, length), 2 * length

    assert whole == checksums.combine(crc, doubled, length)


@given(st.integers(0, 2**32 - 1))
def test_decoding_reverses_encoding(crc: int) -> None:
    assert crc == checksums.decode(checksums.encode(crc))


def test_the_encoding_is_that_of_both_clouds() -> None:
    assert checksums.encode(google_crc32c.value(b"hello")) == "mnG7TA=="


@pytest.mark.parametrize("text", ["", "AAAA", "AAAAAAAA", "mnG7TA", "mnG7TA==-3", "§§§§§§=="])
def test_an_invalid_checksum_is_rejected(text: str) -> None:
    with pytest.raises(ValueError):
        checksums.decode(text)
