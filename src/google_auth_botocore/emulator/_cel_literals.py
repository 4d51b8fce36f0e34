"""The literals of CEL.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
"""

from __future__ import annotations

import re
from typing import Any

from lark import Token

from google_auth_botocore.emulator._cel_values import Uint

_CONSTANTS = {"true": True, "false": False, "null": None}
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|.?)", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def value(token: Token) -> Any:
    """Return the value of a literal.

    Raises:
        ValueError: it is invalid.
    """
    text = str(token)
    match token.type:
        case "STRING_LIT" | "MLSTRING_LIT":
            return _string(text)
        case "BYTES_LIT":
            return _string(text[1:], as_bytes=True).encode("latin-1")
        case "INT_LIT":
            return _integer(text, -(2**63), 2**63)
        case "UINT_LIT":
            return Uint(_integer(text[:-1], 0, 2**64))
        case "FLOAT_LIT":
            return float(text)
    return _CONSTANTS[text]


def _integer(text: str, first: int, end: int) -> int:
    number = int(text, 16 if "x" in text else 10)
    if not first <= number < end:
        raise ValueError("invalid int literal")
    return number


def _string(text: str, *, as_bytes: bool = False) -> str:
    """Return the content of a string literal. In bytes, each character stands for one byte."""
    raw = text[0] in "rR"
    quoted = text[1:] if raw else text
    quotes = 3 if len(quoted) >= 6 and quoted[:3] in {'"""', "'''"} else 1
    content = quoted[quotes:-quotes]

    def replace(match: re.Match[str]) -> str:
        simple, byte, short, long, octal = match.groups()
        if simple is not None:
            return _SIMPLE.get(simple, simple)
        code = int(byte or short or long, 16) if byte or short or long else int(octal, 8) if octal else -1
        if not 0 <= code < 0x110000 or 0xD800 <= code < 0xE000:
            raise ValueError(f"Syntax error: token recognition error at: '{match[0]}'")
        return _encoded(chr(code)) if as_bytes and not (byte or octal) else chr(code)

    content = _encoded(content) if as_bytes else content
    return content if raw else _ESCAPE.sub(replace, content)


def _encoded(text: str) -> str:
    return text.encode().decode("latin-1")
