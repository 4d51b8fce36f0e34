"""Parses the timestamps in XML and JSON responses of both clouds: 2006-02-03T16:45:09.000Z."""

from __future__ import annotations

import datetime as dt


def parse(text: str) -> dt.datetime:
    """Parse a timestamp with any number of fractional digits. Python 3.10 itself accepts only none, three or six.

    Raises:
        ValueError: The text has another format.
    """
    if len(text) == 24 and text[19] == "." and text[23] == "Z":  # the usual format, parsed fast
        return dt.datetime.fromisoformat(f"{text[:23]}+00:00")
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a timestamp in UTC")
    seconds = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    fraction = text[19:-1]
    if not fraction:
        return seconds
    if fraction[0] != "." or not fraction[1:].isdecimal():
        raise ValueError(f"{text!r} is not a timestamp")
    return seconds + dt.timedelta(microseconds=int(fraction[1:7].ljust(6, "0")))
