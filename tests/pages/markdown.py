"""The Markdown pages of the project: their code blocks, links and anchors."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted(
    path for pattern in ("*.md", "src/**/*.md", "samples/**/*.md", ".github/**/*.md") for path in ROOT.glob(pattern)
)
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A code block.

    Attributes:
        page: the page.
        line: the number of its first line.
        language: the word after the backticks; empty if there is none.
        text: the code, without the indentation of the block.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def title(self) -> str:
        """The first word of the comment with which the block begins, or an empty text."""
        found = re.match(r"# (\w+)", self.text)
        return found[1] if found else ""

    def compiled(self) -> object:
        """Return the Python code. Its tracebacks name the page and the line."""
        return compile("\n" * (self.line - 1) + self.text, str(self.page), "exec")


def name(page: Path) -> str:
    """Return the path below the root, as the name of a test."""
    return page.relative_to(ROOT).as_posix()


def is_generated(page: Path) -> bool:
    """Return whether a test writes the page, and says so in its first line."""
    return page.read_text(encoding="utf-8").startswith("<!-- Written from ")


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return the code blocks of a page.

    Args:
        page: its path.
        language: of the blocks; None: of any.
    """
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text.count("\n", 0, match.start()) + 2, match[2], re.sub(f"(?m)^{match[1]}", "", match[3]))
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def prose(page: Path) -> str:
    """Return the text of a page without its code blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    """Return the targets of the links and pictures of a page that are not URLs."""
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]*)", prose(page))


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page as GitHub creates them: of headings, and explicit ones."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]*)\"", text))
    same = Counter[str]()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)  # a link is shown as its text
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{same[slug]}" if same[slug] else slug)
        same[slug] += 1
    return found
