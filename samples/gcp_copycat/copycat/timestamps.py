"""The form in which both clouds write times in documents: 2006-02-03T16:45:09.000Z."""

from __future__ import annotations

import datetime as dt


def parse(text: str) -> dt.datetime:
    """Read a time, with any number of digits after the seconds: Python 3.10 itself requires none, three or six.

    Raises:
        ValueError: It is in another form.
    """
    if len(text) == 24 and text[19] == "." and text[23] == "Z":  # as both clouds write it
        return dt.datetime.fromisoformat(f"{text[:23]}+00:00")
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a time in UTC")
    seconds = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    fraction = text[19:-1]
    if not fraction:
        return seconds
    if fraction[0] != "." or not fraction[1:].isdecimal():
        raise ValueError(f"{text!r} is not a time")
    return seconds + dt.timedelta(microseconds=int(fraction[1:7].ljust(6, "0")))
