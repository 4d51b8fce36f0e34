"""The Common Expression Language of workload identity federation.

Google documents the language, `extract`, `split` and `join`; the other string functions occur in public mappings:
https://cloud.google.com/iam/docs/workload-identity-federation#mapping

cel-python parses the expressions, and the modules `_cel_*` compile and evaluate them. The libraries that evaluate CEL were
compared in November 2026, with the attribute mappings and conditions of public repositories:

- cel-python 0.5 (pure Python, maintained with Cloud Custodian) supports Python 3.10, and its parser accepts all of them. Its
  evaluator does not agree with the specification: `'a' + 'b' == 'ab'` is false, `has(a.b.c)` is false without `a.b`, equality and
  `&&` need replacements, deep nesting exceeds Python's stack, and macros take 0.2 ms for each element. Its dependency
  google-re2 lacks wheels for Python 3.15.
- common-expression-language 0.10 (Rust; one maintainer) follows the specification, is faster and has Linux wheels for Python
  3.15. But it requires Python 3.11, has no string functions and no syntax tree to check names in, and brings typer, rich and
  the other libraries of its command line.
- cel-expr-python 0.1 (Google's C++ library) requires Python 3.11, has no wheel for 3.15 or musl, and takes 50 MB.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any

from google_auth_botocore.emulator._cel_compiler import Program
from google_auth_botocore.emulator._cel_tree import CompileError, parse
from google_auth_botocore.emulator._cel_values import CelFailure

# The form in which Google's CEL libraries report an error. That IAM uses it for mappings and conditions is assumed.
_ERROR = "ERROR: <expression>:{line}:{column}: {problem}"


class CelError(ValueError):
    """An expression is invalid, or has no value with these variables."""


def check(expression: str, variables: Mapping[str, Collection[str] | None]) -> None:
    """Compile an expression.

    Args:
        expression: the expression.
        variables: the names of the variables, and the fields of each; None: it may have any field.

    Raises:
        CelError: it is not a CEL expression, or uses a name that does not exist.
    """
    for name, field in _compiled(expression).references:
        fields = variables.get(name)
        if name not in variables:
            problem = f"undeclared reference to '{name}' (in container '')"
        elif fields is not None and field is not None and field not in fields:
            problem = f"undeclared reference to '{name}.{field}': it has no attribute mapping"
        else:
            continue
        raise CelError(_ERROR.format(line=name.line, column=name.column, problem=problem))


def names(expression: str) -> frozenset[str]:
    """Return the names of the variables that an expression uses.

    Raises:
        CelError: it is not a CEL expression.
    """
    return frozenset(str(name) for name, _ in _compiled(expression).references)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression over variables with JSON-like values, and return its value.

    Raises:
        CelError: it is not a CEL expression, a field does not exist, or a value has the wrong type.
    """
    try:
        return _compiled(expression).evaluate(variables)
    except CelFailure as error:
        raise CelError(f"the expression has no value: {error}") from error


@functools.lru_cache(maxsize=1024)
def _compiled(expression: str) -> Program:
    try:
        return Program(parse(expression))
    except CompileError as error:
        raise CelError(_ERROR.format(line=error.line, column=error.column, problem=error)) from error
