"""The README's recipes, which the tests beside this module follow to the letter."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from google_auth_botocore import Credentials

_README = Path(__file__).parents[3] / "README.md"


def code(title: str) -> str:
    """A recipe as it is in the README: the example that begins with a comment with the title."""
    [found] = re.findall(rf"```python\n(# {title}\b.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def follow(title: str, credentials: Credentials) -> SimpleNamespace:
    """What a recipe leaves behind, by name."""
    names = {"credentials": credentials}
    exec(compile(code(title), f"README.md ({title})", "exec"), names)
    return SimpleNamespace(**names)
