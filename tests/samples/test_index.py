"""The index of the samples, and rules for all of them."""

from __future__ import annotations

import re

from samples.conftest import SAMPLES

INDEX = (SAMPLES / "README.md").read_text(encoding="utf-8")


def test_every_sample_is_in_the_index() -> None:
    linked = {link for link in re.findall(r"\]\(([^)]*)\)", INDEX) if not link.startswith("https:")}
    files = {*SAMPLES.glob("*.py"), *SAMPLES.glob("migrate/*.md")}
    folders = {page.parent for page in SAMPLES.glob("*/README.md")} | set((SAMPLES / "deploy").iterdir())
    assert linked == {str(path.relative_to(SAMPLES)) for path in files | folders}


def test_every_account_number_and_name_is_a_placeholder() -> None:
    for path in (path for path in SAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        text = path.read_text(encoding="utf-8")
        numbers = set(re.findall(r"(?<![\w.-])\d{12}(?!\w)", text))
        assert numbers <= {"111122223333", "123456789012"}, path
        assert not re.search(r"AKIA|ASIA|PRIVATE KEY", text), path
        accounts = set(re.findall(r"[\w-]+@([\w.-]+)", text))
        assert accounts <= {"my-project.iam.gserviceaccount.com", "example.com"}, path


def test_every_link_has_a_target() -> None:
    for page in SAMPLES.rglob("*.md"):
        for link in re.findall(r"\]\((?!https:)([^)#]*)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page, link)
