"""The syntax tree of a CEL expression: parse an expression, and find the parts of a tree."""

from __future__ import annotations

import functools
import threading
from typing import Any

from celpy.celparser import CELParseError, CELParser
from lark import Token, Tree
from lark.exceptions import LexError

DEEPEST = 100
"""How deeply expressions may be nested. Google's CEL libraries allow 250, which no expression of 4,096 characters needs."""

# A bracket after one of these is an index, not a list.
_ENDS_OF_OPERANDS = {"IDENT", "RPAR", "RSQB", "RBRACE", "STRING_LIT", "MLSTRING_LIT", "BYTES_LIT"}

_CLOSING = {"RPAR", "RSQB", "RBRACE"}

_parsing = threading.Lock()  # celpy's parser is not thread-safe: it stores the text that it parses


class CompileError(Exception):
    """An expression is invalid."""

    def __init__(self, at: Token | None, text: str) -> None:
        super().__init__(text)
        self.line = (at and at.line) or 1
        self.column = (at and at.column) or 1


@functools.cache
def _parser() -> CELParser:
    return CELParser()  # takes 0.2 s to build the grammar


def parse(expression: str) -> Tree[Any]:
    """Parse an expression.

    Raises:
        CompileError: it is not a CEL expression.
    """
    try:
        with _parsing:
            try:
                return _parser().parse(expression)
            except CELParseError:
                return _parser().parse(_without_trailing_commas(expression))
    except CELParseError as error:
        near, *_ = str(error).splitlines() or [""]  # the next line only marks the position
        text = f"Syntax error: not a CEL expression: '{near}'"
        raise CompileError(Token("NEAR", near, line=error.line, column=error.column), text) from error


def _without_trailing_commas(expression: str) -> str:
    """Return an expression without the comma after the last element of a list or a map, which celpy's grammar rejects.

    Google's grammar accepts it there, but not in a call or an index: https://github.com/google/cel-go/blob/master/parser/gen/CEL.g4
    """
    parser = CELParser.CEL_PARSER  # lark's: celpy's own class has no method for tokens
    characters = list(expression)
    closing: list[str | None] = []  # for each open bracket, the one before which a comma is accepted
    before, position = "", 0
    try:
        for each in () if parser is None else parser.lex(expression):
            if each.type in {"LPAR", "LSQB", "LBRACE"}:
                is_list = each.type == "LSQB" and before not in _ENDS_OF_OPERANDS
                closing.append("RSQB" if is_list else "RBRACE" if each.type == "LBRACE" else None)
            elif each.type in _CLOSING and closing and closing.pop() == each.type and before == "COMMA":
                characters[position] = " "  # so that the positions in errors stay the same
            before, position = each.type, each.start_pos or 0
    except LexError:
        return expression  # the parser reports it
    return "".join(characters)


def too_deep() -> CompileError:
    """Return the error for an expression that is nested too deeply."""
    return CompileError(None, "expression recursion limit exceeded")


def unwrapped(tree: Tree[Any], *, parentheses: bool = True) -> Tree[Any]:
    """Return the first part of a tree that is not merely the only child of a rule for precedence.

    Args:
        tree: the tree.
        parentheses: whether to look into parentheses.

    Raises:
        CompileError: the parentheses are nested too deeply.
    """
    depth = 0
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree):
        if tree.data in {"list_lit", "map_lit"} or (tree.data == "paren_expr" and not parentheses):
            break
        depth += tree.data == "paren_expr"
        tree = tree.children[0]
    if depth > DEEPEST:
        raise too_deep()
    return tree


def trees(tree: Tree[Any]) -> list[Tree[Any]]:
    """Return the parts of a tree that are trees."""
    return [child for child in tree.children if isinstance(child, Tree)]


def token(tree: Tree[Any]) -> Token:
    """Return the first part of a tree that is a token: a name or a literal."""
    return next(child for child in tree.children if isinstance(child, Token))


def arguments(tree: Tree[Any]) -> list[Tree[Any]]:
    """Return the arguments of a call, or the elements of a list."""
    return next((trees(each) for each in trees(tree) if each.data == "exprlist"), [])
