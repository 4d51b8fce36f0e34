"""copycat.timestamps."""

from __future__ import annotations

import datetime as dt

import pytest
from copycat import timestamps


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2006-02-03T16:45:09Z", 0),
        ("2006-02-03T16:45:09.000Z", 0),
        ("2006-02-03T16:45:09.5Z", 500_000),
        ("2006-02-03T16:45:09.123456Z", 123_456),
        ("2006-02-03T16:45:09.123456789Z", 123_456),
    ],
)
def test_any_number_of_fractional_digits_is_parsed(text: str, microseconds: int) -> None:
    assert timestamps.parse(text) == dt.datetime(2006, 2, 3, 16, 45, 9, microseconds, dt.timezone.utc)


@pytest.mark.parametrize(
    "text", ["", "Z", "2006-02-03", "2006-02-03T16:45:09", "2006-02-03T16:45:09.Z", "2006-02-03T16:45:09+1Z"]
)
def test_other_formats_are_rejected(text: str) -> None:
    with pytest.raises(ValueError):
        timestamps.parse(text)
