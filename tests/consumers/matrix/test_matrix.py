"""How each client library handles expiry, revocation, outages and denial.

`--write-matrix` updates the table on the page of the adapters with the expected behaviour.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from consumers.matrix.harness import Consumer, Harness
from consumers.matrix.row import COLUMNS
from consumers.matrix.table import EXPECTED, with_table

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "src" / "google_auth_botocore" / "adapters" / "README.md"
VERSIONS = Path(__file__).with_name("versions.txt")

pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),  # from Google's libraries about each other
    pytest.mark.filterwarnings("ignore:the `credential_provider` parameter"),  # polars marks it as unstable
]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("consumer", EXPECTED, ids=lambda consumer: consumer.__name__)
def test_a_library_behaves_as_expected(harness: Harness, consumer: type[Consumer], column: str) -> None:
    for name in consumer.waits:
        harness.use_fake_clock(name)
    assert COLUMNS[column](harness, consumer) in getattr(EXPECTED[consumer], column).split(" or ")


def test_the_page_of_the_adapters_contains_the_table(pytestconfig: pytest.Config) -> None:
    written = with_table(PAGE.read_text(encoding="utf-8"))
    if pytestconfig.getoption("write_matrix", False):
        PAGE.write_text(written, encoding="utf-8")
        VERSIONS.write_text(_installed(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written, "update it with: nox -s consumers -- --write-matrix"


def _installed() -> str:
    """Return the installed version of each library in pyproject.toml."""
    names = re.findall(r'"([a-zA-Z0-9-]+)(?:\[[^]]*\])?>=', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {name: version for name in names if (version := _version(name))}
    return "".join(f"{name} {found[name]}\n" for name in sorted(found)) + f"Python {sys.version.split()[0]}\n"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
