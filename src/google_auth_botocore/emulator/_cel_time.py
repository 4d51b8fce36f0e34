"""Timestamps and durations in CEL expressions.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#abstract-types
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google_auth_botocore.emulator._cel_values import CelFailure

_RFC3339 = re.compile(
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<fraction>\.[0-9]{1,9})?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})"
)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PART = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|ns)"
_OFFSET = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})")


def timestamp(value: object) -> datetime:
    """Return the timestamp that a string contains. Google does not support the conversion of an int.

    Raises:
        CelFailure: the string is not a time of RFC 3339.
    """
    if isinstance(value, datetime):
        return value
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise CelFailure("not a timestamp")
    try:
        moment = datetime.fromisoformat(match["time"] + match["zone"].replace("Z", "+00:00"))
        return moment.astimezone(timezone.utc) + timedelta(seconds=float(match["fraction"] or 0))
    except (ValueError, OverflowError) as error:
        raise CelFailure("not a timestamp") from error


def duration(value: object) -> timedelta:
    """Return the duration that a string such as `1h30m` contains.

    Raises:
        CelFailure: the string is not a duration.
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(rf"([+-]?)((?:{_PART})+)", value) if isinstance(value, str) else None
    if match is None:
        raise CelFailure("not a duration")
    seconds_ = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, match[2]))
    try:
        return timedelta(seconds=-seconds_ if match[1] == "-" else seconds_)
    except OverflowError as error:
        raise CelFailure("not a duration") from error


def text(value: datetime | timedelta) -> str:
    """Return a timestamp or a duration as a string."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    return value.isoformat().replace("+00:00", "Z")


def seconds(value: datetime) -> int:
    """Return the seconds since the epoch."""
    return (value - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)


def _zone(name: object) -> tzinfo:
    if not isinstance(name, str):
        raise CelFailure("not the name of a time zone")
    offset = _OFFSET.fullmatch(name)
    try:
        if offset:
            span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            return timezone(-span if offset[1] == "-" else span)
        return timezone.utc if name == "UTC" else ZoneInfo(name)  # Windows has no time zones without a package
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise CelFailure("not the name of a time zone") from error


def _of_date(get: Callable[[datetime], int]) -> Callable[..., int]:
    def call(value: object, zone: object = "UTC") -> int:
        if not isinstance(value, datetime):
            raise CelFailure("not a timestamp")
        try:
            return get(value.astimezone(_zone(zone)))
        except OverflowError as error:  # in that time zone, the year is before 1 or after 9999
            raise CelFailure("not a timestamp") from error

    return call


def _of_both(get: Callable[[datetime], int], unit: timedelta) -> Callable[..., int]:
    of_date = _of_date(get)

    def call(value: Any, *zone: object) -> int:
        return int(value / unit) if isinstance(value, timedelta) and not zone else of_date(value, *zone)

    return call


METHODS: dict[str, Callable[..., int]] = {
    "getDate": _of_date(lambda value: value.day),
    "getDayOfMonth": _of_date(lambda value: value.day - 1),
    "getDayOfWeek": _of_date(lambda value: value.isoweekday() % 7),
    "getDayOfYear": _of_date(lambda value: value.timetuple().tm_yday - 1),
    "getFullYear": _of_date(lambda value: value.year),
    "getHours": _of_both(lambda value: value.hour, timedelta(hours=1)),
    "getMilliseconds": _of_both(lambda value: value.microsecond // 1000, timedelta(milliseconds=1)),
    "getMinutes": _of_both(lambda value: value.minute, timedelta(minutes=1)),
    "getMonth": _of_date(lambda value: value.month - 1),
    "getSeconds": _of_both(lambda value: value.second, timedelta(seconds=1)),
}
"""The methods of timestamps and durations, by name."""
