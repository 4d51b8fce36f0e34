"""Every code block of every page runs as printed, in the order of the page.

The blocks of samples run in tests/samples and tests/consumers, which have what each sample needs. All other pages run here,
except blocks that begin with the name of a recipe: these run in tests/consumers/recipes, with the dependency group `consumers`.
The tests that write a page also run what is on it.
"""

from __future__ import annotations

import functools
import gc
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gcloud.aio.storage.storage
import hcl2
import polars as pl
import pytest
from adapters.token_checking_servers import Reply, Sent, TokenChecker

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import GoogleCloud
from pages.conftest import Shell
from pages.markdown import PAGES, README, ROOT, Block, blocks, is_generated, name

pytest_plugins = ["pytester"]

TESTS = ROOT / "tests"
SAMPLES = ROOT / "samples"
WITH_BLOCKS = [page for page in PAGES if blocks(page)]
HERE = [page for page in WITH_BLOCKS if not page.is_relative_to(SAMPLES) and not is_generated(page)]
LANGUAGES = {"hcl", "json", "python", "sh", "text", "toml", "yaml"}
RECIPES = "".join(path.read_text(encoding="utf-8") for path in (TESTS / "consumers" / "recipes").glob("test_*.py"))


def is_recipe(block: Block) -> bool:
    return bool(block.title) and f'("{block.title}"' in RECIPES


def is_test(block: Block) -> bool:
    return "def test_" in block.text


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


OF_SAMPLES = [
    page
    for page in WITH_BLOCKS
    if page.is_relative_to(SAMPLES) and not all(map(is_recipe, blocks(page, "python") or [Block(page, 0, "", "")]))
]


def with_python(kind: Any) -> list[Path]:
    return [page for page in HERE if any(kind(block) for block in blocks(page, "python"))]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name)
def test_every_block_has_a_language_and_its_syntax(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, block
        if block.language == "python":
            block.compiled()
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "hcl":
            hcl2.loads(block.text)
    commands = "".join(block.text for block in blocks(page, "sh"))
    subprocess.run(["bash", "-n", "-c", commands], check=True, timeout=60)


@pytest.mark.parametrize("page", [page for page in HERE if ".github" not in page.parts], ids=name)
def test_the_lines_of_blocks_fit_on_a_page_for_users(page: Path) -> None:
    """On GitHub, it is 830 pixels wide or wider, and longer lines have to be scrolled."""
    assert [line for block in blocks(page) for line in block.text.splitlines() if len(line) > 91] == []


@pytest.fixture(name="cloud")
def _cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleCloud]:
    """Both clouds, with a table in a bucket, and the settings of libraries whose requests are not redirected."""
    account = "gcp-copycat@my-project.iam.gserviceaccount.com"
    with GoogleCloud(service_account_email=account, buckets=["my-bucket"]) as cloud:
        table = io.BytesIO()
        pl.DataFrame({"x": [1, 2, 3]}).write_parquet(table)
        cloud.storage.put("my-bucket", "table.parquet", table.getvalue())
        options = {"google_base_url": cloud.storage.url, "allow_http": "true"}
        monkeypatch.setattr(pl, "scan_parquet", functools.partial(pl.scan_parquet, storage_options=options))
        # A page sets it, too, but gcsfs reads it only once, and another test may have imported gcsfs. It then waits for gRPC.
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        for module in [each for each in sys.modules if each.partition(".")[0] == "gcsfs"]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setenv("GOOGLE_BASE_URL", cloud.storage.url)  # obstore
        monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
        monkeypatch.setattr(gcloud.aio.storage.storage, "init_api_root", lambda *_: (False, cloud.storage.url))
        yield cloud


@pytest.fixture(name="api")
def _api(cloud: GoogleCloud) -> Iterator[str]:
    """The URL of all other APIs on the pages, which reject requests without a valid token."""
    documents: dict[str, Any] = {
        "/chat/completions": {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": []},
        "/v1/config": {"defaults": {}, "overrides": {}},
        "/namespaces": {"namespaces": [["sales"]]},
        "/pods": {"kind": "PodList", "apiVersion": "v1", "items": []},
        "/v1/traces": {},
    }

    def respond(sent: Sent) -> Reply:
        [document] = [document for end, document in documents.items() if sent.path.endswith(end)]
        return Reply(json.dumps(document).encode(), headers={"Content-Type": "application/json"})

    checker = TokenChecker(cloud.emulator)
    with checker.serve(respond) as url:
        yield url
    assert checker.rejected == 0


@pytest.mark.filterwarnings("ignore:the `credential_provider` parameter")  # polars marks it as unstable
# An example leaves its clients open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("page", with_python(lambda block: not is_recipe(block) and not is_test(block)), ids=name)
def test_python_blocks_run(page: Path, cloud: GoogleCloud, api: str) -> None:
    """They share their variables, as in one file."""
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        if not is_recipe(block) and not is_test(block):
            text = block.text.replace("https://storage.googleapis.com", cloud.storage.url)
            text = re.sub(r"https://(\w+\.googleapis\.com|203\.0\.113\.1)", api, text)
            exec(block._replace(text=text).compiled(), names)  # type: ignore[arg-type]  # it is code
    assert isinstance(names["credentials"], Credentials)
    names.clear()
    gc.collect()


@pytest.mark.parametrize("page", with_python(is_test), ids=name)
def test_tests_on_a_page_pass(page: Path, pytester: pytest.Pytester) -> None:
    tests = [block.text for block in blocks(page, "python") if is_test(block)]
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(tests)})
    result = pytester.runpytest("-p", "no:cacheprovider", "-p", "google_auth_botocore.pytest_plugin")
    result.assert_outcomes(passed="".join(tests).count("def test_"))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page == README else pytest.mark.slow, id=name(page))
        for page in HERE
        if blocks(page, "sh")
    ],
)
def test_shell_blocks_run(page: Path, shell: Shell) -> None:
    """They run in one shell, whose other programs only check their arguments."""
    configuration = Credentials(
        "projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod",
        "gcp-copycat@my-project.iam.gserviceaccount.com",
    ).info
    text = "".join(block.text for block in blocks(page, "sh"))
    # On some pages, another block writes the file, and on others, an administrator.
    if "--output external_account.json" not in text:
        text = f"cat > external_account.json <<'EOF'\n{json.dumps(configuration)}\nEOF\n{text}"
    shell(text.replace("8085", str(free_port())))


@pytest.mark.parametrize("page", OF_SAMPLES, ids=name)
def test_a_test_reads_each_page_of_the_samples(page: Path) -> None:
    """It contains the name of the page, or of the folder."""
    word = page.stem if page.name != "README.md" else page.parent.name
    readers = [path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path.parent.name != "pages"]
    assert any(f'"{word}' in text and re.search(r"README|PAGE|INDEX|blocks", text) for text in readers), word


@pytest.mark.slow
def test_the_install_block_of_the_readme_installs_a_clone(tmp_path: Path) -> None:
    """It has the command and no page, and nothing but what the README names."""
    [commands] = [block.text for block in blocks(README, "sh") if "pip install ." in block.text]
    clone = tmp_path / "clone"
    clone.mkdir()
    for each in ("README.md", "LICENSE", "pyproject.toml"):
        shutil.copy(ROOT / each, clone)
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", ".venv"], cwd=clone, check=True, timeout=120)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(["bash", "-euc", commands], cwd=clone, env=environment, check=True, timeout=500)
    done = subprocess.run(
        [clone / ".venv/bin/google-auth-botocore", "--version"], check=True, timeout=60, env=environment
    )
    assert done.returncode == 0
    assert not list((clone / ".venv").rglob("google_auth_botocore/**/*.md"))
