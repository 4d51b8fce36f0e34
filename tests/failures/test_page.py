"""The troubleshooting page is that of the table, and each error links to a section that stays."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from failures import page
from failures.messages import MESSAGES
from failures.test_table import entries, facts
from google_auth_botocore import FederationError, _failures
from google_auth_botocore._failures import _page
from google_auth_botocore._failures._entry import Failure
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._texts import explanations

TO_UPDATE = 'To update the page and the list of ids: WRITE_TABLE=1 pytest tests/failures -m "not slow"'
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/home/ann/.aws/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/home/ann/.aws/credentials")


def _ids() -> list[str]:
    return list(dict.fromkeys(entry.id for _, entry in entries()))


def test_the_page_is_up_to_date() -> None:
    text = page.written()
    if os.environ.get("WRITE_TABLE"):
        page.PATH.write_text(text, encoding="utf-8")
    current = page.PATH.read_text(encoding="utf-8")
    changes = "\n".join(
        difflib.unified_diff(current.splitlines(), text.splitlines(), "page", "table", lineterm="", n=0)
    )
    assert text == current, f"{TO_UPDATE}\n{changes[:4000]}"


def test_no_id_is_removed_from_the_page() -> None:
    """Errors of released versions link to them. A new name is an entry of `page.RENAMED`."""
    listed = page.IDS.read_text(encoding="utf-8").split()
    if os.environ.get("WRITE_TABLE"):
        listed += [each for each in _ids() if each not in listed]
        page.IDS.write_text("\n".join(sorted(listed)) + "\n", encoding="utf-8")
    assert set(listed) == {*_ids(), *page.RENAMED}, TO_UPDATE
    headings = re.findall("(?m)^### (.*)$", page.PATH.read_text(encoding="utf-8"))
    assert sorted(headings) == sorted(listed)
    # The anchor of a heading is the heading itself.
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", each) for each in listed)


def test_links_within_the_page_have_targets() -> None:
    text = page.PATH.read_text(encoding="utf-8")
    anchors = {page._anchor(each) for each in re.findall("(?m)^##+ (.*)$", text)}
    targets = re.findall(r"\]\(#([^)]*)\)", text)
    assert targets
    assert set(targets) <= anchors


def test_every_failure_with_an_error_has_a_message() -> None:
    without = [
        each.failure.id for each in page.sections() if each.general is None and not page.messages(each.failure.id)
    ]
    assert without == []
    assert MESSAGES.keys() <= set(_ids())


def test_the_address_is_that_of_the_project() -> None:
    assert f'\nTroubleshooting = "{_page.URL}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert _page.URL.endswith(page.PATH.relative_to(ROOT).as_posix())


def _with_hints() -> Iterator[tuple[str, Failure]]:
    return ((place, entry) for place, entry in entries() if entry.remedy(facts(entry)).sentences)


def test_the_link_is_on_its_own_line_before_the_command() -> None:
    for place, entry in _with_hints():
        hint = str(entry.remedy(facts(entry)).hint(entry.id))
        assert hint.count(f"\nMore: {_page.URL}#{entry.id}") == 1, place
        assert hint.partition(" More: ")[1] == ""


def test_an_error_links_to_its_section_and_is_explained_by_its_link() -> None:
    error = _failures.error("Google rejected it.", Facts("exchange", reason="invalid_target"))
    assert isinstance(error, FederationError)
    assert f"\nMore: {_page.URL}#provider-out-of-service\nRun: gcloud " in str(error)
    assert [each.failure.id for each in explanations(str(error))] == ["provider-out-of-service"]


@pytest.mark.parametrize("name", _ids())
def test_a_link_is_explained(name: str) -> None:
    wrapped = f"Something failed.\nMore: {_page.link(name)[:70]}\n{_page.link(name)[70:]}\nRun: true"
    for text in (f"{_page.link(name)}\n", wrapped, f"ERROR {_page.link('no-such-id')} {_page.link(name)}"):
        assert next(explanations(text)).failure.id == name


def test_the_last_link_in_a_log_comes_first() -> None:
    text = f"{_page.link('not-bound')}\n{_page.link('keys-expired')}\nUnable to locate credentials"
    assert [each.failure.id for each in explanations(text)] == ["keys-expired", "not-bound", "no-aws-keys"]
