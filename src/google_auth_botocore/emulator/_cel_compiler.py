"""Compile the syntax tree of a CEL expression to Python functions, and find the names that it uses.

Chains such as `a && b && c` and `a.b.c` become loops, so that only nesting uses Python's stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lark import Token, Tree

from google_auth_botocore.emulator import _cel_literals
from google_auth_botocore.emulator._cel_functions import FUNCTIONS, METHODS, Function
from google_auth_botocore.emulator._cel_tree import DEEPEST, CompileError, arguments, token, too_deep, trees, unwrapped
from google_auth_botocore.emulator._cel_values import (
    OPERATORS,
    TYPES,
    CelFailure,
    boolean,
    contains,
    elements,
    field,
    has_field,
    item,
    negative,
)

_MAX_ITERATIONS = 100_000  # of all macros. Google limits an evaluation, too; this limit is ours.
_MACROS = {
    "all": range(2, 3),
    "exists": range(2, 3),
    "exists_one": range(2, 3),
    "filter": range(2, 3),
    "map": range(2, 4),
}
_LOGICAL = {"conditionaland": False, "conditionalor": True}  # the operand that decides
_OPERATIONS = {"relation", "addition", "multiplication"}
_NAMES = {"ident", "dot_ident"}


class Reference(NamedTuple):
    """A variable in an expression, and the field of it if the expression names one."""

    name: Token
    field: str | None


class _Scope:
    """The variables of an evaluation, and how many iterations its macros have made."""

    def __init__(self, variables: Mapping[str, Any], iterations: list[int] | None = None) -> None:
        self.variables = variables
        self._iterations = [0] if iterations is None else iterations

    def inner(self, name: str, value: Any) -> _Scope:
        """Return the scope of one iteration of a macro."""
        self._iterations[0] += 1
        if self._iterations[0] > _MAX_ITERATIONS:
            raise CelFailure("too many iterations")
        return _Scope({**self.variables, name: value}, self._iterations)


_Code = Callable[[_Scope], Any]
_Step = Callable[[Any, _Scope], Any]


class Program:
    """A compiled expression.

    Attributes:
        references: the variables that it uses.
    """

    def __init__(self, tree: Tree[Any]) -> None:
        """Compile a syntax tree.

        Raises:
            CompileError: a function does not exist, has the wrong number of arguments, or the nesting is too deep.
        """
        compiler = _Compiler()
        self._code = compiler.compile(tree)
        self.references = compiler.references

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the value of the expression.

        Raises:
            CelFailure: it has none.
        """
        return self._code(_Scope(variables))


class _Compiler:
    def __init__(self) -> None:
        self.references: list[Reference] = []
        self._locals: list[str] = []
        self._depth = 0

    def compile(self, tree: Tree[Any]) -> _Code:
        tree = unwrapped(tree)
        self._depth += 1
        if self._depth > DEEPEST:
            raise too_deep()
        rule = tree.data
        if rule in _LOGICAL:
            code = self._logical(tree, decisive=_LOGICAL[rule])
        elif rule in _OPERATIONS:
            code = self._operation(tree)
        elif rule == "expr":
            code = self._conditional(tree)
        elif rule == "unary":
            code = self._unary(tree)
        elif rule.startswith("member_"):
            code = self._member(tree)
        else:
            code = self._primary(tree)
        self._depth -= 1
        return code

    def _conditional(self, tree: Tree[Any]) -> _Code:
        test, then, otherwise = [self.compile(child) for child in trees(tree)]
        return lambda scope: then(scope) if boolean(test(scope)) else otherwise(scope)

    def _logical(self, tree: Tree[Any], *, decisive: bool) -> _Code:
        """Compile `&&` (decisive is False) or `||`: a decisive operand wins, also over a failure of another one."""
        rule, operands = tree.data, []
        while tree.data == rule and len(tree.children) == 2:
            left, right = trees(tree)
            operands.append(self.compile(right))
            tree = left
        operands.append(self.compile(tree))
        operands.reverse()

        return lambda scope: _decide(((operand, scope) for operand in operands), decisive=decisive)

    def _operation(self, tree: Tree[Any]) -> _Code:
        steps = []
        while tree.data in _OPERATIONS:
            left, right = trees(tree)
            steps.append((OPERATORS[left.data], self.compile(right)))
            tree = unwrapped(trees(left)[0], parentheses=False)
        first = self.compile(tree)
        steps.reverse()

        def evaluate(scope: _Scope) -> Any:
            value = first(scope)
            for operate, operand in steps:
                value = operate(value, operand(scope))
            return value

        return evaluate

    def _unary(self, tree: Tree[Any]) -> _Code:
        operators: list[Callable[[Any], Any]] = []
        while tree.data == "unary":
            sign, operand = trees(tree)
            operators.append(negative if sign.data == "unary_neg" else lambda value: not boolean(value))
            tree = unwrapped(operand, parentheses=False)
        inner = self.compile(tree)
        operators.reverse()

        def evaluate(scope: _Scope) -> Any:
            value = inner(scope)
            for operate in operators:
                value = operate(value)
            return value

        return evaluate

    def _member(self, tree: Tree[Any]) -> _Code:
        """Compile a primary expression, and the fields, elements and methods that follow it."""
        steps: list[_Step] = []
        selected: str | None = None  # the field that follows the primary expression
        while tree.data.startswith("member_"):
            step, selected = self._step(tree)
            steps.append(step)
            tree = unwrapped(trees(tree)[0])
        base = self._owner(tree, selected)
        steps.reverse()

        def evaluate(scope: _Scope) -> Any:
            value = base(scope)
            for step in steps:
                value = step(value, scope)
            return value

        return evaluate

    def _step(self, tree: Tree[Any]) -> tuple[_Step, str | None]:
        """Compile the last part of a member, and return the field that it selects, if its name is known."""
        if tree.data == "member_dot":
            selected = str(token(tree))
            return lambda value, _: field(value, selected), selected
        if tree.data == "member_index":
            key = unwrapped(trees(tree)[1])
            code = self.compile(key)
            constant = _cel_literals.value(token(key)) if key.data == "literal" else None
            return lambda value, scope: item(value, code(scope)), constant if isinstance(constant, str) else None
        if tree.data == "member_object":
            raise CompileError(None, "messages cannot be constructed")
        name, given = token(tree), arguments(tree)
        if name in _MACROS:
            return self._macro(name, given), None
        call = _overload(METHODS, name, given)
        codes = [self.compile(argument) for argument in given]
        return lambda value, scope: call(value, *(code(scope) for code in codes)), None

    def _macro(self, name: Token, given: list[Tree[Any]]) -> _Step:
        if len(given) not in _MACROS[name]:
            raise _no_overload(name, given)
        variable = unwrapped(given[0], parentheses=False)
        if variable.data != "ident":
            raise CompileError(name, f"the first argument of '{name}' must be a simple name")
        local = str(token(variable))
        self._locals.append(local)
        *conditions, body = [self.compile(argument) for argument in given[1:]]
        self._locals.pop()

        def scopes(value: Any, scope: _Scope) -> Iterator[tuple[Any, _Scope]]:
            return ((each, scope.inner(local, each)) for each in elements(value))

        if name in {"all", "exists"}:
            decisive = name == "exists"
            return lambda value, scope: _decide(((body, inner) for _, inner in scopes(value, scope)), decisive=decisive)
        if name == "exists_one":
            return lambda value, scope: sum(boolean(body(inner)) for _, inner in scopes(value, scope)) == 1
        if name == "filter":
            return lambda value, scope: [each for each, inner in scopes(value, scope) if boolean(body(inner))]
        return lambda value, scope: [
            body(inner)
            for _, inner in scopes(value, scope)
            if all(boolean(condition(inner)) for condition in conditions)
        ]

    def _primary(self, tree: Tree[Any]) -> _Code:
        if tree.data == "literal":
            try:
                constant = _cel_literals.value(token(tree))
            except ValueError as error:
                raise CompileError(token(tree), str(error)) from error
            return lambda _: constant
        if tree.data in _NAMES:
            return self._variable(tree, None)
        if tree.data == "list_lit":
            codes = [self.compile(each) for each in arguments(tree)]
            return lambda scope: [code(scope) for code in codes]
        if tree.data == "map_lit":
            return self._map(tree)
        name, given = token(tree), arguments(tree)
        if name == "has":
            return self._has(name, given)
        call = _overload(FUNCTIONS, name, given)
        codes = [self.compile(argument) for argument in given]
        return lambda scope: call(*(code(scope) for code in codes))

    def _owner(self, tree: Tree[Any], selected: str | None) -> _Code:
        """Compile the part before a field. If it is a variable, its field is checked, too."""
        return self._variable(tree, selected) if tree.data in _NAMES else self.compile(tree)

    def _variable(self, tree: Tree[Any], selected: str | None) -> _Code:
        name = token(tree)
        if name in self._locals and tree.data == "ident":
            return lambda scope: scope.variables[name]
        constant = TYPES.get(name)
        if constant is not None:
            return lambda _: constant
        self.references.append(Reference(name, selected))
        return lambda scope: field(scope.variables, str(name))

    def _has(self, name: Token, given: list[Tree[Any]]) -> _Code:
        if len(given) != 1:
            raise _no_overload(name, given)
        member = unwrapped(given[0])
        if member.data != "member_dot":
            raise CompileError(name, "invalid argument to has() macro")
        selected = str(token(member))
        code = self._owner(unwrapped(trees(member)[0]), selected)
        return lambda scope: has_field(code(scope), selected)

    def _map(self, tree: Tree[Any]) -> _Code:
        parts = [self.compile(each) for inits in trees(tree) for each in trees(inits)]
        entries = list(zip(parts[::2], parts[1::2], strict=True))

        def evaluate(scope: _Scope) -> dict[Any, Any]:
            result: dict[Any, Any] = {}
            for key_code, code in entries:
                key = key_code(scope)
                if not isinstance(key, str | int) or contains(key, result):
                    raise CelFailure("not a key, or a repeated one")
                result[key] = code(scope)
            return result

        return evaluate


def _decide(evaluations: Iterable[tuple[_Code, _Scope]], *, decisive: bool) -> bool:
    """Return `decisive` if it is one of the results, else its opposite. A decisive result wins over a failure."""
    failure = None
    for code, scope in evaluations:
        try:
            if boolean(code(scope)) is decisive:
                return decisive
        except CelFailure as error:  # noqa: PERF203 - each evaluation may fail
            failure = error
    if failure is not None:
        raise failure
    return not decisive


def _overload(functions: Mapping[str, Function], name: Token, given: list[Tree[Any]]) -> Callable[..., Any]:
    function = functions.get(name)
    if function is None:
        raise CompileError(name, f"undeclared reference to '{name}' (in container '')")
    if len(given) not in function.arguments:
        raise _no_overload(name, given)
    return function.call


def _no_overload(name: Token, given: list[Tree[Any]]) -> CompileError:
    return CompileError(name, f"found no matching overload for '{name}' with {len(given)} arguments")
