"""The README's recipes, which the tests in this directory execute."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from google_auth_botocore import Credentials

_README = Path(__file__).parents[3] / "README.md"


def code(title: str) -> str:
    """Return the code of a recipe in the README: the example that begins with the title as a comment."""
    [found] = re.findall(rf"```python\n(# {title}\b.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def execute(title: str, credentials: Credentials) -> SimpleNamespace:
    """Execute a recipe, and return its variables."""
    names = {"credentials": credentials}
    exec(compile(code(title), f"README.md ({title})", "exec"), names)
    return SimpleNamespace(**names)
