"""Every link within the repository has a target, on every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.markdown import PAGES, README, ROOT, anchors, links, name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    """A link to a folder leads to its README.md, which GitHub shows there."""
    found, new = set(), {README}
    while new:
        found |= new
        targets = {(page.parent / link.partition("#")[0]).resolve() for page in new for link in links(page) if link}
        new = {target / "README.md" if target.is_dir() else target for target in targets}
        new = {page for page in new if page.suffix == ".md" and page.exists()} - found
    # GitHub itself shows the pages in .github, and errors link to some.
    assert [name(page) for page in PAGES if page not in found and ".github" not in page.parts] == []


def test_links_to_this_repository_are_relative() -> None:
    """An absolute link leads to another version of the page. The build makes the README's links absolute for PyPI."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"\]\(https://github\.com/google-auth-botocore/google-auth-botocore/(blob|tree)", text), (
            page
        )


def test_the_readme_has_no_link_within_itself() -> None:
    """PyPI, which also shows it, has no anchors for headings."""
    assert [link for link in links(README) if link.startswith("#")] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Tokens\n## Tokens\n", {"tokens", "tokens-1"}),
        ("# What a `key file` could do?\n", {"what-a-key-file-could-do"}),
        ("# google.auth.aio\n", {"googleauthaio"}),
        ("# gcsfs, pandas\n", {"gcsfs-pandas"}),
        ("# [a link](https://example.com/x)\n", {"a-link"}),
        ('<a id="not-bound"></a>\n', {"not-bound"}),
        ("```sh\n# no heading\n```\n", set()),
    ],
)
def test_anchors_are_those_of_github(text: str, expected: set[str], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert anchors(page) == expected
