"""Common Expression Language, as workload identity federation knows it: the standard functions, and `extract`.

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

# Its DEBUG records come from the threads of this server. A handler that waits for the server's reply, because it needs a
# token, would wait for ever if it were called there, too.
logging.getLogger("celpy").setLevel(logging.WARNING)

_compiling = threading.Lock()  # celpy's parser keeps the text at hand in itself


class CelError(ValueError):
    """An expression can't be parsed, or can't be evaluated on these values."""


def check(expression: str) -> None:
    """Checks the syntax of an expression.

    Raises:
        CelError: it is no CEL.
    """
    _program(expression)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluates an expression over variables with JSON-like values; gives a str, bool, int, list, ….

    Raises:
        CelError: the expression is no CEL, or refers to something that is not there.
    """
    context = {name: json_to_cel(value) for name, value in variables.items()}
    try:
        return CELJSONEncoder.to_python(_program(expression).evaluate(context))
    except CELEvalError as error:
        raise CelError(str(error.args[0] if error.args else error)) from error


@functools.cache
def _environment() -> Environment:
    environment = Environment()  # builds the grammar: a fifth of a second
    # The protobuf types it declares are all below `google`, and would hide our variable of that name.
    environment.annotations.clear()
    return environment


@functools.lru_cache(maxsize=1024)
def _program(expression: str) -> Runner:
    with _compiling:
        environment = _environment()
        try:
            syntax_tree = environment.compile(expression)
        except CELParseError as error:
            near, *_ = str(error).splitlines()  # the rest is a mark below the place
            raise CelError(f"not a CEL expression: line {error.line}, column {error.column}, in {near!r}") from error
        return environment.program(syntax_tree, functions={"extract": _extract})


def _extract(value: celtypes.Value, template: celtypes.Value) -> celtypes.Value:
    """Gives what stands in place of `{name}` between the two fixed parts of a template; empty where they don't occur.

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
