"""The functions and methods of CEL expressions.

Sources: https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions,
https://github.com/google/cel-go/blob/master/ext/README.md#strings (the string functions),
https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import re2  # type: ignore[import-untyped]  # it has no type hints

from google_auth_botocore.emulator import _cel_time
from google_auth_botocore.emulator._cel_values import (
    CelFailure,
    Uint,
    check_size,
    integer,
    is_number,
    type_of,
    whole_number,
)

_UNLIMITED = -1
_DOUBLE = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity|nan))")
_TRUE, _FALSE = {"1", "t", "true", "TRUE", "True"}, {"0", "f", "false", "FALSE", "False"}


class Function(NamedTuple):
    """A function, and how many arguments it may have. The object of a method is not an argument."""

    call: Callable[..., Any]
    arguments: range


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise CelFailure("not a string")
    return value


def _text(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that requires a string as its object."""

    def call(value: object, *arguments: object) -> Any:
        return method(_string(value), *arguments)

    return call


def _extract(text: str, template: object) -> str:
    """Return the text that `{name}` in a template matches between its fixed parts; empty if they do not occur.

    That the text is empty for a template without `{name}` is assumed.
    """
    match = re.fullmatch(r"([^{]*)\{[^}]*\}(.*)", _string(template), re.DOTALL)
    if match is None:
        return ""
    prefix, suffix = match.groups()
    start = text.find(prefix)
    if start < 0:
        return ""
    tail = text[start + len(prefix) :]
    if not suffix:
        return tail
    value, found, _ = tail.partition(suffix)
    return value if found else ""


def _split(text: str, separator: object, limit: object = _UNLIMITED) -> list[str]:
    between, count = _string(separator), integer(limit)
    if count == 0:
        return []
    if between:
        return text.split(between, count - 1 if count > 0 else _UNLIMITED)
    return list(text) if count < 0 else [*text[: count - 1], *filter(None, [text[count - 1 :]])]


def _join(values: object, separator: object = "") -> str:
    if not isinstance(values, list):
        raise CelFailure("not a list")
    parts, between = [_string(value) for value in values], _string(separator)
    check_size(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _replace(text: str, old: object, new: object, limit: object = _UNLIMITED) -> str:
    before, after = _string(old), _string(new)
    check_size(len(text) + text.count(before) * len(after))
    return text.replace(before, after, integer(limit))


def _position(value: object, last: int) -> int:
    position = integer(value)
    if not 0 <= position <= last:
        raise CelFailure("index out of range")
    return position


def _substring(text: str, start: object, end: object = None) -> str:
    last = len(text) if end is None else _position(end, len(text))
    return text[_position(start, last) : last]


def _char_at(text: str, index: object) -> str:
    position = _position(index, len(text))
    return text[position : position + 1]


def _index_of(text: str, part: object, start: object = 0) -> int:
    return text.find(_string(part), _position(start, len(text)))


def _last_index_of(text: str, part: object, start: object = None) -> int:
    wanted = _string(part)
    return text.rfind(wanted, 0, _position(len(text) if start is None else start, len(text)) + len(wanted))


def _lower(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)


def _upper(text: str) -> str:
    return "".join(each.upper() if each.isascii() else each for each in text)


@functools.lru_cache(maxsize=128)
def _pattern(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise CelFailure("not a regular expression of RE2") from error


def _matches(text: str, pattern: object) -> bool:
    return _pattern(_string(pattern)).search(text) is not None


def _size(value: object) -> int:
    if not isinstance(value, str | bytes | list | dict):
        raise CelFailure("no size")
    return len(value)


def _to_string(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
        case str() | int():
            return str(value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise CelFailure("not UTF-8") from error
        case datetime() | timedelta():
            return _cel_time.text(value)
    raise CelFailure("no conversion to a string")


def _to_int(value: Any) -> int:
    match value:
        case str() if match := re.fullmatch(r"([+-]?)0*([0-9]{1,19})", value):
            return whole_number(int(match[1] + match[2]))
        case float() if abs(value) < 2**63:
            return int(value)
        case int() if not isinstance(value, bool):
            return whole_number(int(value))
        case datetime():
            return _cel_time.seconds(value)
    raise CelFailure("no conversion to an int")


def _to_uint(value: Any) -> Uint:
    number = int(value) if isinstance(value, Uint) else _to_int(value)
    if number < 0:
        raise CelFailure("negative")
    return Uint(number)


def _to_double(value: Any) -> float:
    if not is_number(value) and not (isinstance(value, str) and _DOUBLE.fullmatch(value)):
        raise CelFailure("no conversion to a double")
    try:
        return float(value)
    except OverflowError as error:  # a claim can be an int that no double can represent
        raise CelFailure("no conversion to a double") from error


def _to_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise CelFailure("no conversion to a bool")


def _to_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else _string(value).encode()


METHODS: dict[str, Function] = {
    "charAt": Function(_text(_char_at), range(1, 2)),
    "contains": Function(_text(lambda text, part: _string(part) in text), range(1, 2)),
    "endsWith": Function(_text(lambda text, part: text.endswith(_string(part))), range(1, 2)),
    "extract": Function(_text(_extract), range(1, 2)),
    "indexOf": Function(_text(_index_of), range(1, 3)),
    "join": Function(_join, range(2)),
    "lastIndexOf": Function(_text(_last_index_of), range(1, 3)),
    "lowerAscii": Function(_text(_lower), range(1)),
    "matches": Function(_text(_matches), range(1, 2)),
    "replace": Function(_text(_replace), range(2, 4)),
    "size": Function(_size, range(1)),
    "split": Function(_text(_split), range(1, 3)),
    "startsWith": Function(_text(lambda text, part: text.startswith(_string(part))), range(1, 2)),
    "substring": Function(_text(_substring), range(1, 3)),
    "trim": Function(_text(str.strip), range(1)),
    "upperAscii": Function(_text(_upper), range(1)),
    **{name: Function(get, range(2)) for name, get in _cel_time.METHODS.items()},
}
"""The methods by name, without macros."""

FUNCTIONS: dict[str, Function] = {
    "bool": Function(_to_bool, range(1, 2)),
    "bytes": Function(_to_bytes, range(1, 2)),
    "double": Function(_to_double, range(1, 2)),
    "duration": Function(_cel_time.duration, range(1, 2)),
    "dyn": Function(lambda value: value, range(1, 2)),
    "int": Function(_to_int, range(1, 2)),
    "matches": Function(_text(_matches), range(2, 3)),
    "size": Function(_size, range(1, 2)),
    "string": Function(_to_string, range(1, 2)),
    "timestamp": Function(_cel_time.timestamp, range(1, 2)),
    "type": Function(type_of, range(1, 2)),
    "uint": Function(_to_uint, range(1, 2)),
}
"""The functions by name, without the macro `has`."""
