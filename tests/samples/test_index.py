"""The index of the samples, and rules for all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages.markdown import links

from samples.conftest import SAMPLES

INDEX = (SAMPLES / "README.md").read_text(encoding="utf-8")


def test_every_sample_is_in_the_index() -> None:
    linked = {link for link in links(SAMPLES / "README.md") if not link.startswith("#")}
    files = {*SAMPLES.glob("*.py"), *SAMPLES.glob("migrate/*.md"), *SAMPLES.glob("clusters/*.md")}
    folders = {page.parent for page in SAMPLES.glob("*/README.md")} | set((SAMPLES / "deploy").iterdir())
    assert linked == {str(path.relative_to(SAMPLES)) for path in files | folders}


def test_the_index_says_for_whom_each_sample_is_its_time_and_its_cost() -> None:
    rows = [line.strip("| ").split(" | ") for line in INDEX.splitlines() if re.search(r"^\|.*\]\(", line)]
    assert rows
    assert [row for row in rows if len(row) != 5 or not all(row)] == []
    assert [row for row in rows if not re.search(r"^\d+ min", row[3])] == []


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (*SAMPLES.rglob("*.md"), *SAMPLES.glob("*.py")) if path != SAMPLES / "README.md"),
    ids=lambda path: str(path.relative_to(SAMPLES)),
)
def test_every_sample_states_its_time_and_its_cost(path: Path) -> None:
    """The time is the one in the index."""
    text = path.read_text(encoding="utf-8")
    stated = re.search(
        r"(?:\*\*)?Time(?:\*\*)?: (\d+) (?:minutes?|s)\b.*?\. (?:\*\*)?Cost(?:\*\*)?: \S", text, re.DOTALL
    )
    assert stated
    row = re.search(rf"\({re.escape(str(name_in_the_index(path)))}\) \|[^|]*\| (\d+) min", INDEX)
    assert row is None or row[1] == stated[1]


def name_in_the_index(path: Path) -> Path:
    name = path.relative_to(SAMPLES)
    return name.parent if name.name == "README.md" else name


def test_every_account_number_and_name_is_a_placeholder() -> None:
    for path in (path for path in SAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        text = path.read_text(encoding="utf-8")
        numbers = set(re.findall(r"(?<![\w.-])\d{12}(?!\w)", text))
        assert numbers <= {"111122223333", "123456789012"}, path
        assert not re.search(r"AKIA|ASIA|PRIVATE KEY", text), path
        accounts = set(re.findall(r"[\w-]+@([\w.-]+)", text))
        assert accounts <= {"my-project.iam.gserviceaccount.com", "example.com"}, path
