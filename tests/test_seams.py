"""Tests use public names and the seams, so that a name that changes inside the package changes in one file of the tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SEAMS = {TESTS / "seams.py", TESTS / "aws" / "servers.py"}
FOLDERS = ("aws", "core", "refresh", "service_account")
FILES = [path for folder in FOLDERS for path in sorted((TESTS / folder).rglob("*.py")) if path not in SEAMS]
PRIVATE = re.compile(r"google_auth_botocore(\.\w+)*\._[a-z]\w*(?!\w*\.py)")
# Private names of others: Python, botocore and google-auth, whose own tests or documentation also use them.
OF_OTHERS = {
    "_clear_cache",
    "_credentials",
    "_exit",
    "_getframe",
    "_helpers",
    "_http",
    "_replace",
    "_fields",
    "_asdict",
}


def private_names(source: str) -> Iterator[str]:
    """Yield the private names of the package in a test: imports, attributes of other objects, and names in texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.startswith("google_auth_botocore"):
                yield from (name for name in (f"{module}.{each.name}" for each in node.names) if "._" in name)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if PRIVATE.search(each.name))
        elif isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own and re.match("_[a-z]", node.attr) and node.attr not in OF_OTHERS:
                yield f".{node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (match[0] for match in PRIVATE.finditer(node.value))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(TESTS)) for path in FILES])
def test_only_the_seams_use_private_names(path: Path) -> None:
    assert set(private_names(path.read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from google_auth_botocore import _settings",
        "from google_auth_botocore._refresh.clock import Clock",
        "import google_auth_botocore._aws.keys",
        "credentials._source",
        "make().identity._lock",
        'patch.setattr("google_auth_botocore._aws.retry.LIMIT", 2)',
    ],
)
def test_private_name_is_found(source: str) -> None:
    assert set(private_names(source))


@pytest.mark.parametrize(
    "source",
    ["self._clock", "from google_auth_botocore import Credentials", "os._exit(0)", "import google_auth_botocore"],
)
def test_other_name_is_not_reported(source: str) -> None:
    assert set(private_names(source)) == set()
