"""The first page of the API reference says what to import for what."""

from __future__ import annotations

import importlib
import re

import google_auth_botocore
from pages.markdown import README, ROOT

INDEX = (ROOT / ".github" / "api-reference" / "index.html.jinja2").read_text(encoding="utf-8")
ROWS = re.findall(r'\(".*", "(google_auth_botocore[\w.]*)", "(\w+)"\),', INDEX)


def test_every_name_on_the_first_page_can_be_imported() -> None:
    assert len(ROWS) > 10
    for module, name in ROWS:
        assert hasattr(importlib.import_module(module), name), (module, name)


def test_the_first_page_has_the_public_names() -> None:
    """`uninstall` and `Token` are on the pages of `install` and `Credentials`."""
    names = {name for module, name in ROWS if module == "google_auth_botocore"}
    assert names == set(google_auth_botocore.__all__) - {"Token", "__version__", "uninstall"}


def test_the_readme_links_to_the_published_reference() -> None:
    """GitHub Pages publishes what the workflow `docs` generates."""
    assert "(https://google-auth-botocore.github.io/google-auth-botocore/)" in README.read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "docs.yml").read_text(encoding="utf-8")
    assert "nox -s docs -- site" in workflow
    assert "actions/deploy-pages" in workflow
