"""Every library that takes the credentials, and all that can happen to its token on the way.

`--write-matrix` writes what they are expected to do into the README.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from consumers.matrix.table import COLUMNS, EXPECTED, written_into
from consumers.matrix.world import Consumer, World

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
VERSIONS = Path(__file__).with_name("versions.txt")

pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),  # Google's libraries warn each other
    pytest.mark.filterwarnings("ignore:the `credential_provider` parameter"),  # polars calls it unstable
]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("consumer", EXPECTED, ids=lambda consumer: consumer.__name__)
def test_a_library_does_what_is_expected_of_it(world: World, consumer: type[Consumer], column: str) -> None:
    for name in consumer.waits:
        world.wait_by_the_clock(name)
    assert COLUMNS[column](world, consumer) in getattr(EXPECTED[consumer], column).split(" or ")


def test_the_readme_has_the_table(pytestconfig: pytest.Config) -> None:
    written = written_into(README.read_text(encoding="utf-8"))
    if pytestconfig.getoption("write_matrix", False):
        README.write_text(written, encoding="utf-8")
        VERSIONS.write_text(_installed(), encoding="utf-8")
    assert README.read_text(encoding="utf-8") == written, "write it with: nox -s consumers -- --write-matrix"


def _installed() -> str:
    """What the table is about: each library that the project names, and its version here."""
    names = re.findall(r'"([a-zA-Z0-9-]+)(?:\[[^]]*\])?>=', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {name: version for name in names if (version := _version(name))}
    return "".join(f"{name} {found[name]}\n" for name in sorted(found)) + f"Python {sys.version.split()[0]}\n"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
