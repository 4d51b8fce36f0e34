"""The values of CEL expressions, and what its operators do with them.

Values are Python's own: str, bool, int, float, bytes, list, dict, None, datetime and timedelta.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

_MAX_SIZE = 1_000_000  # characters or elements. Google limits an evaluation, too; this limit is ours.


class CelFailure(Exception):  # noqa: N818 - it is a result of an evaluation, and `&&` and `||` can discard it
    """An expression has no value, for example because a field does not exist or a value has the wrong type."""


class Uint(int):
    """An unsigned integer."""


class CelType(NamedTuple):
    """The type of a value."""

    name: str


# A bool is also an int, and so is a Uint: the first that fits is the type.
_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (Uint, "uint"),
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (bytes, "bytes"),
    (list, "list"),
    (dict, "map"),
    (type(None), "null_type"),
    (datetime, "timestamp"),
    (timedelta, "duration"),
    (CelType, "type"),
)
TYPES: dict[str, CelType] = {name: CelType(name) for _, name in _TYPE_NAMES}
"""The names of the types, which are values, too."""


def type_of(value: object) -> CelType:
    """Return the type of a value."""
    return TYPES[next(name for kind, name in _TYPE_NAMES if isinstance(value, kind))]


def check_size(size: int) -> None:
    """Check the size of a string or a list before it is created.

    Raises:
        CelFailure: it is too large.
    """
    if size > _MAX_SIZE:
        raise CelFailure("too large")


def is_number(value: object) -> bool:
    """Return whether a value is an int, a uint or a double."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(value: object) -> int:
    """Return a value that must be an int of 64 bits. A claim can be larger.

    Raises:
        CelFailure: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool | Uint):
        raise CelFailure("not an int")
    return whole_number(value)


def whole_number(value: int) -> int:
    """Return an int that must fit into 64 bits.

    Raises:
        CelFailure: it does not.
    """
    if not -(2**63) <= value < 2**63:
        raise CelFailure("integer overflow")
    return value


def boolean(value: object) -> bool:
    """Return a value that must be a bool.

    Raises:
        CelFailure: it is not.
    """
    if not isinstance(value, bool):
        raise CelFailure("not a bool")
    return value


def same(left: Any, right: Any) -> bool:
    """Compare as CEL does with dynamic types: values of different types are different, numbers compare as numbers."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(key in right and same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def contains(item: Any, container: Any) -> bool:
    """Return whether a list contains a value, or a map a key.

    Raises:
        CelFailure: the container is neither a list nor a map.
    """
    return any(same(item, each) for each in elements(container))


def elements(container: Any) -> list[Any]:
    """Return what a macro iterates over: the elements of a list, or the keys of a map.

    Raises:
        CelFailure: the value is neither a list nor a map.
    """
    if not isinstance(container, list | dict):
        raise CelFailure("neither a list nor a map")
    return list(container)


def item(container: Any, key: Any) -> Any:
    """Return an element of a list, or the value of a key.

    Raises:
        CelFailure: it does not exist.
    """
    if isinstance(container, dict):
        for each in container:
            if same(each, key):
                return container[each]
        raise CelFailure("no such key")
    if not isinstance(container, list):
        raise CelFailure("neither a list nor a map")
    index = int(key) if isinstance(key, float) and key.is_integer() else key
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(container):
        raise CelFailure("no such element")
    return container[index]


def field(container: Any, name: str) -> Any:
    """Return the value of a field.

    Raises:
        CelFailure: it does not exist.
    """
    if not has_field(container, name):
        raise CelFailure("no such key")
    return container[name]


def has_field(container: Any, name: str) -> bool:
    """Return whether a map has a field.

    Raises:
        CelFailure: the value is not a map.
    """
    if not isinstance(container, dict):
        raise CelFailure("not a map")
    return name in container


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        comparable = is_number(left) and is_number(right)
        if not comparable and not (
            type(left) is type(right) and isinstance(left, bool | str | bytes | datetime | timedelta)
        ):
            raise CelFailure("not comparable")
        return compare(left, right)

    return ordered


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes | list) and type(left) is type(right):
        check_size(len(left) + len(right))
        return operator.add(left, right)
    times = (datetime, timedelta), (timedelta, datetime), (timedelta, timedelta)
    if any(isinstance(left, first) and isinstance(right, second) for first, second in times):
        return _checked(operator.add, left, right)
    return _calculate(operator.add, left, right)


def _subtract(left: Any, right: Any) -> Any:
    times = (datetime, timedelta), (datetime, datetime), (timedelta, timedelta)
    if any(isinstance(left, first) and isinstance(right, second) for first, second in times):
        return _checked(operator.sub, left, right)
    return _calculate(operator.sub, left, right)


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        raise CelFailure("no remainder of a double")
    return _calculate(lambda one, other: one - _quotient(one, other) * other, left, right)


def _quotient(left: Any, right: Any) -> Any:
    """Divide as CEL does: integers towards zero, and doubles also by zero."""
    if not isinstance(left, float):
        return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right


def _calculate(calculate: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if not is_number(left) or type(left) is not type(right):
        raise CelFailure("not two numbers of the same type")
    result = _checked(calculate, left, right)
    if isinstance(left, Uint):
        if not 0 <= result < 2**64:
            raise CelFailure("integer overflow")
        return Uint(result)
    return result if isinstance(result, float) else whole_number(result)


def _checked(calculate: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    try:
        return calculate(left, right)
    except ArithmeticError as error:  # a division by zero, or a time that Python cannot represent
        raise CelFailure("no result") from error


def negative(value: Any) -> Any:
    """Return the negative of an int or a double.

    Raises:
        CelFailure: it is neither.
    """
    return -value if isinstance(value, float) else whole_number(-integer(value))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "relation_eq": same,
    "relation_ne": lambda left, right: not same(left, right),
    "relation_in": contains,
    "relation_lt": _ordering(operator.lt),
    "relation_le": _ordering(operator.le),
    "relation_gt": _ordering(operator.gt),
    "relation_ge": _ordering(operator.ge),
    "addition_add": _add,
    "addition_sub": _subtract,
    "multiplication_mul": lambda left, right: _calculate(operator.mul, left, right),
    "multiplication_div": lambda left, right: _calculate(_quotient, left, right),
    "multiplication_mod": _remainder,
}
"""The operators with two operands, by the name of their rule in the grammar, without the logical operators."""
