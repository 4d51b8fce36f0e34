"""The Common Expression Language of workload identity federation: the standard functions and `extract`.

Source: https://cloud.google.com/iam/docs/workload-identity-federation#mapping
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Mapping
from typing import Any

from celpy import Environment, Runner, celtypes
from celpy.adapter import CELJSONEncoder, json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

# celpy logs DEBUG records in the threads of this server. A log handler that needs a token would wait forever: it waits for
# the reply of the thread that calls it.
logging.getLogger("celpy").setLevel(logging.WARNING)

_compiling = threading.Lock()  # celpy's parser is not thread-safe: it stores the text that it parses


class CelError(ValueError):
    """An expression is invalid, or cannot be evaluated with these values."""


def check(expression: str) -> None:
    """Check the syntax of an expression.

    Raises:
        CelError: it is not a CEL expression.
    """
    _program(expression)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression over variables with JSON-like values, and return such a value.

    Raises:
        CelError: it is not a CEL expression, or refers to something that does not exist.
    """
    context = {name: json_to_cel(value) for name, value in variables.items()}
    try:
        return CELJSONEncoder.to_python(_program(expression).evaluate(context))
    except CELEvalError as error:
        raise CelError(str(error.args[0] if error.args else error)) from error


@functools.cache
def _environment() -> Environment:
    environment = Environment()  # takes 0.2 s to build the grammar
    # All the protobuf types that it declares are in `google`, and would hide our variable of that name.
    environment.annotations.clear()
    return environment


@functools.lru_cache(maxsize=1024)
def _program(expression: str) -> Runner:
    with _compiling:
        environment = _environment()
        try:
            syntax_tree = environment.compile(expression)
        except CELParseError as error:
            near, *_ = str(error).splitlines()  # the next line only marks the position
            raise CelError(f"not a CEL expression: line {error.line}, column {error.column}, in {near!r}") from error
        return environment.program(syntax_tree, functions={"extract": _extract})


def _extract(value: celtypes.Value, template: celtypes.Value) -> celtypes.Value:
    """Return the text that `{name}` in a template matches between its fixed parts; empty if they do not occur.

    Source: https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
    """
    prefix, _, rest = str(template).partition("{")
    _, _, suffix = rest.partition("}")
    _, found, tail = str(value).partition(prefix) if prefix else ("", "{", str(value))
    if not found:
        return celtypes.StringType("")
    if not suffix:
        return celtypes.StringType(tail)
    extracted, found, _ = tail.partition(suffix)
    return celtypes.StringType(extracted if found else "")
