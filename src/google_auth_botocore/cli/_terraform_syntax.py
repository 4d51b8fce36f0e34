"""Write Terraform configuration (HCL), formatted as `terraform fmt` does.

https://developer.hashicorp.com/terraform/language/syntax/configuration
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google_auth_botocore._failures._entry import Block, Raw


class Call(NamedTuple):
    """A call of a function with one argument."""

    function: str
    argument: object


def document(blocks: Iterable[Block]) -> str:
    """Return the text of a file."""
    return "\n\n".join("\n".join(_block(block)) for block in blocks) + "\n"


def _block(block: Block) -> list[str]:
    body = _attributes(block.attributes)
    for nested in block.blocks:
        body += [*([""] if body else []), *_block(nested)]
    head = " ".join([block.kind, *(json.dumps(label) for label in block.labels)])
    return [f"{head} {{", *_indented(body), "}"] if body else [f"{head} {{}}"]


def _attributes(attributes: Mapping[str, Any]) -> list[str]:
    """Return the lines of attributes. Equals signs are aligned in consecutive one-line attributes."""
    lines: list[str] = []
    one_liners: list[tuple[str, str]] = []

    def align() -> None:
        width = max((len(name) for name, _ in one_liners), default=0)
        lines.extend(f"{name:<{width}} = {value}" for name, value in one_liners)
        one_liners.clear()

    for name, value in attributes.items():
        key = name if re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", name) else _quoted(name)
        first, *rest = _value(value)
        if rest:
            align()
            lines += [f"{key} = {first}", *rest]
        else:
            one_liners.append((key, first))
    align()
    return lines


def _value(value: object) -> list[str]:
    """Return the lines of an expression."""
    if isinstance(value, Raw):
        return [str(value)]
    if isinstance(value, str):
        return [_quoted(value)]
    if isinstance(value, Call):
        first, *rest = _value(value.argument)
        if not rest:
            return [f"{value.function}({first})"]
        return [f"{value.function}({first}", *rest[:-1], f"{rest[-1]})"]
    if isinstance(value, Mapping):
        return ["{", *_indented(_attributes(value)), "}"]
    if isinstance(value, (list, tuple)):
        return _list([_value(each) for each in value])
    return [json.dumps(value)]  # JSON writes numbers and booleans in the same way


def _list(items: Sequence[list[str]]) -> list[str]:
    if all(len(item) == 1 for item in items):
        return [f"[{', '.join(item[0] for item in items)}]"]
    return ["[", *_indented(line for item in items for line in [*item[:-1], f"{item[-1]},"]), "]"]


def _quoted(text: str) -> str:
    """Return a string literal, with `${` and `%{` escaped."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]
